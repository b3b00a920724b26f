"""Pure path from prices to notifications: prices -> baskets -> statistics -> alerts -> context -> messages.

    stats = measure_market(tables, rulebook)               prices valued and measured, walk-forward
    result = evaluate(stats, rulebook, session, states)    decisions, changed states, alerts
    compose(stats, rulebook, alert, ...)                   the notification of an alert, in every language

Live, replay and demo call the same three functions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime

from bot.alerts.episodes import (
    Alert,
    Decision,
    DecisionReason,
    ProvisionalAlert,
    Subject,
    SubjectState,
    SubjectStates,
    decide,
    episode_id,
)
from bot.alerts.inhibition import RuleDecisions, firing_alerts, inhibit
from bot.alerts.rules import NamedEvent, Rule
from bot.alerts.targets import RuleTarget, is_configured, rule_targets, subject_verdict
from bot.baskets import Basket, BasketId, symbols_of, value_basket
from bot.chart.data import ChartData, chart_data
from bot.context.build import build_context
from bot.context.headlines import Headline
from bot.delivery.model import Note, Notification, NotificationKey, SendMode
from bot.messages.alert_text import render_alert
from bot.messages.change_text import (
    discontinued_text,
    severity_change_text,
    with_headlines,
    with_notes,
    withdrawal_text,
)
from bot.messages.message import Message
from bot.prices.bars import Symbol
from bot.prices.calendars import CalendarCode
from bot.prices.table import PriceTable
from bot.statistics.market_stats import MarketStats
from bot.statistics.verdict import DrawdownThresholds

FORGOTTEN = SubjectState()


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The configured baskets, rules and events; `close_after_sessions` without any level close an episode."""

    baskets: tuple[Basket, ...]
    rules: tuple[Rule, ...]
    events: tuple[NamedEvent, ...] = ()
    drawdown_thresholds: DrawdownThresholds = DrawdownThresholds()
    close_after_sessions: int = 5

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """All watched symbols, without duplicates."""
        return symbols_of(self.baskets)


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """One evaluated session: the decisions, the subject states that changed, and the alerts."""

    decisions: tuple[Decision, ...]
    states: SubjectStates
    alerts: tuple[Alert, ...]


def measure_market(tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook) -> MarketStats:
    """Value and measure the rulebook's baskets over their calendars' price tables."""
    series = {basket.id: value_basket(tables[basket.calendar], basket) for basket in rulebook.baskets}
    return MarketStats(series, rulebook.drawdown_thresholds, tables)


def evaluate(
    stats: MarketStats,
    rulebook: Rulebook,
    session: date,
    states: SubjectStates,
    *,
    only: AbstractSet[RuleTarget] | None = None,
    every: bool = False,
) -> EvaluationResult:
    """The decisions on one final session; `states` are those after the sessions before it.

    `only` limits the targets (None = all). Targets that are quiet on that session and have no open episode are left
    out, unless `every`.
    """
    open_members: dict[tuple[str, str], set[str]] = defaultdict(set)
    for subject, state in states.items():
        if state.episode is not None:
            open_members[subject.rule, subject.basket].add(subject.member)
    results: list[RuleDecisions] = []
    for target in rule_targets(stats, rulebook.rules):
        rule, open_here = target.rule, open_members.get((target.rule.name, target.basket), ())
        if only is not None and target not in only:
            continue
        if every or open_here or session in target.candidates(stats):
            evidence = target.evidence(stats, session, open_here, every=every)
            decided = [
                decide(rule, subject, session, seen, states.get(subject, FORGOTTEN), rulebook.close_after_sessions)
                for subject, seen in evidence
            ]
            results.append((rule, decided))
    results = inhibit(results)
    decisions = tuple(decision for _, decided in results for decision in decided)
    changed = {
        decision.subject: decision.state
        for decision in decisions
        if decision.state.episode or decision.reason is DecisionReason.CLOSED
    }
    return EvaluationResult(decisions, changed, firing_alerts(results, session))


