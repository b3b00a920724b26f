"""Share of provisional alerts that would have been withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bot.alerts.episodes import YEARS_FOR_RECORD
from bot.alerts.rules import Level, Rule
from bot.alerts.targets import RuleTarget
from bot.baskets import BasketSeries
from bot.prices.bars import Dates, Floats
from bot.prices.table import Flags, SymbolReturns
from bot.statistics.market_stats import MarketStats
from bot.statistics.measure import PERCENTILE_WINDOWS, VerdictColumns
from bot.statistics.ranks import Ints, rank_against_past
from bot.tuning.history import (
    Ranks,
    SubjectSeries,
    level_holds_by_session,
    open_severity_before,
    severity_by_session,
    threshold,
    whole_months,
)

DAYS_IN_KEY = 32


@dataclass(frozen=True, slots=True)
class WithdrawalRate:
    """Sessions on which a rung would have been newly reached at the low, and how many of them not at the close.

    `sessions` counts those whose lows are known. `together`: it takes several members' lows at one moment.
    """

    sessions: int
    reached: int
    withdrawn: int
    together: bool

    @property
    def share(self) -> float | None:
        """The withdrawn share, 0 to 1; None = there was nothing to withdraw."""
        return self.withdrawn / self.reached if self.reached else None


def withdrawal_rates(
    board: MarketStats, question: RuleTarget, subjects: Sequence[SubjectSeries], close_after: int
) -> tuple[WithdrawalRate | None, ...]:
    """For each rung of the question's rule; None = daily prices do not tell (spreads, and drawdown states)."""
    rule = question.rule
    untold = [rung.state is not None or rung.enters is not None for rung in rule.levels]
    if rule.contrast is not None or all(untold):
        return (None,) * len(rule.levels)
    series = board.series[question.basket]
    about_members = question.about_members(board)
    columns: Iterable[Floats] = (
        map(low_return, series.alone)
        if about_members
        else [board.once(("low", series.basket.id), lambda: basket_low(series))]
    )
    seen = [_SeverityColumns.of(rule, track, low, close_after) for track, low in zip(subjects, columns, strict=True)]
    together = not about_members and len(series.basket.members) > 1
    return tuple(
        None if hidden else _counted(int(rung.severity), seen, together)
        for rung, hidden in zip(rule.levels, untold, strict=True)
    )


def low_return(alone: SymbolReturns) -> Floats:
    """A member's return from the previous close to the day's low, shape (T,); NaN = unknown, or not a member.

    A member whose exchange is shut stands still.
    """
    return np.where(alone.shut & ~np.isnan(alone.daily), 0.0, alone.low)


def basket_low(series: BasketSeries) -> Floats:
    """The basket's return had every member stood at its day's low at one time, shape (T,); NaN = one is unknown."""
    whole, weighted = (np.zeros(len(series.sessions)) for _ in range(2))
    for member, alone in zip(series.basket.members, series.alone, strict=True):
        present = ~np.isnan(alone.daily)
        whole += present * member.weight
        weighted += np.where(present, low_return(alone), 0.0) * member.weight
    return weighted / np.where(whole > 0, whole, 1.0)


@dataclass(frozen=True, slots=True)
class _SeverityColumns:
    """One subject's sessions with a known low: severities held at the low, at the close, and of the open episode.

    `at` holds the sessions' positions.
    """

    at: Ints
    low: Ranks
    close: Ranks
    before: Ranks

    @classmethod
    def of(cls, rule: Rule, track: SubjectSeries, low_return: Floats, close_after: int) -> _SeverityColumns:
        moves = low_moves(track.verdicts, low_return)
        known = ~np.isnan(moves[track.at])
        return cls(
            track.at[known],
            severities_at_low(rule, track, moves)[known],
            severity_by_session(rule, track)[known],
            open_severity_before(rule, track, close_after)[known],
        )


def _counted(severity: int, seen: Sequence[_SeverityColumns], together: bool) -> WithdrawalRate:
    news = [one.before < severity for one in seen]
    deepest = [np.maximum(one.low, one.close) for one in seen]
    reached = _any([one.at[new & (deep >= severity)] for one, new, deep in zip(seen, news, deepest, strict=True)])
    stayed = _any([one.at[new & (one.close >= severity)] for one, new in zip(seen, news, strict=True)])
    return WithdrawalRate(len(_any([one.at for one in seen])), len(reached), len(reached - stayed), together)


def _any(positions: Sequence[Ints]) -> set[int]:
    return {at for some in positions for at in some.tolist()}


