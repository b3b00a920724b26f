"""CSV price folder and the price cache: daily bars of one symbol a file."""

from __future__ import annotations

import contextlib
import csv
import difflib
import io
import logging
import math
import os
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from bot.errors import NoData, SourceUnreachable
from bot.prices.bars import Bars, Dates, Floats, IncrementalSource, RawBars, RejectedRow, Symbol, validate_rows

PRICE_COLUMNS = ("close", "adj_close", "high", "low")
THREE_LINE_HEADER = re.compile(r"Price,.*\nTicker,.*\nDate,*(\n|\Z)")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00(\.0+)?)?([+-][0-9]{2}:[0-9]{2}|Z)?)?")

CACHED_PRICES = ("close", "adjusted", "high", "low")
OVERLAP_SESSIONS = 10  # fetched again with the new ones, to see whether the past was revised
ROUNDING_TOLERANCE = 1e-6  # relative; a dividend of a hundredth of a per cent is more
MAX_NEW_JUMP = 0.15  # log return; no correction of a close is so large, and no split so small
UNREADABLE = (
    EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip

csv.field_size_limit(2**31 - 1)  # of any length: a wrong cell is rejected with its line, not with the whole file
log = logging.getLogger(__name__)


class CsvFolder:
    """A folder of files SYMBOL.csv; an index may be written without the ^ (SOX.csv for ^SOX).

    The header names the columns, in any order: date, and close or adj_close; high and low are read too.
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
        """The whole history; rejected lines are in `refused`, with line numbers.

        Raises NoData without a file or a usable row.
        """
        names = dict.fromkeys([f"{symbol}.csv", f"{symbol.removeprefix('^')}.csv"])
        paths = [self._folder / name for name in names if Path(name).name == name]
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            symbols = self.symbols()
            matches = difflib.get_close_matches(symbol.upper(), {name.upper() for name in symbols}, n=3)
            similar = [name for name in symbols if name.upper() in matches]
            remedy = "Put the file there, or take the symbol out of the basket."
            if similar:
                remedy = f"There is {', '.join(similar)}: correct the symbol in the basket, or rename the file."
            raise NoData(f"{self._folder}: there is no file {' or '.join(names)}. {remedy}")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise NoData(f"{path}: cannot be read ({error.strerror}). A readable file is needed there.") from error
        return parse_csv(data, symbol, str(path))


@dataclass(frozen=True, slots=True)
class _ParsedCsv:
    """The rows with a date. `prices` holds an array (rows,) for each of PRICE_COLUMNS that the header names."""

    dates: Dates
    prices: dict[str, Floats]
    lines: Sequence[int]
    rejected: tuple[RejectedRow, ...] = ()


def parse_csv(data: bytes, symbol: Symbol, where: str) -> Bars:
    """The prices of one symbol, from the bytes of a CSV file; `where` is the file's name for messages.

    Without any adjusted close, `adjusted` is the close. Without any close, `close` is the adjusted close, and `high`
    and `low`, which are adjusted otherwise, are NaN. Raises NoData if no row can be used.
    """
    names, body, first_line = _read_header(data, where)
    parsed = _parse_plain(names, body, first_line) or _parse_rows(names, body, first_line, where)
    missing = np.full(len(parsed.dates), np.nan)
    close, adjusted, high, low = (parsed.prices.get(name, missing) for name in PRICE_COLUMNS)
    if np.isnan(adjusted).all():
        adjusted = close
    elif np.isnan(close).all():
        close, high, low = adjusted, missing, missing
    bars = validate_rows(symbol, where, RawBars(parsed.dates, close, adjusted, high, low, parsed.lines))
    bars = replace(bars, refused=parsed.rejected + bars.refused)
    if np.isnan(bars.close).all() and np.isnan(bars.adjusted).all():
        first = f" First problem: {bars.refused[0]}." if bars.refused else ""
        raise NoData(f"{where}: no row has a date and a close.{first} Correct the file, or fetch it again.")
    return bars


def _read_header(data: bytes, where: str) -> tuple[list[str], str, int]:
    """The columns' names in lower case ("Adj Close" is adj_close), the lines below, and the number of the first line.

    Where semicolons or tabs separate the cells, a comma is a decimal comma: separators become commas, commas become
    dots. A table of yfinance may have a header of three lines; the last names only the date. Raises NoData.
    """
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NoData(f"{where}: line {line} is not UTF-8 text. Save the file as CSV in UTF-8.") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "," not in text.partition("\n")[0]:
        text = text.translate(str.maketrans(",;\t", ".,,"))
    header, _, body = text.partition("\n")
    first_line = 2
    if three_lines := THREE_LINE_HEADER.match(text):
        header, body, first_line = header.replace("Price", "Date", 1), text[three_lines.end() :], 4
    if not header.strip():
        what = "first line" if text.strip() else "file"
        raise NoData(f"{where}: the {what} is empty. Fetch the file again, or remove it.")
    names = [name.strip().strip('"').lower().replace(" ", "_") for name in header.split(",")]
    unique = all(names.count(name) == 1 for name in ("date", *PRICE_COLUMNS) if name in names)
    if "date" not in names or not {"close", "adj_close"} & set(names) or not unique:
        raise NoData(
            f"{where}: the first line is {header[:80]!r}, but must name the columns, each once, among them date and"
            " close or adj_close. Put such a line on top, as in: date,open,high,low,close,adj_close,volume"
        )
    return names, body, first_line


def _parse_plain(names: list[str], body: str, first_line: int) -> _ParsedCsv | None:
    """The rows, if every line is a date and plain numbers, as in nearly every file; None for all other files."""
    if not body.strip() or body.encode().translate(None, b"0123456789.,-\n"):
        return None
    filled = body.replace(",,", ",nan,").replace(",,", ",nan,").replace(",\n", ",nan\n")
    rows = filled.removesuffix("\n").split("\n")
    # A date has ten characters; the eleventh tells what is longer.
    dtype = [(str(column), "U11" if name == "date" else "f8") for column, name in enumerate(names)]
    try:
        table = np.loadtxt(rows, dtype, delimiter=",", comments=None, ndmin=1)
        days = table[str(names.index("date"))]
        dates = days.astype("M8[D]")
    except ValueError:
        return None
    if len(table) < len(rows) or (np.strings.str_len(days) != 10).any() or dates.min() < np.datetime64("0001-01-01"):
        return None
    prices = {name: table[str(names.index(name))] for name in PRICE_COLUMNS if name in names}
    return _ParsedCsv(dates, prices, range(first_line, first_line + len(rows)))


def _parse_rows(names: list[str], body: str, first_line: int, where: str) -> _ParsedCsv:
    """The rows, with a rejection for each line or price that cannot be read."""
    rejected: list[RejectedRow] = []
    dates: list[date] = []
    lines: list[int] = []
    prices: dict[str, list[float]] = {name: [] for name in PRICE_COLUMNS if name in names}
    # Quotes have no meaning: an unpaired one would swallow the lines below it.
    for line, row in enumerate(csv.reader(body.split("\n"), quoting=csv.QUOTE_NONE), first_line):
        cells = dict(zip(names, (cell.strip().strip('"') for cell in row), strict=False))
        place = f"{where} line {line}"
        if len(row) != len(names):
            if ",".join(row).strip():
                rejected.append(
                    RejectedRow(place, f"{len(names)} cells expected, as in the header; the row is left out")
                )
        elif (day := _to_date(cells["date"])) is None:
            rejected.append(RejectedRow(place, f"{cells['date'][:40]!r} is no date (YYYY-MM-DD); the row is left out"))
        else:
            dates.append(day)
            lines.append(line)
            for name, column in prices.items():
                number = _to_number(cells[name])
                if number is None:
                    rejected.append(RejectedRow(place, f"{name} {cells[name][:40]!r} is no number; it is left out"))
                column.append(math.nan if number is None else number)
    arrays = {name: np.array(column, dtype=np.float64) for name, column in prices.items()}
    return _ParsedCsv(np.array(dates, dtype="M8[D]"), arrays, lines, tuple(rejected))


def _to_date(cell: str) -> date | None:
    """The day in a cell, None without a date; a following midnight, as written by pandas, is ignored."""
    try:
        return date.fromisoformat(cell[: len("YYYY-MM-DD")]) if DATE.fullmatch(cell) else None
    except ValueError:
        return None


def _to_number(cell: str) -> float | None:
    """The number in a cell, NaN for an empty cell, None for any other text."""
    try:
        number = float(cell) if cell else math.nan
    except ValueError:
        return None
    return None if (cell and math.isnan(number)) or "_" in cell else number


class PriceCache:
    """A source that stores the prices of `upstream`, a file SYMBOL.npz a symbol, and requests only new rows.

    Deleted and unreadable files are fetched again. The newest row is never stored: the session may not be over, and
    stored rows are final.
    """

    def __init__(self, folder: Path, upstream: IncrementalSource) -> None:
        self._folder = folder
        self._upstream = upstream

    def bars(self, symbol: Symbol) -> Bars:
        """The whole history with the newest rows of the upstream source.

        A changed row means that a split or dividend changed the whole past: the whole history is fetched, and refused
        if only a part of the rows was adjusted. Raises the errors of the upstream source; the file then stays
        unchanged.
        """
        stored = self.cached(symbol)
        if stored is None:
            return self.refetch(symbol)
        newest = self._upstream.bars_since(symbol, stored.dates[-OVERLAP_SESSIONS:][0].item())
        whole = _merge(stored, newest) if _agree(stored, newest) else self._revised(stored)
        final = _final(whole)
        if any(not np.array_equal(getattr(stored, name), values, equal_nan=True) for name, values in final.items()):
            self._store(whole)
        return whole

    def refetch(self, symbol: Symbol) -> Bars:
        """The whole history from the upstream source, whatever is stored."""
        whole = self._upstream.bars(symbol)
        self._store(whole)
        return whole

    def cached(self, symbol: Symbol) -> Bars | None:
        """The stored rows, which are final; None if there are none, or none that can be used."""
        path = self._path(symbol)
        if not path.exists():
            if path.with_suffix(".csv").exists():
                log.info("%s: a cache of an earlier version, which is not read any more", path.with_suffix(".csv"))
            return None
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
                dates, *prices = (archive[name] for name in ("dates", *CACHED_PRICES))
            types = [values.dtype for values in (dates, *prices)]
            if types != ["M8[D]", *["f8"] * 4] or any(values.shape != dates.shape for values in prices):
                raise ValueError("its arrays do not fit")
            bars = validate_rows(symbol, str(path), RawBars(dates, *prices))
            if bars.refused or np.isnan([bars.close, bars.adjusted]).all():
                raise ValueError(bars.refused[0].why if bars.refused else "it holds no close")
        except UNREADABLE as error:
            log.warning("%s cannot be used (%s); the whole history is fetched anew", path, error)
            return None
        return bars

    def _revised(self, stored: Bars) -> Bars:
        """The upstream source's whole history; SourceUnreachable for jumps that are not in `stored`."""
        whole = self._upstream.bars(stored.symbol)
        _, rows, new_rows = np.intersect1d(stored.dates, whole.dates, assume_unique=True, return_indices=True)
        before, now = (np.abs(np.diff(np.log(close))) for close in (stored.close[rows], whole.close[new_rows]))
        if len(jumps := np.flatnonzero(now > before + MAX_NEW_JUMP)):
            day, path = whole.dates[new_rows[jumps[0] + 1]], self._path(stored.symbol)
            raise SourceUnreachable(
                f"The past of {stored.symbol} reads otherwise than it did, and jumps on {day} as if a split counted on"
                f" some days only; what is known stays. Ask again later; if the jump is right, delete {path}."
            )
        return whole

    def _store(self, bars: Bars) -> None:
        """Write all rows but the newest, whole or not at all. Where that fails, the next start takes longer."""
        if len(bars.dates) < 2:
            return
        path = self._path(bars.symbol)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **_final(bars))
            part.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            log.warning("%s cannot be written (%s); the whole history is fetched at each start", path, error)

    def _path(self, symbol: Symbol) -> Path:
        return self._folder / f"{symbol}.npz"


