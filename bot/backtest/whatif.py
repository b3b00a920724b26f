"""Hypothetical move of the next session, and the distance to the next level."""

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


def parse_move(text: str) -> float | None:
    """A typed percentage as a fraction between -1 and 10; None = not a percentage in this range."""
    try:
        fraction = float(text.replace("\u2212", "-").removesuffix("%")) / 100
    except ValueError:
        return None
    return fraction if -1 < fraction < 10 else None


def evaluate_move(
    stats: MarketStats, rulebook: Rulebook, basket: BasketId, move: float, window: int = 2
) -> WhatIfResult:
    """The result of a `window`-session `move` (a fraction above -1) that ends on the session after the last final one.

    Raises NoData without a final session, or without a reading on a session of the window.
    """
    series = stats.series[basket]
    position = series.final_sessions - 1
    session = stats.next_session(basket, position) if position >= 0 else None
    if session is None:
        raise NoData(f"There is no session of basket {basket} to go on from: it needs prices, and a calendar ahead.")
    past = SettledHistory.of(stats.of_basket(basket, window), position, stats.thresholds)
    daily = (1 + move) / past.growth - 1
    verdict = past.next(session, daily, 1.0)
    if verdict is None:
        raise NoData(f"Basket {basket} has no reading on a session before {session}: a {window}-session move needs it.")
    forecasts = _forecasts(stats, rulebook, basket, position, session, daily)
    return WhatIfResult(series.basket, verdict, forecasts, next_claim(past, verdict))


def level_distances(
    stats: MarketStats, rulebook: Rulebook, basket: BasketId, session: date
) -> tuple[LevelForecast, ...]:
    """The next level, and the fall to it, of the rules about the basket's closes; () without a reading on `session`."""
    position = stats.position(basket, session)
    daily = nan if not position else stats.series[basket].daily_return.item(position)
    return () if not position or isnan(daily) else _forecasts(stats, rulebook, basket, position - 1, session, daily)


def _forecasts(
    stats: MarketStats, rulebook: Rulebook, basket: BasketId, position: int, session: date, daily: float
) -> tuple[LevelForecast, ...]:
    """The forecasts of the rules about the basket's own closes."""
    forecasts = []
    for rule in rulebook.rules:
        about_members = rule.members and len(stats.series[basket].basket.members) > 1
        if basket in rule.baskets and not about_members and not rule.uses_condition("day_low"):
            past = SettledHistory.of(stats.of_basket(basket, rule.window), position, stats.thresholds)
            forecasts.append(_forecast(rule, past, session, daily))
    return tuple(forecasts)


def _forecast(rule: Rule, past: SettledHistory, session: date, daily: float) -> LevelForecast:
    verdict = past.next(session, daily, 1.0)
    level = None if verdict is None else highest_level(rule, Evidence(verdict))
    severity = 0 if level is None else level.severity

    def deeper(further: Verdict) -> bool:
        reached = highest_level(rule, Evidence(further))
        return reached is not None and reached.severity > severity

    fall = None if isnan(past.growth) else smallest_further_fall(past, session, daily, 1.0, deeper)
    next_level = None if fall is None else highest_level(rule, Evidence(fall.verdict))
    return LevelForecast(rule, level, next_level, fall)
