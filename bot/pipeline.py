"""The path on one page: prices -> baskets -> statistics -> alerts -> context -> messages -> events.

    board = survey(tables, rulebook)                          prices valued and measured, walk-forward
    judgement = judge(board, rulebook, session, memories)     every rule asked, what speaks and what is remembered
    event = compose(board, rulebook, alert, ...)              one alert in words, in every language

All of it is pure: live, replay and demo call the same three functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime

from bot.alerts.episodes import (
    Alert,
    Decision,
    DecisionReason,
    EpisodeId,
    Phase,
    ProvisionalAlert,
    Subject,
    SubjectState,
    decide,
    episode_id,
)
from bot.alerts.inhibition import inhibit
from bot.alerts.rules import NamedEvent, Rule
from bot.alerts.targets import RuleTarget, candidates_by_session, rule_targets, target_index
from bot.baskets import Basket, BasketId, symbols_of
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
from bot.statistics.verdict import DrawdownThresholds, Verdict

FORGOTTEN = SubjectState()


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What to watch and when to speak: the configuration as the pure part knows it.

    `close_after` is how many sessions without any rung close an episode.
    """

    baskets: tuple[Basket, ...]
    rules: tuple[Rule, ...]
    events: tuple[NamedEvent, ...] = ()
    drawdown_thresholds: DrawdownThresholds = DrawdownThresholds()
    close_after_sessions: int = 5

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """Everything that is watched, each once."""
        return symbols_of(self.baskets)


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """One session judged: the evaluations with their reasons, the memories that changed, and what is to be said."""

    decisions: tuple[Decision, ...]
    memories: Mapping[Subject, SubjectState]
    alerts: tuple[Alert, ...]


def measure_market(tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook) -> MarketStats:
    """Value and measure the rulebook's baskets over their calendars' price tables."""
    return MarketStats.of(tables, rulebook.baskets, rulebook.drawdown_thresholds)


def evaluate(
    board: MarketStats,
    rulebook: Rulebook,
    session: date,
    memories: Mapping[Subject, SubjectState],
    *,
    only: AbstractSet[RuleTarget] | None = None,
    every: bool = False,
) -> EvaluationResult:
    """Ask the rules about one final session. `memories` is what they remember of the sessions before it.

    `only` names the questions to ask (None = all). Those that are quiet on that session and have no open episode are
    passed over, unless `every` evaluation is asked for.
    """
    asked = rule_targets(board, rulebook.rules)
    loud = candidates_by_session(board, rulebook.rules, only).get(session, {})
    opened = _open_members(board, rulebook, memories)
    places = range(len(asked)) if every else sorted({*loud, *opened})
    answers: list[tuple[Rule, Sequence[Decision]]] = []
    for place in places:
        question = asked[place]
        if only is not None and question not in only:
            continue
        seen = question.evidence(board, session, loud.get(place), opened.get(place, frozenset()), every)
        found = [
            decide(
                question.rule,
                subject,
                session,
                evidence,
                memories.get(subject, FORGOTTEN),
                rulebook.close_after_sessions,
            )
            for subject, evidence in seen
        ]
        answers.append((question.rule, found))
    answers = inhibit(answers)
    decisions = tuple(one for _, found in answers for one in found)
    speaking = ((rule, tuple(one for one in found if one.fires)) for rule, found in answers)
    alerts = tuple(Alert(rule, session, Phase.FINAL, found) for rule, found in speaking if found)
    changed = {one.subject: one.state for one in decisions if one.state.episode or one.reason is DecisionReason.CLOSED}
    return EvaluationResult(decisions, changed, alerts)


def _open_members(
    board: MarketStats, rulebook: Rulebook, memories: Mapping[Subject, SubjectState]
) -> Mapping[int, AbstractSet[str]]:
    """The questions, by their place, that have an open episode, with the members it is about."""
    place = target_index(board, rulebook.rules)
    found: dict[int, set[str]] = {}
    for subject, memory in memories.items():
        if memory.episode is not None and (at := place.get((subject.rule, subject.basket))) is not None:
            found.setdefault(at, set()).add(subject.member)
    return found


def compose(
    board: MarketStats,
    rulebook: Rulebook,
    alert: Alert,
    languages: Sequence[str],
    created: datetime,
    expires: datetime,
    as_of: datetime | None = None,
) -> Notification:
    """One alert in words. `created` and `expires` carry a zone; every language of `languages` gets a message.

    `as_of`, in the exchange's zone, is when the latest prices of a session that has not ended are from.
    """
    context = build_context(board, rulebook.rules, alert, as_of)
    baskets = tuple(BasketId(one) for one in (alert.subject.basket, alert.subject.against) if one)
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


