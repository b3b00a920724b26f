"""How far and how rare was every session of a series, each judged against its own past only?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

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
NOTHING = np.int32(0)
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
        return next(self.rows(position, position + 1))

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Verdict | None]:
        """The verdicts of sessions `start` to `stop`, None where the move is not defined."""
        part = slice(start, stop)
        since: date = self.sessions[min(self.first, len(self.sessions) - 1)].item() if len(self.sessions) else date.min
        worst = self.sessions[self.worst_at[part]].tolist()
        for session, daily, move, rank, n, pct, at, worst_since, years, down, peak, state, cover, entered, holes, t in zip(
            self.sessions[part].tolist(),
            self.daily_return[part].tolist(),
            self.move[part].tolist(),
            self.rank[part].tolist(),
            self.sample[part].tolist(),
            self.percentile[part].tolist(),
            self.worst_at[part].tolist(),
            worst,
            self.worst_in_years[part].tolist(),
            self.drawdown[part].tolist(),
            self.sessions[self.peak_at[part]].tolist(),
            self.state[part].tolist(),
            self.coverage[part].tolist(),
            self.entered[part].tolist(),
            self.holes[part].tolist(),
            range(len(self.sessions))[part],
            strict=True,
        ):
            if move != move:
                yield None
                continue
            earlier = at >= 0
            yield Verdict(
                session=session,
                window=self.window,
                daily_return=daily,
                move=move,
                rank=rank,
                sample=n,
                percentile=pct if pct == pct else None,
                worst_since=worst_since if earlier else None,
                gap_sessions=t - at if earlier else None,
                worst_in_years=years or None,
                record=not earlier,
                drawdown=down,
                peak_session=peak,
                state=STATES[state],
                coverage=cover,
                since=since,
                entered=STATES[entered],
                holes=holes,
            )


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
    return _measure(series.sessions, series.daily_return, series.coverage, compound(series.daily_return, window), window, lines)


def measure_spread(one: BasketSeries, other: BasketSeries, window: int, lines: Lines) -> Verdicts:
    """Judge the spread of two baskets, `one` minus `other`, on their common sessions.

    `daily_return` is the difference of the daily returns; drawdown and state are those of its compounded value and
    carry no meaning for a spread.
    """
    sessions, left, right = np.intersect1d(one.sessions, other.sessions, assume_unique=True, return_indices=True)
    moves = compound(one.daily_return, window)[left] - compound(other.daily_return, window)[right]
    return _measure(
        sessions,
        one.daily_return[left] - other.daily_return[right],
        np.minimum(one.coverage[left], other.coverage[right]),
        moves,
        window,
        lines,
    )


def _measure(sessions: Dates, daily: Floats, coverage: Floats, move: Floats, window: int, lines: Lines) -> Verdicts:
    total = len(sessions)
    readable = ~np.isnan(daily)
    first = int(readable.argmax()) if readable.any() else total
    defined = np.flatnonzero(~np.isnan(move))
    rows = _stretch(defined)
    among = standing(move[rows])
    count = np.arange(1, len(defined) + 1)
    percentile = 100 * (among.at_or_below + 1) / count
    percentile[: PERCENTILE_WINDOWS - 1] = np.nan
    worst_at = _column(total, rows, np.append(defined, -1)[among.latest], NOWHERE)
    since_base = slice(max(first - 1, 0), None)
    down = drawdowns(daily[since_base], lines)
    peak_at = _column(total, since_base, down.peak_at + since_base.start, NOTHING)
    return Verdicts(
        sessions=sessions,
        window=window,
        first=first,
        daily_return=daily,
        coverage=coverage,
        move=move,
        rank=_column(total, rows, among.below + 1, NOTHING),
        sample=_column(total, rows, count, NOTHING),
        percentile=_column(total, rows, percentile, UNDEFINED),
        worst_at=worst_at,
        worst_in_years=_whole_years(sessions, worst_at, first),
        drawdown=_column(total, since_base, down.drawdown, np.float64(0)),
        peak_at=peak_at,
        state=_column(total, since_base, down.state, NO_STATE),
        entered=_column(total, since_base, down.entered, NO_STATE),
        holes=_holes(readable, first, peak_at),
    )


def _stretch(positions: Ints) -> Rows:
    """The same positions as a slice if they are in one piece, which they mostly are."""
    if len(positions) and positions[-1] - positions[0] == len(positions) - 1:
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def _column(total: int, rows: Rows, values: npt.NDArray[Any], empty: Number) -> npt.NDArray[Number]:
    """A column of shape (total,) with `values` at `rows` and `empty` elsewhere, in the type of `empty`."""
    if len(values) == total:
        return values.astype(empty.dtype, copy=False)
    column = np.full(total, empty)
    column[rows] = values
    return column


def _holes(readable: Flags, first: int, peak_at: Counts) -> Counts:
    """Sessions without a reading since the peak; before the first reading nothing counts."""
    missing = np.zeros(len(readable), dtype=np.int32)
    if readable[first:].all():
        return missing
    missing[first:] = ~readable[first:]
    seen = np.cumsum(missing, dtype=np.int32)
    return seen - seen[peak_at]


def _whole_years(sessions: Dates, worst_at: Counts, first: int) -> Counts:
    """Anniversaries between the session and the one it is the worst since; 0 below a year or with a short history."""
    years = np.zeros(len(sessions), dtype=np.int32)
    days = sessions.astype(np.int64)
    long = np.flatnonzero((days - days[worst_at] >= SHORTEST_YEAR_DAYS) & (worst_at >= 0))
    if len(long):
        late, early, begin = _yyyymmdd(sessions[[long, worst_at[long], np.full_like(long, first)]])
        enough = (late - begin) // 10_000 >= YEARS_OF_HISTORY
        years[long] = enough * ((late - early) // 10_000)
    return years


def _yyyymmdd(days: Dates) -> Ints:
    """20250404 for 2025-04-04: differences of such numbers, divided by 10,000, are whole years by anniversary."""
    months = days.astype("datetime64[M]")
    month = months.astype(np.int64)
    return (1970 + month // 12) * 10_000 + (month % 12 + 1) * 100 + (days - months).astype(np.int64) + 1
