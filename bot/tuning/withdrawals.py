"""Share of provisional alerts that would have been withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bot.alerts.conditions import Measurements, Severities, condition_figures, level_conditions, severity_by_session
from bot.alerts.rules import Rule
from bot.alerts.targets import RuleTarget
from bot.baskets import BasketSeries
from bot.prices.bars import Floats
from bot.prices.table import SymbolReturns
from bot.statistics.market_stats import MarketStats
from bot.statistics.measure import PERCENTILE_WINDOWS, VerdictColumns
from bot.statistics.ranks import Ints, rank_against_past
from bot.tuning.history import SubjectSeries, episodes


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
    hidden = [any(one.basis == "drawdown" for one in level_conditions(level)) for level in rule.levels]
    if rule.contrast is not None or all(hidden):
        return (None,) * len(rule.levels)
    series = board.series[question.basket]
    about_members = question.about_members(board)
    lows: Iterable[Floats] = map(low_return, series.alone) if about_members else [basket_low(series)]
    seen = [_seen(rule, track, low, close_after) for track, low in zip(subjects, lows, strict=True)]
    together = not about_members and len(series.basket.members) > 1
    return tuple(
        None if unknown else _counted(int(level.severity), seen, together)
        for level, unknown in zip(rule.levels, hidden, strict=True)
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


class _SeverityColumns(NamedTuple):
    """One subject's sessions with a known low: severities held at the low, at the close, and of the open episode.

    `at` holds the sessions' positions.
    """

    at: Ints
    low: Severities
    close: Severities
    before: Severities


def _seen(rule: Rule, track: SubjectSeries, low_return: Floats, close_after: int) -> _SeverityColumns:
    at, moves = track.positions, low_moves(track.verdicts, low_return)
    known = ~np.isnan(moves[at])
    close = severity_by_session(rule, track.figures, len(at))
    _, before = episodes(rule, track, close_after)
    return _SeverityColumns(at[known], severities_at_low(rule, track, moves)[known], close[known], before[known])


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


def severities_at_low(rule: Rule, track: SubjectSeries, moves: Floats) -> Severities:
    """The severity of the highest level that would hold, had the session closed with `moves`, shape (T,); shape (n,).

    What is not known at the lows, drawdowns and their states, does not hold.
    """
    figures = condition_figures(rule, _at_lows(track, moves))
    return severity_by_session(rule, figures, len(track.positions))


def _at_lows(track: SubjectSeries, moves: Floats) -> Measurements:
    """The measurements had the session closed with `moves`, against all earlier moves at the close; shape (n,).

    Where the low is unknown the close stands in; the session does not count then.
    """
    columns = track.verdicts
    defined = columns.defined.nonzero()[0]
    sessions, closes = columns.sessions[defined], columns.move[defined]
    lows = np.where(np.isnan(moves[defined]), closes, moves[defined])
    both = np.empty(2 * len(lows))
    both[0::2], both[1::2] = lows, closes
    as_low = rank_against_past(both).at_or_below[0::2] - rank_against_past(lows).at_or_below
    percentile = 100 * (as_low + 1) / np.arange(1, len(lows) + 1)
    percentile[: PERCENTILE_WINDOWS - 1] = np.nan
    since, latest = columns.sessions[columns.first : columns.first + 1], _latest_as_low(closes, lows)
    rows = np.searchsorted(defined, track.positions)
    unknown = np.full(len(rows), np.nan)
    return Measurements(
        session=sessions[rows],
        since=since,
        as_bad_on=np.where(latest < 0, since, sessions[latest])[rows],
        move=lows[rows],
        percentile=percentile[rows],
        record=(latest < 0)[rows],
        drawdown=unknown,
        state=unknown,
        entered=unknown,
        day_low=track.figures.get("day_low", unknown),
    )


def _latest_as_low(closes: Floats, lows: Floats) -> Ints:
    """The row of the latest earlier close at or below each low, -1 = there is none: a search by powers of two."""
    lowest = [closes]
    while 2 ** len(lowest) <= len(closes):
        half = 2 ** (len(lowest) - 1)
        lowest.append(np.minimum(lowest[-1][:-half], lowest[-1][half:]))
    end = np.arange(len(lows))
    for power, minima in reversed([*enumerate(lowest)]):
        begin = end - 2**power
        higher = (begin >= 0) & (minima[begin.clip(0)] > lows)
        end = np.where(higher, begin, end)
    return end - 1
