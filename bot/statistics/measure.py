"""Move, rank, percentile and drawdown of every session of a series, each against its past alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from math import isnan
from typing import Any, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

from bot.baskets import BasketSeries
from bot.prices.bars import Dates, Floats
from bot.prices.table import Flags
from bot.statistics.drawdown import drawdown_columns
from bot.statistics.ranks import Ints, rank_against_past
from bot.statistics.verdict import DrawdownState, DrawdownThresholds, Verdict

PERCENTILE_WINDOWS = 250
YEARS_OF_HISTORY = 3
STATES = tuple(DrawdownState)
NONE = np.int32(0)
NOWHERE = np.int32(-1)
UNDEFINED = np.float64(np.nan)
NO_STATE = np.int8(DrawdownState.NONE)
Days = date | Dates
Counts = npt.NDArray[np.int32]
States = npt.NDArray[np.int8]
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class VerdictColumns:
    """The verdict of every session, as columns of shape (T,); where `move` is NaN there is none.

    `worst_at` and `peak_at` are positions (-1 = none), `worst_in_years` is 0 where it is not defined. `first` is the
    position of the first value (T without a value). The rest is as in Verdict.
    """

    sessions: Dates
    window: int
    first: int
    daily_return: Floats
    coverage: Floats
    move: Floats
    rank: Counts
    sample: Counts
    percentile: Floats
    worst_at: Counts
    worst_in_years: Counts
    drawdown: Floats
    peak_at: Counts
    state: States
    entered_state: States
    missing_sessions: Counts

    @property
    def defined(self) -> Flags:
        return ~np.isnan(self.move)

    @property
    def record(self) -> Flags:
        """Whether no earlier move was as low."""
        return self.defined & (self.worst_at < 0)

    def day(self, position: int) -> date:
        """The label of a session."""
        return cast("date", self.sessions.item(position))

    def at(self, position: int) -> Verdict | None:
        """The verdict of one session; None = its move is not defined."""
        move = self.move.item(position)
        if isnan(move):
            return None
        worst_at = self.worst_at.item(position)
        earlier = worst_at >= 0
        percentile = self.percentile.item(position)
        return Verdict(
            self.day(position),
            self.window,
            self.daily_return.item(position),
            move,
            self.rank.item(position),
            self.sample.item(position),
            None if isnan(percentile) else percentile,
            self.day(worst_at) if earlier else None,
            position - worst_at if earlier else None,
            self.worst_in_years.item(position) or None,
            not earlier,
            self.drawdown.item(position),
            self.day(self.peak_at.item(position)),
            STATES[self.state.item(position)],
            self.coverage.item(position),
            self.day(self.first),
            STATES[self.entered_state.item(position)],
            self.missing_sessions.item(position),
        )

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Verdict | None]:
        """The verdicts of sessions `start` to `stop`, None where the move is not defined."""
        return map(self.at, range(len(self.sessions))[start:stop])


def window_moves(daily_return: Floats, window: int) -> Floats:
    """The `window`-session move of every session, shape (T,): NaN unless all its sessions have a value."""
    growth = 1 + daily_return
    move = np.full(len(growth), np.nan)
    ends = max(len(growth) - window + 1, 0)
    product = growth[:ends]
    for offset in range(1, window):
        product = product * growth[offset : offset + ends]
    np.subtract(product, 1, out=move[len(move) - ends :])
    return move


def measure_basket(series: BasketSeries, window: int, thresholds: DrawdownThresholds) -> VerdictColumns:
    """The verdicts of a basket, walk-forward: figures of session t rest on sessions up to t alone."""
    daily = series.daily_return
    return _measure(series.sessions, window, daily, series.coverage, window_moves(daily, window), daily, thresholds)


def measure_spread(
    basket: BasketSeries, against: BasketSeries, window: int, thresholds: DrawdownThresholds
) -> VerdictColumns:
    """The verdicts of the spread `basket` minus `against`, on their common sessions.

    `daily_return` is the difference of the daily returns. A difference has no level to fall from: drawdown is 0 and the
    state NONE.
    """
    sessions, left, right = np.intersect1d(basket.sessions, against.sessions, assume_unique=True, return_indices=True)
    daily = basket.daily_return[left] - against.daily_return[right]
    coverage = np.minimum(basket.coverage[left], against.coverage[right])
    move = window_moves(basket.daily_return, window)[left] - window_moves(against.daily_return, window)[right]
    return _measure(sessions, window, daily, coverage, move, 0 * daily, thresholds)


def _measure(
    sessions: Dates,
    window: int,
    daily: Floats,
    coverage: Floats,
    move: Floats,
    drawdown_returns: Floats,
    thresholds: DrawdownThresholds,
) -> VerdictColumns:
    """The verdicts of a series whose drawdown follows from `drawdown_returns`, daily returns of shape (T,)."""
    total = len(sessions)
    readable = ~np.isnan(daily)
    first = int(readable.argmax()) if readable.any() else total
    rows = (~np.isnan(move)).nonzero()[0]
    ranks = rank_against_past(move[rows])
    count = np.arange(1, len(rows) + 1)
    percentile = 100 * (ranks.at_or_below + 1) / count
    percentile[: PERCENTILE_WINDOWS - 1] = np.nan
    years = worst_in_years(sessions[first : first + 1], sessions[rows][ranks.latest], sessions[rows])
    # From the session before the first value on, where the first peak stands.
    base = slice(max(first - 1, 0), total)
    down = drawdown_columns(drawdown_returns[base], thresholds)
    missing = np.cumsum(~readable[base])
    return VerdictColumns(
        sessions=sessions,
        window=window,
        first=first,
        daily_return=daily,
        coverage=coverage,
        move=move,
        rank=_column(total, rows, ranks.below + 1, NONE),
        sample=_column(total, rows, count, NONE),
        percentile=_column(total, rows, percentile, UNDEFINED),
        worst_at=_column(total, rows, np.append(rows, -1)[ranks.latest], NOWHERE),
        worst_in_years=_column(total, rows, np.where(ranks.latest >= 0, years, 0), NONE),
        drawdown=_column(total, base, down.drawdown, UNDEFINED),
        peak_at=_column(total, base, down.peak_at + base.start, NOWHERE),
        state=_column(total, base, down.state, NO_STATE),
        entered_state=_column(total, base, down.entered, NO_STATE),
        missing_sessions=_column(total, base, missing - missing[down.peak_at], NONE),
    )


def _column(total: int, rows: slice | Ints, values: npt.NDArray[Any], empty: Number) -> npt.NDArray[Number]:
    """A column of shape (total,) with `values` at `rows` and `empty` elsewhere, in the type of `empty`."""
    column = np.full(total, empty)
    column[rows] = values
    return column


@overload
def worst_in_years(since: date, worst_since: date, session: date) -> int: ...
@overload
def worst_in_years(since: Days, worst_since: Days, session: Days) -> Any: ...
def worst_in_years(since: Days, worst_since: Days, session: Days) -> Any:
    """The whole years of which a session is the worst; 0 below 1, or with a short history since `since`."""
    return whole_months(worst_since, session) // 12 * (whole_months(since, session) >= 12 * YEARS_OF_HISTORY)


@overload
def whole_months(early: date, late: date) -> int: ...
@overload
def whole_months(early: Days, late: Days) -> Any: ...
def whole_months(early: Days, late: Days) -> int | Ints:
    """Whole months from `early` to `late`, rounded down; of dates a number, of arrays an array."""
    if isinstance(early, date) and isinstance(late, date):
        return (late.year - early.year) * 12 + late.month - early.month - (late.day < early.day)
    first, last = np.asarray(early, "datetime64[D]"), np.asarray(late, "datetime64[D]")
    first_month, last_month = first.astype("datetime64[M]"), last.astype("datetime64[M]")
    months: Ints = (last_month - first_month).astype(np.intp) - (last - last_month < first - first_month)
    return months
