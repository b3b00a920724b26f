"""Share of provisional alerts that would have been withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bot.alerts.conditions import Measurements, Severities, condition_figures, level_conditions, severity_by_session
from bot.alerts.rules import Rule
from bot.alerts.targets import RuleTarget
from bot.baskets import BasketSeries
from bot.prices.bars import Floats
from bot.prices.table import SymbolReturns
from bot.statistics.market_stats import MarketStats
from bot.statistics.measure import PERCENTILE_WINDOWS, VerdictColumns
from bot.statistics.ranks import latest_at_or_below, rank_against_past
from bot.tuning.history import SubjectSeries, episodes


@dataclass(frozen=True, slots=True)
class WithdrawalRate:
    """The sessions on which a level is newly reached at the low, and those of them on which it is not at the close.

    `sessions` is the number of sessions with known lows. `together`: the low of the basket is that of several members
    at the same time.
    """

    sessions: int
    reached: int
    withdrawn: int
    together: bool

    @property
    def share(self) -> float | None:
        """The withdrawn share, 0 to 1; None = the level is never reached."""
        return self.withdrawn / self.reached if self.reached else None


def withdrawal_rates(
    board: MarketStats, target: RuleTarget, subjects: Sequence[SubjectSeries], close_after: int
) -> tuple[WithdrawalRate | None, ...]:
    """The rate of every level of the target's rule; None = not known from daily prices (spreads, drawdown states)."""
    rule = target.rule
    unknown = [any(condition.basis == "drawdown" for condition in level_conditions(level)) for level in rule.levels]
    if rule.contrast is not None or all(unknown):
        return (None,) * len(rule.levels)
    basket = board.series[target.basket]
    about_members = target.about_members(board)
    lows: Iterable[Floats] = map(low_return, basket.alone) if about_members else [basket_low(basket)]
    columns = []
    for series, low in zip(subjects, lows, strict=True):
        positions, moves = series.positions, low_moves(series.verdicts, low)
        close = severity_by_session(rule, series.figures, len(positions))
        deepest = np.maximum(severities_at_low(rule, series, moves), close)
        _, before = episodes(rule, series, close_after)
        columns.append(np.stack((positions, deepest, close, before))[:, ~np.isnan(moves[positions])])
    position, deepest, close, before = np.concatenate(columns, axis=1)
    sessions, together = len(np.unique(position)), not about_members and len(basket.basket.members) > 1
    rates: list[WithdrawalRate | None] = []
    for level, hidden in zip(rule.levels, unknown, strict=True):
        new = before < level.severity
        reached = np.unique(position[new & (deepest >= level.severity)])
        withdrawn = np.setdiff1d(reached, position[new & (close >= level.severity)])
        rates.append(None if hidden else WithdrawalRate(sessions, len(reached), len(withdrawn), together))
    return tuple(rates)


def low_return(alone: SymbolReturns) -> Floats:
    """A member's return from the previous close to the low, 0 on a closed exchange; shape (T,), NaN = unknown."""
    return np.where(alone.shut & ~np.isnan(alone.daily), 0.0, alone.low)


def basket_low(series: BasketSeries) -> Floats:
    """The basket's return with every member at its day's low, shape (T,); NaN = a low is unknown."""
    whole, weighted = (np.zeros(len(series.sessions)) for _ in range(2))
    for member, alone in zip(series.basket.members, series.alone, strict=True):
        present = ~np.isnan(alone.daily)
        whole += present * member.weight
        weighted += np.where(present, low_return(alone), 0.0) * member.weight
    return weighted / np.where(whole > 0, whole, 1.0)


def low_moves(columns: VerdictColumns, low_return: Floats) -> Floats:
    """The moves at the lows, shape (T,): the return of the last session of a window is the return to its low."""
    growth = 1 + low_return
    for back in range(1, columns.window):
        earlier = np.full(len(growth), np.nan)
        earlier[back:] = 1 + columns.daily_return[:-back]
        growth = growth * earlier
    return growth - 1


def severities_at_low(rule: Rule, series: SubjectSeries, moves: Floats) -> Severities:
    """The severity of the highest level that holds for `moves`, shape (T,), against all earlier closes; shape (n,).

    Drawdowns and their states are not known at the lows and do not hold. The close stands in for an unknown low; such
    a session is not counted.
    """
    columns = series.verdicts
    defined = columns.defined.nonzero()[0]
    sessions, closes = columns.sessions[defined], columns.move[defined]
    lows = np.where(np.isnan(moves[defined]), closes, moves[defined])
    both = np.empty(2 * len(lows))
    both[0::2], both[1::2] = lows, closes
    as_low = rank_against_past(both).at_or_below[0::2] - rank_against_past(lows).at_or_below
    percentile = 100 * (as_low + 1) / np.arange(1, len(lows) + 1)
    percentile[: PERCENTILE_WINDOWS - 1] = np.nan
    since, latest = columns.sessions[columns.first : columns.first + 1], latest_at_or_below(closes, lows)
    rows = np.searchsorted(defined, series.positions)
    unknown = np.full(len(rows), np.nan)
    measurements = Measurements(
        session=sessions[rows],
        since=since,
        as_bad_on=np.where(latest < 0, since, sessions[latest])[rows],
        move=lows[rows],
        percentile=percentile[rows],
        record=(latest < 0)[rows],
        drawdown=unknown,
        state=unknown,
        entered=unknown,
        day_low=series.figures.get("day_low", unknown),
    )
    return severity_by_session(rule, condition_figures(rule, measurements), len(rows))
