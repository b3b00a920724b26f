"""Chart data: the content of a chart, from data up to its session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from bot.baskets import Basket, BasketId, Member
from bot.prices.bars import Symbol
from bot.statistics.market_stats import MarketStats
from bot.statistics.measure import VerdictColumns
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


def chart_data(board: MarketStats, basket: BasketId, window: int, session: date, member: str = "") -> ChartData | None:
    """What there is to draw of a basket's `window`-session move on `session`; None = it has no such move.

    With `member` it is that of one of its members, drawn as a basket of one.
    """
    series, columns = board.series[basket], board.of_basket(basket, window)
    drawn = series.basket
    if member:
        columns = board.of_member(basket, Symbol(member), window)
        drawn = replace(drawn, id=BasketId(member), names=(), members=(Member(Symbol(member)),))
    position = board.position(basket, session)
    verdict = None if position is None else columns.at(position)
    if position is None or verdict is None:
        return None
    begin = _begin(columns, position)
    moves = columns.move[: position + 1]
    return ChartData(
        basket=drawn,
        verdict=verdict,
        final=position < series.final_sessions,
        sessions=tuple(columns.sessions[begin : position + 1].tolist()),
        levels=tuple(_levels(columns, begin, position)),
        states=tuple(map(DrawdownState, columns.state[begin : position + 1].tolist())),
        moves=tuple(moves[~np.isnan(moves)].tolist()),
        worst=tuple((verdict.session, verdict.move) for verdict in worst_moves(columns, position, WORST)),
    )


def _begin(columns: VerdictColumns, position: int) -> int:
    """The first session shown: a year back, early enough for the whole window, but no session without data."""
    year = columns.sessions[position] - np.timedelta64(YEAR_DAYS, "D")
    back = min(int(np.searchsorted(columns.sessions, year)), position - columns.window)
    return max(back, columns.first - 1, 0)


def _levels(columns: VerdictColumns, begin: int, position: int) -> Iterator[float | None]:
    """The level of each session; the one before the first reading is where the level begins, so it has one."""
    returns = columns.daily_return[begin : position + 1]
    missing = np.isnan(returns)
    growth = np.where(missing, 1.0, 1 + returns)
    growth[0] = START
    missing[0] &= begin >= columns.first
    for level, no_reading in zip(np.cumprod(growth).tolist(), missing.tolist(), strict=True):
        yield None if no_reading else level