def add_notes(event: Notification, notes: Sequence[Note]) -> Notification:
    """An alert with the operator's notes about its baskets; what withdraws one, or answers it, has none."""
    shown = [(one.written.date(), one.text) for one in notes if one.basket is None or one.basket in event.baskets]
    if not shown or event.withdraws or event.manner is SendMode.REPLY:
        return event
    return replace(event, messages=tuple(with_notes(one, shown) for one in event.messages))


def chart_for(board: MarketStats, subjects: Sequence[Subject], window: int, session: date) -> ChartData | None:
    """What there is to draw of what an alert is about: the basket, or the one member it speaks of.

    None = nothing: a contrast is no line of its own, and of a member that is gone there is none.
    """
    first, *others = subjects
    if first.against or not _looked_at(board, first):
        return None
    return chart_data(board, first.basket, window, session, "" if others else first.member)


def as_edit(event: Notification, told: ProvisionalAlert) -> Notification:
    """`event` in the place of what was told of the same session before it was over."""
    return replace(event, manner=SendMode.EDIT, original=NotificationKey(told.event))


def with_headlines_edit(event: Notification, headlines: Sequence[Headline]) -> Notification:
    """`event` once more, with headlines, in the place of the same without."""
    told = tuple(with_headlines(one, headlines) for one in event.messages)
    key = NotificationKey(f"{event.key}/headlines")
    return replace(event, key=key, messages=told, manner=SendMode.AMEND, original=event.key)


def severity_change_notice(event: Notification, told: ProvisionalAlert) -> Notification:
    """A few words to those who have seen what `event` takes the place of: its class is another."""
    now = None if event.withdraws else event.severity
    return replace(
        event,
        key=NotificationKey(f"{event.key}/announced"),
        manner=SendMode.REPLY,
        chart=None,
        messages=tuple(severity_change_text(one, told.severity, now) for one in event.messages),
    )


def compose_withdrawal(
    board: MarketStats,
    question: RuleTarget,
    subjects: Sequence[Subject],
    told: ProvisionalAlert,
    languages: Sequence[str],
    created: datetime,
    expires: datetime,
) -> Notification:
    """What was told of `subjects` while the session was under way did not hold at its close."""
    names = {one: board.series[one].basket for one in question.baskets}
    episode = episode_id(subjects[0], told.session)

    def said(language: str) -> Message:
        name = " / ".join(one.name(language) for one in names.values())
        found = [(one.member or name, _verdict_of(board, question, one, told.session)) for one in subjects]
        return withdrawal_text(name, found, told.session, episode, language)

    return _taken_back(told, episode, tuple(names), tuple(map(said, languages)), created, expires)


def compose_discontinuation(
    subject: Subject, told: ProvisionalAlert, languages: Sequence[str], created: datetime, expires: datetime
) -> Notification:
    """What was told of a session under way, and of which nobody asks at its close: the configuration is another."""
    episode = episode_id(subject, told.session)
    messages = tuple(discontinued_text(subject.basket, episode, one) for one in languages)
    return _taken_back(told, episode, (subject.basket,), messages, created, expires)


def _taken_back(
    told: ProvisionalAlert,
    episode: EpisodeId,
    baskets: tuple[BasketId, ...],
    messages: tuple[Message, ...],
    created: datetime,
    expires: datetime,
) -> Notification:
    return Notification(
        key=NotificationKey(f"{told.event}/withdrawn"),
        id=episode,
        baskets=baskets,
        severity=told.severity,
        session=told.session,
        created=created,
        expires=expires,
        messages=messages,
        withdraws=True,
    )


def _looked_at(board: MarketStats, subject: Subject) -> bool:
    """Whether a subject's member is one of its basket still."""
    return not subject.member or subject.member in board.series[subject.basket].basket.symbols


def _verdict_of(board: MarketStats, question: RuleTarget, subject: Subject, session: date) -> Verdict | None:
    """What the session shows of a subject; None = it has no reading, or is not looked at any more."""
    window = question.rule.window
    if subject.against:
        there = subject.against in board.series
        return board.spread_at(subject.basket, BasketId(subject.against), window, session) if there else None
    position = board.position(subject.basket, session)
    if position is None or not _looked_at(board, subject):
        return None
    if subject.member:
        return board.of_member(subject.basket, Symbol(subject.member), window).at(position)
    return board.of_basket(subject.basket, window).at(position)