def compose(
    stats: MarketStats,
    rulebook: Rulebook,
    alert: Alert,
    languages: Sequence[str],
    created: datetime,
    expires: datetime,
    as_of: datetime | None = None,
) -> Notification:
    """The notification of an alert, with a message in every language. `created` and `expires` carry a zone.

    `as_of`, in the exchange's zone, is the time of the latest prices of an open session.
    """
    context = build_context(stats, rulebook.rules, alert, as_of)
    baskets = tuple(BasketId(basket) for basket in (alert.subject.basket, alert.subject.against) if basket)
    return Notification(
        key=NotificationKey(alert.key),
        id=alert.episode,
        baskets=baskets,
        severity=alert.severity,
        session=alert.session,
        created=created,
        expires=expires,
        messages=tuple(render_alert(alert, context, rulebook.events, language) for language in languages),
    )


def add_notes(notification: Notification, notes: Sequence[Note]) -> Notification:
    """The alert with the operator's notes about its baskets; withdrawals and replies carry none."""
    baskets = (None, *notification.baskets)
    shown = [(note.written.date(), note.text) for note in notes if note.basket in baskets]
    if not shown or notification.is_withdrawal or notification.mode is SendMode.REPLY:
        return notification
    return replace(notification, messages=tuple(with_notes(message, shown) for message in notification.messages))


def chart_for(stats: MarketStats, subjects: Sequence[Subject], window: int, session: date) -> ChartData | None:
    """The chart of an alert: its basket, or its only member. None = a contrast, or a member no longer in the basket."""
    first, *rest = subjects
    if first.against or not is_configured(stats, first):
        return None
    return chart_data(stats, first.basket, window, session, "" if rest else first.member)


def with_headlines_edit(notification: Notification, headlines: Sequence[Headline]) -> Notification:
    """An edit of `notification` that adds headlines."""
    messages = tuple(with_headlines(message, headlines) for message in notification.messages)
    key = NotificationKey(f"{notification.key}/headlines")
    return replace(notification, key=key, messages=messages, mode=SendMode.AMEND, original=notification.key)


def replacing(notification: Notification, alert: ProvisionalAlert) -> list[Notification]:
    """An edit of the provisional alert of the same session, and a reply to it if the severity changed."""
    edit = replace(notification, mode=SendMode.EDIT, original=NotificationKey(alert.event))
    if not notification.is_withdrawal and notification.severity == alert.severity:
        return [edit]
    severity = None if notification.is_withdrawal else notification.severity
    messages = tuple(severity_change_text(message, alert.severity, severity) for message in notification.messages)
    key = NotificationKey(f"{notification.key}/announced")
    return [edit, replace(edit, key=key, mode=SendMode.REPLY, chart=None, messages=messages)]


def compose_withdrawal(
    stats: MarketStats,
    target: RuleTarget | None,
    subjects: Sequence[Subject],
    alert: ProvisionalAlert,
    languages: Sequence[str],
    created: datetime,
    expires: datetime,
) -> Notification:
    """The withdrawal of a provisional alert about `subjects` that did not hold at the close.

    `target` is None if no rule of the current configuration covers them.
    """
    episode = episode_id(subjects[0], alert.session)
    baskets = (subjects[0].basket,) if target is None else target.baskets
    messages: list[Message] = []
    if target is None:
        messages += (discontinued_text(baskets[0], episode, language) for language in languages)
    else:
        verdicts = [subject_verdict(stats, subject, target.rule.window, alert.session) for subject in subjects]
        for language in languages:
            name = " / ".join(stats.series[basket].basket.name(language) for basket in baskets)
            moves = [(subject.member or name, verdict) for subject, verdict in zip(subjects, verdicts, strict=True)]
            messages.append(withdrawal_text(name, moves, alert.session, episode, language))
    return Notification(
        key=NotificationKey(f"{alert.event}/withdrawn"),
        id=episode,
        baskets=baskets,
        severity=alert.severity,
        session=alert.session,
        created=created,
        expires=expires,
        messages=tuple(messages),
        is_withdrawal=True,
    )