def _final(bars: Bars) -> dict[str, Dates | Floats]:
    """The columns that are stored, without the newest row."""
    return {name: getattr(bars, name)[:-1] for name in ("dates", *CACHED_PRICES)}


def _agree(stored: Bars, newest: Bars) -> bool:
    """True if the closes of common dates are equal up to rounding; False without common dates."""
    _, rows, new_rows = np.intersect1d(stored.dates, newest.dates, assume_unique=True, return_indices=True)
    pairs = ((stored.close[rows], newest.close[new_rows]), (stored.adjusted[rows], newest.adjusted[new_rows]))
    changes = np.concatenate([np.abs(now / before - 1) for before, now in pairs])
    changes = changes[~np.isnan(changes)]
    return len(changes) > 0 and bool((changes <= ROUNDING_TOLERANCE).all())


def _merge(stored: Bars, newest: Bars) -> Bars:
    """`newest` with the rows of `stored` that are missing, or without a price, in `newest`."""
    priced = ~(np.isnan(newest.close) & np.isnan(newest.adjusted)) | ~np.isin(newest.dates, stored.dates)
    older = ~np.isin(stored.dates, newest.dates[priced])
    dates = np.concatenate([stored.dates[older], newest.dates[priced]])
    order = np.argsort(dates)
    close, adjusted, high, low = (
        np.concatenate([getattr(stored, name)[older], getattr(newest, name)[priced]])[order] for name in CACHED_PRICES
    )
    # Volumes are not stored: those of the sessions fetched again are enough to tell a heavy day.
    volume = None
    if newest.volume is not None:
        volume = np.concatenate([np.full(older.sum(), np.nan), newest.volume[priced]])[order]
    return replace(newest, dates=dates[order], close=close, adjusted=adjusted, high=high, low=low, volume=volume)
