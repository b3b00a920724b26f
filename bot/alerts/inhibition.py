"""One message per basket and session: member and state alerts inhibited by the basket's alert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bot.alerts.episodes import Decision, DecisionReason
from bot.alerts.rules import Rule, Severity
from bot.baskets import BasketId

RuleDecisions = tuple[Rule, Sequence[Decision]]


def inhibit(answers: Sequence[RuleDecisions]) -> list[RuleDecisions]:
    """One session's answers, in which nothing of a basket is told twice.

    A fall tells which state the basket enters and what its members do; without a fall, the first rule about its state
    tells of the members. What is told is silent by itself, and who tells it is as loud as the loudest of it. What is
    remembered stays the same: the silent counts as told.
    """
    telling = _tellers(answers)
    if not telling:
        return list(answers)
    loudest: dict[BasketId, Severity] = {}
    for rule, one in _speaking(answers):
        if one.subject.basket in telling and covered_by_basket_alert(rule, one.subject.member):
            loudest[one.subject.basket] = max(loudest.get(one.subject.basket, one.severity), one.severity)
    return [(rule, [_heard(rule, one, telling, loudest) for one in found]) for rule, found in answers]


def _of_fall(rule: Rule) -> bool:
    """Whether a rule is about a basket's own fall."""
    return not rule.members and rule.contrast is None and not rule.uses_condition("enters")


def covered_by_basket_alert(rule: Rule, member: str) -> bool:
    """Whether such news stands in the message about the basket, where there is one. `member` is "" for a basket."""
    return bool(member) or rule.uses_condition("enters")


def basket_alert_rules(news: Iterable[tuple[Rule, str]]) -> Sequence[Rule]:
    """Who tells everything of a basket: the rules about its fall, or else the first one about its state.

    `news` is all that is said of it on a session, each with the member it is about ("" = the basket).
    """
    said = tuple(news)
    falls = [rule for rule, _ in said if _of_fall(rule)]
    return falls or [rule for rule, member in said if rule.uses_condition("enters") and not member][:1]


def _speaking(answers: Sequence[RuleDecisions]) -> Iterator[tuple[Rule, Decision]]:
    return ((rule, one) for rule, found in answers for one in found if one.fires)


def _tellers(answers: Sequence[RuleDecisions]) -> Mapping[BasketId, Sequence[Rule]]:
    """Of every basket that somebody tells everything of."""
    news: dict[BasketId, list[tuple[Rule, str]]] = {}
    for rule, one in _speaking(answers):
        news.setdefault(one.subject.basket, []).append((rule, one.subject.member))
    return {basket: found for basket, said in news.items() if (found := basket_alert_rules(said))}


def _heard(
    rule: Rule, decision: Decision, telling: Mapping[BasketId, Sequence[Rule]], loudest: Mapping[BasketId, Severity]
) -> Decision:
    basket = decision.subject.basket
    if not decision.fires or basket not in telling:
        return decision
    if rule in telling[basket]:
        return replace(decision, inhibited_severity=loudest.get(basket))
    return (
        replace(decision, reason=DecisionReason.INHIBITED)
        if covered_by_basket_alert(rule, decision.subject.member)
        else decision
    )
