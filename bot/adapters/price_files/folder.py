"""What do the price files of a folder say?"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from bot.adapters.price_files import reading
from bot.errors import NoData
from bot.prices.bars import Bars, Symbol


class CsvFolder:
    """A folder with one file a symbol, SYMBOL.csv; an index may be written without its ^ (SOX.csv for ^SOX).

    The header of a file names its columns, in any order: date, and close or adj_close; high and low are read too.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def symbols(self) -> tuple[Symbol, ...]:
        """The names of the files, without .csv, sorted. Raises NoData if there is no such folder."""
        try:
            return tuple(sorted(Symbol(path.stem) for path in self._folder.iterdir() if path.suffix == ".csv"))
        except OSError as error:
            raise NoData(
                f"{self._folder}: the folder cannot be read ({error.strerror}). Name a folder of SYMBOL.csv files."
            ) from error

    def bars(self, symbol: Symbol) -> Bars:
        """The whole history; lines that are not believed are among the refused, with their numbers.

        Raises NoData if there is no file, or none that can be used.
        """
        names = dict.fromkeys([f"{symbol}.csv", f"{symbol.removeprefix('^')}.csv"])
        paths = [self._folder / name for name in names if Path(name).name == name]
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            raise NoData(f"{self._folder}: there is no file {' or '.join(names)}. {_hint(symbol, self.symbols())}")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise NoData(f"{path}: cannot be read ({error.strerror}). A readable file is needed there.") from error
        return reading.read(data, symbol, str(path))


def _hint(symbol: Symbol, names: Sequence[Symbol]) -> str:
    near = difflib.get_close_matches(symbol.upper(), {name.upper() for name in names}, n=3)
    close = [name for name in names if name.upper() in near]
    if close:
        return f"There is {', '.join(close)}: correct the symbol in the basket, or rename the file."
    return "Put the file there, or take the symbol out of the basket."
