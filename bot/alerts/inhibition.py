"""One message per basket and session: member and state alerts inhibited by the basket's alert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from bot.alerts.episodes import Alert, Decision, DecisionReason, Phase
from bot.alerts.rules import Rule
from bot.baskets import BasketId

RuleDecisions = tuple[Rule, Sequence[Decision]]


def inhibit(results: Sequence[RuleDecisions]) -> list[RuleDecisions]:
    """One session's decisions, with alerts INHIBITED where the basket's alert covers them.

    The alert about a basket's fall covers those about its state and its members; without a fall, the first alert about
    its state covers those about members. The covering alert has the highest severity of all. States do not change: a
    covered alert counts as posted.
    """
    fired: dict[BasketId, list[tuple[Rule, Decision]]] = {}
    for rule, decisions in results:
        for decision in decisions:
            if decision.fires:
                fired.setdefault(decision.subject.basket, []).append((rule, decision))

    def inhibited(rule: Rule, decision: Decision) -> Decision:
        alerts = fired[decision.subject.basket]
        covering = basket_alert_rules([(rule, alert.subject.member) for rule, alert in alerts])
        if rule in covering:
            covered = (alert for rule, alert in alerts if covered_by_basket_alert(rule, alert.subject.member))
            return replace(decision, inhibited_severity=max((alert.severity for alert in covered), default=None))
        if covering and covered_by_basket_alert(rule, decision.subject.member):
            return replace(decision, reason=DecisionReason.INHIBITED)
        return decision

    return [
        (rule, [inhibited(rule, decision) if decision.fires else decision for decision in decisions])
        for rule, decisions in results
    ]


def firing_alerts(results: Iterable[RuleDecisions], session: date) -> tuple[Alert, ...]:
    """The alerts of one session: the firing decisions of each target, if there are any."""
    firing = ((rule, tuple(decision for decision in decisions if decision.fires)) for rule, decisions in results)
    return tuple(Alert(rule, session, Phase.FINAL, decisions) for rule, decisions in firing if decisions)


def covered_by_basket_alert(rule: Rule, member: str) -> bool:
    """Whether the basket's alert covers an alert of this rule. `member` is "" for a basket."""
    return bool(member) or rule.uses_condition("enters")


def basket_alert_rules(fired: Iterable[tuple[Rule, str]]) -> Sequence[Rule]:
    """The rules of the alert that covers the others: those about the basket's fall, or else the first about its state.

    `fired` are the rules that fire for a basket on a session, with the member ("" = the basket).
    """
    about_states = [(rule, rule.uses_condition("enters"), member) for rule, member in fired]
    falls = [rule for rule, state, _ in about_states if not (state or rule.members or rule.contrast)]
    return falls or [rule for rule, state, member in about_states if state and not member][:1]
