"""What does a price file say, and which of its lines can nobody read?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from bot.adapters.price_files import digits
from bot.errors import NoData
from bot.prices.bars import Bars, Dates, Floats, RawBars, RejectedRow, Symbol, validate_rows

FIGURES = ("close", "adj_close", "high", "low")
THREE_HEADS = re.compile(rb"Price,.*\nTicker,.*\nDate,*\n")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00(\.0+)?)?([+-][0-9]{2}:[0-9]{2}|Z)?)?")


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows that could be read; `figures` holds one array (rows,) for each of FIGURES that the header names."""

    dates: Dates
    figures: dict[str, Floats]
    lines: Sequence[int]
    refused: tuple[RejectedRow, ...] = ()


def read(data: bytes, symbol: Symbol, where: str) -> Bars:
    """The prices of one symbol, from the bytes of a CSV file; `where` is the file's name for messages.

    Without any adjusted close, `adjusted` is the close. Without any close, `close` is the adjusted close, and `high`
    and `low`, which would be on another footing, are unknown. Raises NoData if no row can be used.
    """
    header, body, begin = _halves(data, where)
    names = _columns(header, where)
    table = _at_once(body, names, begin) or _line_by_line(body, names, begin, where)
    nothing = np.full(len(table.dates), np.nan)
    close, adjusted, high, low = (table.figures.get(name, nothing) for name in FIGURES)
    if np.isnan(adjusted).all():
        adjusted = close
    elif np.isnan(close).all():
        close, high, low = adjusted, nothing, nothing
    bars = validate_rows(symbol, where, RawBars(table.dates, close, adjusted, high, low, table.lines))
    bars = replace(bars, refused=table.refused + bars.refused)
    if np.isnan(bars.close).all() and np.isnan(bars.adjusted).all():
        first = f" First problem: {bars.refused[0]}." if bars.refused else ""
        raise NoData(f"{where}: no row has a date and a close.{first} Correct the file, or fetch it again.")
    return bars


def _halves(data: bytes, where: str) -> tuple[str, memoryview, int]:
    """The header line, the lines below it, each ended by a newline, and the number of the first of them.

    Where semicolons or tabs separate the cells, a comma is a decimal one. A table of yfinance may come with three lines
    of header, of which the last names only the date.
    """
    try:
        _ = data.isascii() or data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NoData(f"{where}: line {line} is not UTF-8 text. Save the file as CSV in UTF-8.") from error
    text = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text = text if text.endswith(b"\n") else text + b"\n"
    if b"," not in text[: text.index(b"\n")]:
        text = text.replace(b",", b".").replace(b";", b",").replace(b"\t", b",")
    heads = THREE_HEADS.match(text)
    header, begin = text[: text.index(b"\n")].decode(), 4 if heads else 2
    body = memoryview(text)[heads.end() if heads else len(header.encode()) + 1 :]
    if heads:
        header = header.replace("Price", "Date", 1)
    if not header.strip():
        what = "first line" if text.strip() else "file"
        raise NoData(f"{where}: the {what} is empty. Fetch the file again, or remove it.")
    return header, body, begin


def _columns(header: str, where: str) -> list[str]:
    """The columns' names, in small letters, with _ for spaces ("Adj Close" is adj_close)."""
    names = [name.strip().strip('"').lower().replace(" ", "_") for name in header.split(",")]
    once = all(names.count(name) == 1 for name in ("date", *FIGURES) if name in names)
    if "date" not in names or not {"close", "adj_close"} & set(names) or not once:
        raise NoData(
            f"{where}: the first line is {header[:80]!r}, but must name the columns, each once, among them date and"
            " close or adj_close. Put such a line on top, as in: date,open,high,low,close,adj_close,volume"
        )
    return names


def _at_once(body: memoryview, names: list[str], begin: int) -> _Table | None:
    """The table if it is clean and begins with the date, as nearly every file."""
    wanted = [name for name in FIGURES if name in names]
    if names[0] != "date":
        return None
    found = digits.read(body, len(names), [names.index(name) for name in wanted])
    if found is None:
        return None
    dates, columns = found
    return _Table(dates, dict(zip(wanted, columns, strict=True)), range(begin, len(dates) + begin))


def _line_by_line(body: memoryview, names: list[str], begin: int, where: str) -> _Table:
    """The table with a refusal for each line or figure that is none."""
    refused: list[RejectedRow] = []
    dates: list[date] = []
    lines: list[int] = []
    figures: dict[str, list[float]] = {name: [] for name in FIGURES if name in names}
    for line, text in enumerate(bytes(body).decode().split("\n"), start=begin):
        cells = dict(zip(names, (cell.strip().strip('"') for cell in text.split(",")), strict=False))
        day = _date(cells.get("date", ""))
        place = f"{where} line {line}"
        if not text.strip():
            continue
        if text.count(",") + 1 != len(names):
            refused.append(RejectedRow(place, f"{len(names)} cells expected, as in the header; the row is left out"))
        elif day is None:
            refused.append(RejectedRow(place, f"{cells['date'][:40]!r} is no date (YYYY-MM-DD); the row is left out"))
        else:
            dates.append(day)
            lines.append(line)
            for name, column in figures.items():
                column.append(_number(cells[name], name, place, refused))
    columns = {name: np.array(column, dtype=np.float64) for name, column in figures.items()}
    return _Table(np.array(dates, dtype="M8[D]"), columns, lines, tuple(refused))


def _date(cell: str) -> date | None:
    """The day; a midnight behind it, as pandas writes one, changes nothing."""
    if not DAY.fullmatch(cell):
        return None
    try:
        return date.fromisoformat(cell[: len("YYYY-MM-DD")])
    except ValueError:
        return None


def _number(cell: str, name: str, place: str, refused: list[RejectedRow]) -> float:
    """The number in a cell; NaN if it is empty, and with a refusal if it holds something else."""
    if not cell:
        return np.nan
    try:
        number = float(cell)
    except ValueError:
        number = np.nan
    if np.isnan(number) or "_" in cell:
        refused.append(RejectedRow(place, f"{name} {cell[:40]!r} is no number; it is left out"))
        return np.nan
    return number
