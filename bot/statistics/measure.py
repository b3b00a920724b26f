"""How far and how rare was every session of a series, each judged against its own past only?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from math import isnan
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from bot.baskets import BasketSeries
from bot.prices import Dates, Flags, Floats
from bot.statistics.drawdown import drawdowns
from bot.statistics.kernel import Ints, standing
from bot.statistics.verdict import Lines, State, Verdict

PERCENTILE_WINDOWS = 250
YEARS_OF_HISTORY = 3
SHORTEST_YEAR_DAYS = 365
STATES = tuple(State)
NONE = np.int32(0)
NOWHERE = np.int32(-1)
UNDEFINED = np.float64(np.nan)
NO_STATE = np.int8(State.NONE)
Counts = npt.NDArray[np.int32]
States = npt.NDArray[np.int8]
Rows = slice | Ints
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdict of every session, as columns of shape (T,); where `move` is NaN there is none.

    `worst_at` and `peak_at` are positions (-1 = none), `worst_in_years` is 0 where it is not defined. `first` is the
    position of the first reading (T if there is none). The rest is as in Verdict.
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
    entered: States
    holes: Counts

    @property
    def defined(self) -> Flags:
        return ~np.isnan(self.move)

    @property
    def record(self) -> Flags:
        """Whether no earlier move was as low."""
        return self.defined & (self.worst_at < 0)

    def at(self, position: int) -> Verdict | None:
        """The verdict of one session; None = its move is not defined."""
        move = self.move.item(position)
        if isnan(move):
            return None
        day = cast("Callable[[int], date]", self.sessions.item)
        worst_at = self.worst_at.item(position)
        earlier = worst_at >= 0
        percentile = self.percentile.item(position)
        return Verdict(
            day(position),
            self.window,
            self.daily_return.item(position),
            move,
            self.rank.item(position),
            self.sample.item(position),
            None if isnan(percentile) else percentile,
            day(worst_at) if earlier else None,
            position - worst_at if earlier else None,
            self.worst_in_years.item(position) or None,
            not earlier,
            self.drawdown.item(position),
            day(self.peak_at.item(position)),
            STATES[self.state.item(position)],
            self.coverage.item(position),
            day(self.first),
            STATES[self.entered.item(position)],
            self.holes.item(position),
        )

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Verdict | None]:
        """The verdicts of sessions `start` to `stop`, None where the move is not defined."""
        return map(self.at, range(len(self.sessions))[start:stop])


def compound(daily_return: Floats, window: int) -> Floats:
    """The `window`-session move of every session, shape (T,): NaN unless all its sessions have a reading."""
    growth = 1 + daily_return
    move = np.full(len(growth), np.nan)
    if len(growth) >= window:
        product = growth[: len(growth) - window + 1].copy()
        for offset in range(1, window):
            product *= growth[offset : len(growth) - window + 1 + offset]
        move[window - 1 :] = product - 1
    return move


def measure(series: BasketSeries, window: int, lines: Lines) -> Verdicts:
    """Judge every session of a basket, walk-forward: figures of session t rest on sessions up to t alone."""
    daily = series.daily_return
    return _judge(series.sessions, window, daily, series.coverage, compound(daily, window), daily, lines)


def measure_spread(one: BasketSeries, other: BasketSeries, window: int, lines: Lines) -> Verdicts:
    """Judge the spread of two baskets, `one` minus `other`, on their common sessions.

    `daily_return` is the difference of the daily returns. A difference has no level to fall from: drawdown is 0 and the
    state NONE.
    """
    sessions, left, right = np.intersect1d(one.sessions, other.sessions, assume_unique=True, return_indices=True)
    daily = one.daily_return[left] - other.daily_return[right]
    coverage = np.minimum(one.coverage[left], other.coverage[right])
    move = compound(one.daily_return, window)[left] - compound(other.daily_return, window)[right]
    return _judge(sessions, window, daily, coverage, move, 0 * daily, lines)


def _judge(
    sessions: Dates, window: int, daily: Floats, coverage: Floats, move: Floats, fallen: Floats, lines: Lines
) -> Verdicts:
    """`fallen` are the daily returns that make the level whose drawdown counts."""
    total = len(sessions)
    readable = ~np.isnan(daily)
    first = int(readable.argmax()) if readable.any() else total
    rows = _rows(~np.isnan(move))
    defined = np.arange(total)[rows]
    among = standing(move[rows])
    count = np.arange(1, len(defined) + 1)
    percentile = 100 * (among.at_or_below + 1) / count
    percentile[: PERCENTILE_WINDOWS - 1] = np.nan
    worst_at = _column(total, rows, np.append(defined, -1)[among.latest], NOWHERE)
    base = slice(max(first - 1, 0), total)
    down = drawdowns(fallen[base], lines)
    return Verdicts(
        sessions=sessions,
        window=window,
        first=first,
        daily_return=daily,
        coverage=coverage,
        move=move,
        rank=_column(total, rows, among.below + 1, NONE),
        sample=_column(total, rows, count, NONE),
        percentile=_column(total, rows, percentile, UNDEFINED),
        worst_at=worst_at,
        worst_in_years=_whole_years(sessions, worst_at, first),
        drawdown=_column(total, base, down.drawdown, UNDEFINED),
        peak_at=_column(total, base, down.peak_at + base.start, NOWHERE),
        state=_column(total, base, down.state, NO_STATE),
        entered=_column(total, base, down.entered, NO_STATE),
        holes=_column(total, base, _holes(readable[base], down.peak_at), NONE),
    )


def _rows(flags: Flags) -> Rows:
    """Where the flags stand: a slice if they are one piece to the end, as they are without holes, else positions."""
    start = int(flags.argmax()) if len(flags) else 0
    return slice(start, len(flags)) if flags[start:].all() else flags.nonzero()[0]


def _column(total: int, rows: Rows, values: npt.NDArray[Any], empty: Number) -> npt.NDArray[Number]:
    """A column of shape (total,) with `values` at `rows` and `empty` elsewhere, in the type of `empty`."""
    if len(values) == total:
        return values.astype(empty.dtype, copy=False)
    column = np.full(total, empty)
    column[rows] = values
    return column


def _holes(readable: Flags, peak_at: Ints) -> Ints:
    """Sessions without a reading since the peak; the first session, before all readings, is none of them."""
    if readable[1:].all():
        return np.zeros_like(peak_at)
    missing = ~readable
    missing[:1] = False
    seen: Ints = np.cumsum(missing)
    return seen - seen[peak_at]


def _whole_years(sessions: Dates, worst_at: Counts, first: int) -> Counts:
    """Anniversaries between the session and the one it is the worst since; 0 below a year or with a short history."""
    years = np.zeros(len(sessions), dtype=np.int32)
    days = sessions.view(np.int64)
    long = ((days - days[worst_at] >= SHORTEST_YEAR_DAYS) & (worst_at >= 0)).nonzero()[0]
    if len(long):
        late, early, begin = _yyyymmdd(sessions[np.array((long, worst_at[long], np.full_like(long, first)))])
        enough = (late - begin) // 10_000 >= YEARS_OF_HISTORY
        years[long] = enough * ((late - early) // 10_000)
    return years


def _yyyymmdd(days: Dates) -> Ints:
    """20250404 for 2025-04-04: differences of such numbers, divided by 10,000, are whole years by anniversary."""
    months = days.astype("datetime64[M]")
    month = months.astype(np.int64)
    return (1970 + month // 12) * 10_000 + (month % 12 + 1) * 100 + (days - months).astype(np.int64) + 1
