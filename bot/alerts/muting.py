"""Which news does a basket's fall tell already: that of its members, and of a state it enters itself?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.alerts.decide import Decision
from bot.alerts.episodes import Reason
from bot.alerts.rules import Rule, Severity
from bot.baskets import BasketId

Answer = tuple[Rule, Sequence[Decision]]


def muted(answers: Sequence[Answer]) -> list[Answer]:
    """One session's answers, in which what a basket's fall tells is silent if the fall is at least as loud.

    What is remembered stays the same: it counts as told.
    """
    loudest: dict[BasketId, Severity] = {}
    for rule, found in answers:
        for one in found:
            if one.speaks and one.rung is not None and of_fall(rule):
                basket = one.subject.basket
                loudest[basket] = max(loudest.get(basket, one.rung.severity), one.rung.severity)
    if not loudest:
        return list(answers)
    return [(rule, [_heard(rule, one, loudest) for one in found]) for rule, found in answers]


def of_fall(rule: Rule) -> bool:
    """Whether a rule is about a basket's own fall."""
    return not rule.members and rule.contrast is None and not rule.asks("enters")


def _heard(rule: Rule, decision: Decision, loudest: dict[BasketId, Severity]) -> Decision:
    subject, rung = decision.subject, decision.rung
    told = bool(subject.member) or rule.asks("enters")
    if not told or not decision.speaks or rung is None or subject.basket not in loudest:
        return decision
    return replace(decision, reason=Reason.MUTED) if rung.severity <= loudest[subject.basket] else decision
