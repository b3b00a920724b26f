"""What would be said of a move on the next session?"""

from __future__ import annotations

from datetime import date
from math import isnan, nan

from bot.alerts.conditions import Evidence, highest_level
from bot.alerts.rules import Rule
from bot.baskets import BasketId
from bot.context.build import next_claim
from bot.context.model import LevelForecast, WhatIfResult
from bot.errors import NoData
from bot.pipeline import Rulebook
from bot.statistics.market_stats import MarketStats
from bot.statistics.next_session import SettledHistory, smallest_further_fall
from bot.statistics.verdict import Verdict


def parse_move(word: str) -> float | None:
    """A percentage as people type it, as a fraction between -1 and 10; None = it is none."""
    try:
        fraction = float(word.replace("\u2212", "-").removesuffix("%")) / 100
    except ValueError:
        return None
    return fraction if -1 < fraction < 10 else None


def evaluate_move(
    board: MarketStats, rulebook: Rulebook, basket: BasketId, move: float, window: int = 2
) -> WhatIfResult:
    """Suppose that the `window`-session move which ends on the next session is `move` (a fraction above -1).

    The past is that up to the last final session. Raises NoData if there is none, or if a session of the window has no
    reading.
    """
    series = board.series[basket]
    position = series.final_sessions - 1
    session = board.next_session(basket, position) if position >= 0 else None
    if session is None:
        raise NoData(f"There is no session of basket {basket} to go on from: it needs prices, and a calendar ahead.")
    past = SettledHistory.of(board.of_basket(basket, window), position, board.lines)
    daily = (1 + move) / past.growth - 1
    verdict = past.next(session, daily, 1.0)
    if verdict is None:
        raise NoData(f"Basket {basket} has no reading on a session before {session}: a {window}-session move needs it.")
    reaches = _reaches(board, rulebook, basket, position, session, daily)
    return WhatIfResult(series.basket, verdict, reaches, next_claim(past, verdict))


def level_distances(
    board: MarketStats, rulebook: Rulebook, basket: BasketId, session: date
) -> tuple[LevelForecast, ...]:
    """How far each rule about the basket's own closes was from its next rung on `session`; none without a reading."""
    position = board.position(basket, session)
    daily = nan if not position else board.series[basket].daily_return.item(position)
    return () if not position or isnan(daily) else _reaches(board, rulebook, basket, position - 1, session, daily)


def _reaches(
    board: MarketStats, rulebook: Rulebook, basket: BasketId, position: int, session: date, daily: float
) -> tuple[LevelForecast, ...]:
    asked = (rule for rule in rulebook.rules if _asked(board, rule, basket))
    return tuple(_reach(board, rule, basket, position, session, daily) for rule in asked)


def _asked(board: MarketStats, rule: Rule, basket: BasketId) -> bool:
    """Whether the rule is about the basket's own closes."""
    members = rule.members and len(board.series[basket].basket.members) > 1
    return basket in rule.baskets and not members and not rule.uses_condition("day_low")


def _reach(
    board: MarketStats, rule: Rule, basket: BasketId, position: int, session: date, daily: float
) -> LevelForecast:
    past = SettledHistory.of(board.of_basket(basket, rule.window), position, board.lines)
    verdict = past.next(session, daily, 1.0)
    rung = None if verdict is None else highest_level(rule, Evidence(verdict))
    severity = 0 if rung is None else rung.severity

    def deeper(one: Verdict) -> bool:
        found = highest_level(rule, Evidence(one))
        return found is not None and found.severity > severity

    found = None if isnan(past.growth) else smallest_further_fall(past, session, daily, 1.0, deeper)
    next_rung = None if found is None else highest_level(rule, Evidence(found.verdict))
    return LevelForecast(rule, rung, next_rung, found)
