"""Comparable earlier moves of a series as separate episodes, and the returns after them.

Windows of the same fall overlap, and a fall has aftershocks: of all windows that are deep enough the deepest stays and
those near it go, then the next deepest, and so on. The rest are episodes, not windows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

import numpy as np

from bot.prices.bars import Floats
from bot.prices.table import Flags
from bot.statistics.measure import VerdictColumns
from bot.statistics.ranks import Ints

NEARLY = 0.8  # least depth of a comparable move, as a part of the move in question
APART = 20  # sessions between two cases
HORIZONS = (5, 21, 63, 252)  # sessions after the end of a case's window
NOISE = 1e-9  # a return below it is rounding
MIN_CASES = 8  # for a median
ROUND_FALLS = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50)


@dataclass(frozen=True, slots=True)
class DatedMove:
    """A move as a fraction, and the last session of its window."""

    session: date
    move: float


@dataclass(frozen=True, slots=True)
class ForwardReturns:
    """The known forward returns (fractions, ascending) `sessions` after the ends of the cases."""

    sessions: int
    returns: tuple[float, ...]

    @property
    def known(self) -> int:
        return len(self.returns)

    @property
    def higher(self) -> int:
        """The number of cases after which the series was higher."""
        return sum(value > NOISE for value in self.returns)

    @property
    def median(self) -> float:
        return median(self.returns)


@dataclass(frozen=True, slots=True)
class Precedents:
    """The comparable episodes before a session, oldest first, and the forward returns known at that session.

    `sessions` are the ends of their windows, `moves` fractions. `alone` is true if no earlier window at all was
    comparable, not even an overlapping or a near window.
    """

    sessions: tuple[date, ...]
    moves: tuple[float, ...]
    aftermath: tuple[ForwardReturns, ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class RoundFigureFalls:
    """The earlier falls of a series beyond a round figure, oldest first; `limit` is a fraction above 0."""

    limit: float
    earlier: tuple[DatedMove, ...]

    @property
    def time(self) -> int:
        """The ordinal of the present fall."""
        return len(self.earlier) + 1


@dataclass(frozen=True, slots=True)
class ForwardPath:
    """The index that the daily returns compound to, and the number of missing ones so far, of shape (T,)."""

    index: Floats
    missing: Ints

    @classmethod
    def of(cls, daily_return: Floats) -> ForwardPath:
        missing = np.isnan(daily_return)
        return cls(np.multiply.accumulate(np.where(missing, 1.0, 1 + daily_return)), np.cumsum(missing))

    def after(self, ends: Sequence[int], sessions: int, now: int) -> tuple[float, ...]:
        """The returns, ascending, over the `sessions` after the (ascending) `ends`, as far as known at `now`."""
        start = np.array(ends[: bisect_right(ends, now - sessions)], dtype=np.intp)
        stop = start + sessions
        later = self.index[stop] / self.index[start] - 1
        return tuple(sorted(later[self.missing[start] == self.missing[stop]].tolist()))


def decluster(move: Floats, wanted: Flags, apart: int, limit: int | None = None) -> list[int]:
    """The positions where `wanted` is true, at least `apart` sessions apart: the deepest of a cluster stays.

    Deepest first, of equals the earliest; at most `limit` positions.
    """
    candidates = wanted.nonzero()[0]
    near = np.zeros(len(move), dtype=np.bool_)
    positions: list[int] = []
    for position in candidates[np.argsort(move[candidates], kind="stable")].tolist():
        if not near[position]:
            positions.append(position)
            if len(positions) == limit:
                break
            near[max(position - apart + 1, 0) : position + apart] = True
    return positions


def worst_moves(columns: VerdictColumns, position: int, n: int) -> tuple[DatedMove, ...]:
    """The `n` worst moves up to and including `position` whose windows do not overlap, worst first."""
    move = columns.move[: position + 1]
    return _dated_moves(columns, decluster(move, ~np.isnan(move), columns.window, n))


def find_precedents(
    columns: VerdictColumns, path: ForwardPath, position: int, horizons: Sequence[int] = HORIZONS
) -> Precedents | None:
    """Moves before `position` at least NEARLY as deep, all APART sessions from the next; None if it is no fall.

    `horizons` are numbers of sessions, of the forward returns.
    """
    now = columns.move.item(position)
    if not now < 0:
        return None
    wanted = columns.move[:position] <= now * NEARLY
    early = wanted[: max(position - APART + 1, 0)]
    cases = sorted(decluster(columns.move[: len(early)], early, APART))
    return Precedents(
        tuple(columns.sessions[cases].tolist()),
        tuple(columns.move[cases].tolist()),
        tuple(ForwardReturns(sessions, path.after(cases, sessions, position)) for sessions in horizons),
        alone=not wanted.any(),
    )


def round_figure_falls(columns: VerdictColumns, position: int, max_cases: int) -> RoundFigureFalls | None:
    """The deepest round figure that the move at `position` is beyond, and the earlier episodes beyond it.

    None if it is beyond none, if a window of the same episode was beyond it before, or if more than `max_cases`
    episodes were.
    """
    now = columns.move.item(position)
    limit = max((fall for fall in ROUND_FALLS if now < -fall), default=None)
    if limit is None:
        return None
    beyond = columns.move[:position] < -limit
    near = max(position - APART + 1, 0)
    cases = decluster(columns.move[:near], beyond[:near], APART, max_cases + 1)
    if len(cases) > max_cases or beyond[near:].any():
        return None
    return RoundFigureFalls(limit, _dated_moves(columns, sorted(cases)))


def _dated_moves(columns: VerdictColumns, positions: Sequence[int]) -> tuple[DatedMove, ...]:
    return tuple(DatedMove(columns.day(position), columns.move.item(position)) for position in positions)
