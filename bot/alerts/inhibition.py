"""One message per basket and session: member and state alerts inhibited by the basket's alert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from bot.alerts.episodes import Alert, Decision, DecisionReason, Phase
from bot.alerts.rules import Rule, Severity
from bot.baskets import BasketId

RuleDecisions = tuple[Rule, Sequence[Decision]]


def inhibit(answers: Sequence[RuleDecisions]) -> list[RuleDecisions]:
    """One session's decisions, with alerts INHIBITED where the basket's alert covers them.

    The alert about a basket's fall covers those about its state and its members; without a fall, the first alert about
    its state covers those about members. The covering alert has the highest severity of all. States do not change: a
    covered alert counts as posted.
    """
    fired: dict[BasketId, list[tuple[Rule, Decision]]] = {}
    for rule, decisions in answers:
        for decision in decisions:
            if decision.fires:
                fired.setdefault(decision.subject.basket, []).append((rule, decision))
    covering: dict[BasketId, Sequence[Rule]] = {}
    severities: dict[BasketId, Severity] = {}
    for basket, alerts in fired.items():
        rules = basket_alert_rules((rule, decision.subject.member) for rule, decision in alerts)
        if rules:
            covering[basket] = rules
            covered = [alert.severity for rule, alert in alerts if covered_by_basket_alert(rule, alert.subject.member)]
            if covered:
                severities[basket] = max(covered)

    def inhibited(rule: Rule, decision: Decision) -> Decision:
        basket = decision.subject.basket
        if not decision.fires or basket not in covering:
            return decision
        if rule in covering[basket]:
            return replace(decision, inhibited_severity=severities.get(basket))
        covered = covered_by_basket_alert(rule, decision.subject.member)
        return replace(decision, reason=DecisionReason.INHIBITED) if covered else decision

    return [(rule, [inhibited(rule, decision) for decision in decisions]) for rule, decisions in answers]


def firing_alerts(results: Iterable[RuleDecisions], session: date) -> tuple[Alert, ...]:
    """The alerts of one session: the firing decisions of each target, if there are any."""
    firing = ((rule, tuple(decision for decision in decisions if decision.fires)) for rule, decisions in results)
    return tuple(Alert(rule, session, Phase.FINAL, decisions) for rule, decisions in firing if decisions)


def covered_by_basket_alert(rule: Rule, member: str) -> bool:
    """Whether the basket's alert covers an alert of this rule. `member` is "" for a basket."""
    return bool(member) or rule.uses_condition("enters")


def basket_alert_rules(news: Iterable[tuple[Rule, str]]) -> Sequence[Rule]:
    """The rules of the alert that covers the others: those about the basket's fall, or else the first about its state.

    `news` are the rules that fire for a basket on a session, with the member ("" = the basket).
    """
    fired = tuple(news)
    falls = [
        rule for rule, _ in fired if not rule.members and rule.contrast is None and not rule.uses_condition("enters")
    ]
    return falls or [rule for rule, member in fired if rule.uses_condition("enters") and not member][:1]
