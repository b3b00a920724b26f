"""Which earlier moves were like this one, and what happened after them?

Windows of one fall overlap, and a fall has aftershocks: of all windows that are deep enough the deepest stays and those
near it go, then the next deepest, and so on. What stays are episodes, not windows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from bot.prices.bars import Floats
from bot.prices.table import Flags
from bot.statistics.measure import VerdictColumns
from bot.statistics.ranks import Ints

NEARLY = 0.8  # a comparable move is at least so deep, as a part of this one
APART = 20  # sessions between two cases
HORIZONS = (5, 21, 63, 252)  # sessions after the end of a case's window
NOISE = 1e-9  # the same level, but for the rounding of its factors
MIN_CASES = 8  # below it nothing is said of a median
ROUND_FALLS = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50)


@dataclass(frozen=True, slots=True)
class DatedMove:
    """One move: the end of its window, and the move as a fraction."""

    session: date
    move: float


@dataclass(frozen=True, slots=True)
class ForwardReturns:
    """The forward returns (fractions, ascending) `sessions` after the cases' ends, of those that are known."""

    sessions: int
    returns: tuple[float, ...]

    @property
    def known(self) -> int:
        return len(self.returns)

    @property
    def higher(self) -> int:
        """After how many cases the series stood higher."""
        return sum(one > NOISE for one in self.returns)

    @property
    def median(self) -> float:
        middle = len(self.returns) // 2
        upper = self.returns[middle]
        return upper if len(self.returns) % 2 else (self.returns[middle - 1] + upper) / 2


@dataclass(frozen=True, slots=True)
class Precedents:
    """The comparable episodes before a session, oldest first, and what followed them up to that session.

    `sessions` are the ends of their windows, `moves` fractions. `alone` says that no earlier window at all was
    comparable, not even one that overlaps or is near.
    """

    sessions: tuple[date, ...]
    moves: tuple[float, ...]
    aftermath: tuple[ForwardReturns, ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class RoundFigureFalls:
    """How often a series fell beyond a round figure: `earlier` are the other episodes, oldest first.

    `limit` is a fraction above 0.
    """

    limit: float
    earlier: tuple[DatedMove, ...]

    @property
    def time(self) -> int:
        """This is the n-th time."""
        return len(self.earlier) + 1


@dataclass(frozen=True, slots=True)
class ForwardPath:
    """A series to look ahead on: the level that its readings compound to, and the sessions without one so far.

    Both have shape (T,).
    """

    level: Floats
    holes: Ints

    @classmethod
    def of(cls, daily_return: Floats) -> ForwardPath:
        unread = np.isnan(daily_return)
        level = np.where(unread, 1.0, 1 + daily_return)
        return cls(np.multiply.accumulate(level), np.cumsum(unread))

    def after(self, ends: Sequence[int], sessions: int, now: int) -> tuple[float, ...]:
        """Returns over the `sessions` after each of `ends` (both ascending), without those not known at `now`."""
        start = np.array(ends[: bisect_right(ends, now - sessions)], dtype=np.intp)
        stop = start + sessions
        later = self.level[stop] / self.level[start] - 1
        return tuple(sorted(later[self.holes[start] == self.holes[stop]].tolist()))


def decluster(move: Floats, wanted: Flags, apart: int, most: int | None = None) -> list[int]:
    """The positions where `wanted` stands, at least `apart` sessions from each other: the deepest of a cluster stays.

    Deepest first, of equals the earliest. With `most`, only the first so many.
    """
    candidates = wanted.nonzero()[0]
    order = candidates[np.argsort(move[candidates], kind="stable")].tolist()
    near = bytearray(len(move))
    taken: list[int] = []
    for position in order:
        if not near[position]:
            taken.append(position)
            if len(taken) == most:
                break
            start, stop = max(position - apart + 1, 0), min(position + apart, len(near))
            near[start:stop] = b"\x01" * (stop - start)
    return taken


def worst_moves(columns: VerdictColumns, position: int, n: int) -> tuple[DatedMove, ...]:
    """The `n` worst moves up to and including `position` whose windows do not overlap, worst first."""
    move = columns.move[: position + 1]
    return tuple(_case(columns, at) for at in decluster(move, ~np.isnan(move), columns.window, n))


def find_precedents(
    columns: VerdictColumns, path: ForwardPath, position: int, horizons: Sequence[int] = HORIZONS
) -> Precedents | None:
    """Moves before `position` at least NEARLY as deep, APART sessions from it and each other; None if it is no fall.

    `horizons` are the sessions after which it is looked what followed.
    """
    now = columns.move.item(position)
    if not now < 0:
        return None
    wanted = columns.move[:position] <= now * NEARLY
    alone = not wanted.any()
    early = wanted[: max(position - APART + 1, 0)]
    found = sorted(decluster(columns.move[: len(early)], early, APART))
    return Precedents(
        tuple(columns.sessions[found].tolist()),
        tuple(columns.move[found].tolist()),
        tuple(ForwardReturns(sessions, path.after(found, sessions, position)) for sessions in horizons),
        alone,
    )


def round_figure_falls(columns: VerdictColumns, position: int, most: int) -> RoundFigureFalls | None:
    """The deepest round figure that the move at `position` is beyond, and the other episodes beyond it.

    None if it is beyond none, if a window of the same episode was beyond it before, or if there are more than `most`
    others.
    """
    now = columns.move.item(position)
    limit = max((one for one in ROUND_FALLS if now < -one), default=None)
    if limit is None:
        return None
    beyond = columns.move[:position] < -limit
    near = max(position - APART + 1, 0)
    found = decluster(columns.move[:near], beyond[:near], APART, most + 1)
    if len(found) > most or beyond[near:].any():
        return None
    return RoundFigureFalls(limit, tuple(_case(columns, at) for at in sorted(found)))


def _case(columns: VerdictColumns, position: int) -> DatedMove:
    return DatedMove(columns.day(position), columns.move.item(position))
