"""What would be said of a move on the next session?"""

from __future__ import annotations

from datetime import date
from math import isnan, nan

from bot.alerts import Evidence, Rule, deepest_rung
from bot.baskets import BasketId
from bot.context import Reach, Supposition, deeper_claim
from bot.errors import NoData
from bot.pipeline import Rulebook
from bot.statistics import Board, Past, Verdict, further


def supposed_move(word: str) -> float | None:
    """A percentage as people type it, as a fraction between -1 and 10; None = it is none."""
    try:
        fraction = float(word.replace("\u2212", "-").removesuffix("%")) / 100
    except ValueError:
        return None
    return fraction if -1 < fraction < 10 else None


def whatif(board: Board, rulebook: Rulebook, basket: BasketId, move: float, window: int = 2) -> Supposition:
    """Suppose that the `window`-session move which ends on the next session is `move` (a fraction above -1).

    The past is that up to the last final session. Raises NoData if there is none, or if a session of the window has no
    reading.
    """
    series = board.series[basket]
    position = series.final_sessions - 1
    session = board.next_session(basket, position) if position >= 0 else None
    if session is None:
        raise NoData(f"There is no session of basket {basket} to go on from: it needs prices, and a calendar ahead.")
    past = Past.of(board.of_basket(basket, window), position, board.lines)
    daily = (1 + move) / past.growth - 1
    verdict = past.next(session, daily, 1.0)
    if verdict is None:
        raise NoData(f"Basket {basket} has no reading on a session before {session}: a {window}-session move needs it.")
    reaches = _reaches(board, rulebook, basket, position, session, daily)
    return Supposition(series.basket, verdict, reaches, deeper_claim(past, verdict))


def distances(board: Board, rulebook: Rulebook, basket: BasketId, session: date) -> tuple[Reach, ...]:
    """How far each rule about the basket's own closes was from its next rung on `session`; none without a reading."""
    position = board.position(basket, session)
    daily = nan if not position else board.series[basket].daily_return.item(position)
    return () if not position or isnan(daily) else _reaches(board, rulebook, basket, position - 1, session, daily)


def _reaches(
    board: Board, rulebook: Rulebook, basket: BasketId, position: int, session: date, daily: float
) -> tuple[Reach, ...]:
    asked = (rule for rule in rulebook.rules if _asked(board, rule, basket))
    return tuple(_reach(board, rule, basket, position, session, daily) for rule in asked)


def _asked(board: Board, rule: Rule, basket: BasketId) -> bool:
    """Whether the rule is about the basket's own closes."""
    members = rule.members and len(board.series[basket].basket.members) > 1
    return basket in rule.baskets and not members and not rule.asks("day_low")


def _reach(board: Board, rule: Rule, basket: BasketId, position: int, session: date, daily: float) -> Reach:
    past = Past.of(board.of_basket(basket, rule.window), position, board.lines)
    verdict = past.next(session, daily, 1.0)
    rung = None if verdict is None else deepest_rung(rule, Evidence(verdict))
    severity = 0 if rung is None else rung.severity

    def deeper(one: Verdict) -> bool:
        found = deepest_rung(rule, Evidence(one))
        return found is not None and found.severity > severity

    found = None if isnan(past.growth) else further(past, session, daily, 1.0, deeper)
    next_rung = None if found is None else deepest_rung(rule, Evidence(found.verdict))
    return Reach(rule, rung, next_rung, found)