def low_moves(columns: VerdictColumns, low_return: Floats) -> Floats:
    """The moves as they stood at the lows, shape (T,): the last session's return is that to its low."""
    growth = 1 + low_return
    for back in range(1, columns.window):
        earlier = np.full(len(growth), np.nan)
        earlier[back:] = 1 + columns.daily_return[:-back]
        growth = growth * earlier
    return growth - 1


def severities_at_low(rule: Rule, track: SubjectSeries, moves: Floats) -> Ranks:
    """The severity of the deepest rung that would hold, had the session closed with `moves`; shape (n,).

    Rungs about drawdown states are passed over.
    """
    found = np.zeros(len(track.at), dtype=np.int8)
    past = _PastMoves(track, moves)
    for rung in rule.levels:
        if rung.state is None and rung.enters is None:
            found[past.would_hold(rule, rung)] = int(rung.severity)
    return found


class _PastMoves:
    """What the moves at the lows are held against: all earlier moves at the close."""

    __slots__ = ("_closes", "_moves", "_rows", "_sessions", "_since", "_track")

    def __init__(self, track: SubjectSeries, moves: Floats) -> None:
        columns = track.verdicts
        defined = columns.defined.nonzero()[0]
        self._track = track
        self._closes = columns.move[defined]
        self._sessions = columns.sessions[defined]
        self._since = columns.sessions[columns.first : columns.first + 1]
        self._rows = np.searchsorted(defined, track.at)
        # Where the low is unknown the close stands in; the session does not count then.
        self._moves = np.where(np.isnan(moves[defined]), self._closes, moves[defined])

    def would_hold(self, rule: Rule, rung: Level) -> Flags:
        moves = self._moves[self._rows]
        kept = np.ones(len(moves), dtype=np.bool_)
        if rung.percentile is not None:
            kept &= (moves < 0) & (self._percentile()[self._rows] <= rung.percentile)
        if rung.worst_in_months is not None:
            kept &= (moves < 0) & self._worst_in(rung.worst_in_months)
        if rung.record:
            kept &= (moves < 0) & self._worst_in(12 * YEARS_FOR_RECORD) & (moves < self._lowest_before())
        if rung.move is not None:
            kept &= moves <= rung.move
        if threshold(rung, "day_low") is not None:
            kept &= level_holds_by_session(rule, Level(rung.severity, day_low=rung.day_low), self._track)
        return kept

    def _percentile(self) -> Floats:
        """Of each move at the low among the earlier closes and itself; NaN = too few of them."""
        both = np.empty(2 * len(self._moves))
        both[0::2], both[1::2] = self._moves, self._closes
        earlier = rank_against_past(both).at_or_below[0::2] - rank_against_past(self._moves).at_or_below
        percentile: Floats = 100 * (earlier + 1) / np.arange(1, len(self._moves) + 1)
        percentile[: PERCENTILE_WINDOWS - 1] = np.nan
        return percentile

    def _worst_in(self, months: int) -> Flags:
        """Whether no close of the last `months` was as low, and the history is as long."""
        key = _day_key(self._sessions)
        begin = np.searchsorted(key, key - DAYS_IN_KEY * months, side="right")[self._rows]
        long = whole_months(self._since, self._sessions[self._rows]) >= months
        return long & (self._moves[self._rows] < _lowest_between(self._closes, begin, self._rows))

    def _lowest_before(self) -> Floats:
        lowest = np.minimum.accumulate(self._closes)
        return np.concatenate(([np.inf], lowest[:-1]))[self._rows]


def _day_key(sessions: Dates) -> Ints:
    """Numbers of days in months of DAYS_IN_KEY days: m whole months lie between two if they differ by as much."""
    month = sessions.astype("datetime64[M]")
    key: Ints = month.astype(np.intp) * DAYS_IN_KEY + (sessions - month).astype(np.intp)
    return key


def _lowest_between(values: Floats, begin: Ints, end: Ints) -> Floats:
    """The lowest of values[begin:end] for each pair, infinite if there are none: two halves that overlap make it."""
    minima = [values]
    while 2 ** len(minima) <= len(values):
        half = 2 ** (len(minima) - 1)
        minima.append(np.minimum(minima[-1][:-half], minima[-1][half:]))
    length = end - begin
    lowest = np.full(len(begin), np.inf)
    for power, table in enumerate(minima):
        rows = (length >= 2**power) & (length < 2 ** (power + 1))
        lowest[rows] = np.minimum(table[begin[rows]], table[end[rows] - 2**power])
    return lowest
