"""Daily bars of one symbol, corporate actions, source protocols, row validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NewType, Protocol

import numpy as np
import numpy.typing as npt

Symbol = NewType("Symbol", str)
Floats = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row or price that was not believed: where it stands, and why."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """What a company did to its shares before `session` opened.

    `split` is how many shares one became (10.0, or 0.1), `dividend` what was paid for one share in its currency.
    """

    session: date
    split: float = 1.0
    dividend: float = 0.0


@dataclass(frozen=True, slots=True)
class Revision:
    """The close of a past session, adjusted for splits alone, reads otherwise than it did (NaN = there was none)."""

    symbol: Symbol
    session: date
    old: float
    new: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Daily prices of one symbol, ascending by the exchange's local date, one row a date.

    All arrays have shape (rows,); NaN = the source has no value. `close`, `high`, `low` are adjusted for splits,
    `adjusted` for splits and dividends. `where` names the source for error messages ("prices/MU.csv", "Yahoo").
    `as_of` is the time (UTC) of the last row's price where the source tells it. `volume` counts shares (None = the
    source does not tell), `actions` are those of the rows, `currency` is the source's word for it ("USD", "GBp"; "" =
    it does not tell), and `rescaled` by how much all of the closes that were judged on were multiplied since.
    """

    symbol: Symbol
    dates: Dates
    close: Floats
    adjusted: Floats
    high: Floats
    low: Floats
    where: str
    refused: tuple[RejectedRow, ...] = ()
    as_of: datetime | None = None
    volume: Floats | None = None
    actions: tuple[CorporateAction, ...] = ()
    currency: str = ""
    rescaled: float = 1.0


def empty_bars(symbol: Symbol) -> Bars:
    """A symbol of which there is no price at all."""
    none = np.empty(0)
    return Bars(symbol, np.empty(0, dtype="datetime64[D]"), none, none, none, none, where="")


class PriceSource(Protocol):
    """Anything that has daily prices."""

    def bars(self, symbol: Symbol) -> Bars:
        """The whole history of `symbol`.

        Raises NoData if the source does not know the symbol or has no usable row, SourceUnreachable if it cannot
        be asked just now.
        """
        ...


class IncrementalSource(PriceSource, Protocol):
    """A source that can also give the newest rows alone."""

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        """The rows from `day` on. Raises as `bars` does."""
        ...


Rows = npt.NDArray[np.intp]
Refuse = Callable[[np.intp, str], None]

# Beyond these nothing is a price of a share, in any currency and however often it was split.
LEAST, MOST = 1e-12, 1e12


@dataclass(frozen=True, slots=True)
class RawBars:
    """Rows as a source gave them, in its order; arrays of shape (rows,), NaN = empty, NaT = no date.

    `lines` are the rows' line numbers in a file; None where the date alone names a row.
    """

    dates: Dates
    close: Floats
    adjusted: Floats
    high: Floats
    low: Floats
    lines: Sequence[int] | None = None
    volume: Floats | None = None
    actions: tuple[CorporateAction, ...] = ()
    currency: str = ""


def validate_rows(symbol: Symbol, where: str, raw: RawBars, as_of: datetime | None = None) -> Bars:
    """Rows in order, one a date, every price between LEAST and MOST; what is refused is listed with its place.

    A price that is none is taken out (the row is then missing that figure). A row whose high
    is below its low loses both. Rows in the wrong order are sorted and reported once. Equal rows of one date count
    once; rows of one date that disagree are both refused, for nothing says which is right.
    """
    refused: list[RejectedRow] = []

    def refuse(row: np.intp, why: str) -> None:
        place = raw.dates[row] if raw.lines is None else f"line {raw.lines[int(row)]}"
        refused.append(RejectedRow(f"{where} {place}", why))

    high, low = _prices("high", raw.high, refuse), _prices("low", raw.low, refuse)
    crossed = high < low
    for row in np.flatnonzero(crossed):
        refuse(row, "high is below low; both are left out")
    high[crossed] = low[crossed] = np.nan
    close, adjusted = _prices("close", raw.close, refuse), _prices("adjusted close", raw.adjusted, refuse)
    stay = _one_a_date(_in_order(raw.dates, refuse), raw.dates, (close, adjusted, high, low), refuse)
    return Bars(
        symbol=symbol,
        dates=raw.dates[stay],
        close=close[stay],
        adjusted=adjusted[stay],
        high=high[stay],
        low=low[stay],
        where=where,
        refused=tuple(refused),
        as_of=as_of,
        volume=None if raw.volume is None else raw.volume[stay],
        actions=raw.actions,
        currency=raw.currency,
    )


def _prices(name: str, values: Floats, refuse: Refuse) -> Floats:
    """A copy of `values` in which only what can be a price is left."""
    believed = np.array(values, dtype=np.float64)
    wrong = (believed < LEAST) | (believed > MOST)
    for row in np.flatnonzero(wrong):
        refuse(row, f"{name} {float(believed[row])!r} is no price; it is left out")
    believed[wrong] = np.nan
    return believed


def _in_order(dates: Dates, refuse: Refuse) -> Rows:
    """The rows that have a date, ascending by it."""
    dated = np.flatnonzero(~np.isnat(dates))
    for row in np.flatnonzero(np.isnat(dates)):
        refuse(row, "the row has no date; it is left out")
    backwards = np.flatnonzero(dates[dated][1:] < dates[dated][:-1])
    if len(backwards):
        refuse(dated[backwards[0] + 1], "the dates are not in ascending order; the rows are sorted")
    return dated[np.argsort(dates[dated], kind="stable")]


def _one_a_date(order: Rows, dates: Dates, columns: Sequence[Floats], refuse: Refuse) -> Rows:
    """The rows that stay, ascending by date: of equal rows the first, of rows that disagree none."""
    follows = dates[order][1:] == dates[order][:-1]
    if not follows.any():
        return order
    joins = np.flatnonzero(follows)
    crowd = np.union1d(joins, joins + 1)
    stay = [np.delete(order, crowd)]
    for group in np.split(order[crowd], np.flatnonzero(np.diff(dates[order[crowd]]) != np.timedelta64(0)) + 1):
        same = all(np.array_equal(values[group[1:]], values[group[:-1]], equal_nan=True) for values in columns)
        if same:
            stay.append(group[:1])
            refuse(group[-1], "the row stands twice; it counts once")
        else:
            refuse(group[-1], "two rows of one date disagree; both are left out")
    rows = np.concatenate(stay)
    return rows[np.argsort(dates[rows], kind="stable")]
