"""Chart data: the content of a chart, from data up to its session."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from bot.baskets import Basket, BasketId, Member
from bot.prices.bars import Symbol
from bot.statistics.market_stats import MarketStats
from bot.statistics.precedents import worst_moves
from bot.statistics.verdict import DrawdownState, Verdict

YEAR_DAYS = 365
WORST = 5
START = 100.0


@dataclass(frozen=True, slots=True)
class ChartData:
    """A basket on the session of its `verdict`, from data up to that session; `final` says whether that is over.

    `sessions`, `levels` and `states` are those of the last year (of the whole window, if that is longer), oldest first;
    the level starts at START, None = no reading. `moves` are all defined moves as fractions, in order, the verdict's
    own last. `worst` are the lowest of them, at most WORST, no two of which share a session, lowest first; each with
    the end of its window.
    """

    basket: Basket
    verdict: Verdict
    final: bool
    sessions: tuple[date, ...]
    levels: tuple[float | None, ...]
    states: tuple[DrawdownState, ...]
    moves: tuple[float, ...]
    worst: tuple[tuple[date, float], ...]


def chart_data(stats: MarketStats, basket: BasketId, window: int, session: date, member: str = "") -> ChartData | None:
    """The chart of a basket's `window`-session move on `session`; None = no such move.

    With `member` it is the chart of this member, as a basket of one.
    """
    series, columns = stats.series[basket], stats.of_basket(basket, window)
    charted = series.basket
    if member:
        columns = stats.of_member(basket, Symbol(member), window)
        charted = replace(charted, id=BasketId(member), names=(), members=(Member(Symbol(member)),))
    position = stats.position(basket, session)
    verdict = None if position is None else columns.at(position)
    if position is None or verdict is None:
        return None
    # A year back, early enough for the whole window, but no session without data. The level begins on the session
    # before the first reading.
    year = int(np.searchsorted(columns.sessions, columns.sessions[position] - np.timedelta64(YEAR_DAYS, "D")))
    begin = max(min(year, position - window), columns.first - 1, 0)
    rows = slice(begin, position + 1)
    missing = np.isnan(columns.daily_return[rows])
    growth = np.where(missing, 1.0, 1 + columns.daily_return[rows])
    growth[0] = START
    missing[0] &= begin >= columns.first
    moves = columns.move[: position + 1]
    return ChartData(
        basket=charted,
        verdict=verdict,
        final=position < series.final_sessions,
        sessions=tuple(columns.sessions[rows].tolist()),
        levels=tuple(None if gap else level for gap, level in zip(missing, np.cumprod(growth).tolist(), strict=True)),
        states=tuple(map(DrawdownState, columns.state[rows].tolist())),
        moves=tuple(moves[~np.isnan(moves)].tolist()),
        worst=tuple((worst.session, worst.move) for worst in worst_moves(columns, position, WORST)),
    )
