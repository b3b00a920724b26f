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
    """A rejected row or price, with its place and the reason."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """A split or dividend of a share before `session` opened.

    `split` is the number of new shares for an old share (10.0, or 0.1), `dividend` is per share in its currency.
    """

    session: date
    split: float = 1.0
    dividend: float = 0.0


@dataclass(frozen=True, slots=True)
class Revision:
    """A changed close of a past session, adjusted for splits alone (NaN = missing)."""

    symbol: Symbol
    session: date
    old: float
    new: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Daily prices of a symbol, ascending by the exchange's local date, without repeated dates.

    All arrays have shape (rows,); NaN = the source has no value. `close`, `high`, `low` are adjusted for splits,
    `adjusted` for splits and dividends. `where` names the source for error messages ("prices/MU.csv", "Yahoo").
    `as_of` is the time (UTC) of the last row's price, `volume` counts shares, `currency` is the source's code ("USD",
    "GBp"); None and "" = not given. `actions` are those of the rows, and `rescaled` is the factor by which all closes
    of earlier evaluations were multiplied since.
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
    """The bars of a symbol without any price."""
    none = np.empty(0)
    return Bars(symbol, np.empty(0, dtype="datetime64[D]"), none, none, none, none, where="")


class PriceSource(Protocol):
    """A source of daily prices."""

    def bars(self, symbol: Symbol) -> Bars:
        """The whole history; NoData for an unknown symbol or without a usable row, SourceUnreachable = no answer."""
        ...


class IncrementalSource(PriceSource, Protocol):
    """A source with an additional request for the newest rows alone."""

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        """The rows from `day` on. Raises as `bars` does."""
        ...


Rows = npt.NDArray[np.intp]
Refuse = Callable[[np.intp, str], None]

# Limits of a share price in any currency, after any number of splits.
MIN_PRICE, MAX_PRICE = 1e-12, 1e12


@dataclass(frozen=True, slots=True)
class RawBars:
    """Rows of a source, in its order; arrays of shape (rows,), NaN = empty, NaT = no date.

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
    """Rows ascending by date, without repeated dates, every price from MIN_PRICE to MAX_PRICE; rejections are listed.

    Of a price outside the limits only the figure is removed. A high below the low removes both. Rows in the wrong order
    are sorted and reported once. Equal rows of a date count once, of different rows of a date none counts.
    """
    refused: list[RejectedRow] = []

    def refuse(row: np.intp, why: str) -> None:
        label = raw.dates[row] if raw.lines is None else f"line {raw.lines[int(row)]}"
        refused.append(RejectedRow(f"{where} {label}", why))

    high, low = checked_prices("high", raw.high, refuse), checked_prices("low", raw.low, refuse)
    crossed = high < low
    for row in np.flatnonzero(crossed):
        refuse(row, "high is below low; both are left out")
    high[crossed] = low[crossed] = np.nan
    close, adjusted = checked_prices("close", raw.close, refuse), checked_prices("adjusted close", raw.adjusted, refuse)
    for row in np.flatnonzero(np.isnat(raw.dates)):
        refuse(row, "the row has no date; it is left out")
    dated = np.flatnonzero(~np.isnat(raw.dates))
    backwards = np.flatnonzero(raw.dates[dated][1:] < raw.dates[dated][:-1])
    if len(backwards):
        refuse(dated[backwards[0] + 1], "the dates are not in ascending order; the rows are sorted")
    order = dated[np.argsort(raw.dates[dated], kind="stable")]
    stay = without_repeated_dates(order, raw.dates, (close, adjusted, high, low), refuse)
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


def checked_prices(name: str, values: Floats, refuse: Refuse) -> Floats:
    """A copy of `values`, NaN outside of MIN_PRICE to MAX_PRICE."""
    prices = np.array(values, dtype=np.float64)
    wrong = (prices < MIN_PRICE) | (prices > MAX_PRICE)
    for row in np.flatnonzero(wrong):
        refuse(row, f"{name} {float(prices[row])!r} is no price; it is left out")
    prices[wrong] = np.nan
    return prices


def without_repeated_dates(order: Rows, dates: Dates, columns: Sequence[Floats], refuse: Refuse) -> Rows:
    """The rows to keep, ascending by date: the first of equal rows of a date, none of different rows."""
    follows = dates[order][1:] == dates[order][:-1]
    if not follows.any():
        return order
    repeated = np.append(False, follows) | np.append(follows, False)
    stay, rows = [order[~repeated]], order[repeated]
    for group in np.split(rows, np.flatnonzero(np.diff(dates[rows]) != np.timedelta64(0)) + 1):
        if all(np.array_equal(values[group[1:]], values[group[:-1]], equal_nan=True) for values in columns):
            stay.append(group[:1])
            refuse(group[-1], "the row stands twice; it counts once")
        else:
            refuse(group[-1], "two rows of one date disagree; both are left out")
    rows = np.concatenate(stay)
    return rows[np.argsort(dates[rows], kind="stable")]
