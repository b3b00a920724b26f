"""What was published of sessions whose closes were corrected since, how does it read now, and what is missing?"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date

from bot.alerts.episodes import Alert, Decision, Subject, SubjectState
from bot.alerts.rules import Severity
from bot.alerts.targets import RuleTarget, rule_targets
from bot.baskets import BasketId
from bot.delivery.model import Notification, NotificationKey, SendMode
from bot.messages.change_text import correction_text, retraction_text, revised_data_text
from bot.pipeline import FORGOTTEN, Rulebook, chart_for, compose, evaluate
from bot.statistics.market_stats import MarketStats
from bot.watch.loop import Watch
from bot.watch.turn import WARM_UP_SESSIONS, Findings, Turn

RECENT = 10  # sessions of which a sentence is corrected

log = logging.getLogger(__name__)


async def correct(
    watch: Watch, before: MarketStats, turn: Turn, memories: Mapping[Subject, SubjectState]
) -> dict[Subject, SubjectState]:
    """Correct what was published, in its place, and tell what was missing; the answer is what is remembered otherwise.

    `before` is the market as it was read, that of `turn` as it is; `memories` are those of the sessions judged so far.
    """
    rereading = Rereading.of(before, turn, memories)
    published = await watch.journal.published(rereading.keys())
    events = tuple(rereading.events(frozenset(published)))
    known = rereading.remembered({one.baskets[0] for one in events if turn.due.now < one.expires})
    await watch.store(turn.setup, Findings(known, events, closes=turn.grounds.told()))
    return known


@dataclass(frozen=True, slots=True)
class Reading:
    """The latest sessions, judged on one market: what is said, every rung that holds, and what is remembered then."""

    alerts: dict[tuple[date, RuleTarget], Alert] = field(default_factory=dict)
    rungs: dict[tuple[date, Subject], Decision] = field(default_factory=dict)
    memories: dict[date, Mapping[Subject, SubjectState]] = field(default_factory=dict)

    @classmethod
    def of(cls, board: MarketStats, rulebook: Rulebook) -> Reading:
        """What is remembered of earlier sessions is learned first."""
        days, known, reading = board.sessions(), dict[Subject, SubjectState](), cls()
        asked = frozenset(rule_targets(board, rulebook.rules))
        for day in days[-(RECENT + WARM_UP_SESSIONS) :]:
            judgement = evaluate(board, rulebook, day, known, only=asked)
            known |= judgement.memories
            if day in days[-RECENT:]:
                reading.alerts.update(
                    ((day, RuleTarget(one.rule, one.subject.basket)), one) for one in judgement.alerts
                )
                reading.rungs.update(((day, one.subject), one) for one in judgement.decisions if one.level is not None)
                reading.memories[day] = dict(known)
        board.forget()  # the figures of two markets at once would take too much
        return reading

    def standing(self, alert: Alert, new: Alert | None) -> Alert | None:
        """What has a rung here of all that `alert` spoke of and `new` does, whether or not it would be said."""
        subjects = dict.fromkeys((*alert.subjects, *(new.subjects if new is not None else ())))
        held = tuple(self.rungs[alert.session, one] for one in subjects if (alert.session, one) in self.rungs)
        return replace(alert, decisions=held) if held else None


@dataclass(frozen=True, slots=True)
class Rereading:
    """Two readings, before and after closes were corrected; `sure` is the latter with the doubtful prices too.

    `judged` says up to which session each question was asked.
    """

    turn: Turn
    before: MarketStats
    then: Reading
    now: Reading
    sure: Reading
    memories: Mapping[Subject, SubjectState]
    judged: Mapping[RuleTarget, date]

    @classmethod
    def of(cls, before: MarketStats, turn: Turn, memories: Mapping[Subject, SubjectState]) -> Rereading:
        book = turn.setup.rulebook
        asked = {one: memories.get(one.subject, FORGOTTEN).judged for one in rule_targets(turn.board, book.rules)}
        now = Reading.of(turn.board, book)
        sure = now if turn.doubted is None else Reading.of(turn.doubted.board, book)
        judged = {one: day for one, day in asked.items() if day is not None}
        return cls(turn, before, Reading.of(before, book), now, sure, memories, judged)

    def keys(self) -> list[str]:
        """Under which something may have been published, however loud it was."""
        alerts = (*self.then.alerts.values(), *self.now.alerts.values())
        return [alert.key_for(severity) for alert in alerts for severity in Severity]

    def events(self, published: AbstractSet[str]) -> Iterator[Notification]:
        """What reads otherwise now, each in its place, and what nobody was told of; `published` are keys."""
        for day, question in sorted(self.then.alerts | self.now.alerts, key=lambda one: one[0]):
            old, new = (one.alerts.get((day, question)) for one in (self.then, self.now))
            candidates = [one.key_for(severity) for one in (old, new) if one is not None for severity in Severity]
            original = next((NotificationKey(key) for key in candidates if key in published), None)
            if old is not None and original is not None:
                yield from self._corrections(old, new, original)
            elif old is None and new is not None and self._certain(day, question):
                late = self._late(question, new)
                yield late if original is None else self._instead(late, original)

    def remembered(self, baskets: AbstractSet[BasketId]) -> dict[Subject, SubjectState]:
        """What is another now of what is remembered of these baskets, had their closes been so from the start.

        Of what is past its news nobody hears, so that it is not remembered as told.
        """
        found = {}
        for question, day in self.judged.items():
            if question.basket not in baskets:
                continue
            then, now = (one.memories.get(day, {}) for one in (self.then, self.now))
            for subject in filter(question.covers, then.keys() | now.keys()):
                was, is_ = (one.get(subject, FORGOTTEN).episode for one in (then, now))
                if is_ != was:
                    found[subject] = SubjectState(day, is_, self.memories.get(subject, FORGOTTEN).told)
        return found

    def _certain(self, day: date, question: RuleTarget) -> bool:
        """Whether the question was asked about that session, and its answer is the same with the doubtful prices."""
        return day <= self.judged.get(question, date.min) and (day, question) in self.sure.alerts

    def _late(self, question: RuleTarget, alert: Alert) -> Notification:
        """An alert that nobody was told of; it is news from now on if that session was the latest, or just was."""
        event = self.turn.final(question, alert)
        latest = self.turn.board.series[question.basket].sessions[-2:].tolist()
        if alert.session == self.judged[question] and alert.session in latest:
            event = replace(event, expires=self.turn.due.now + self.turn.setup.timing.expiry)
        elif event.expires <= self.turn.due.now:
            log.warning("on revised closes this would have been told, and is no news any more: %s", event.key)
        return replace(event, messages=tuple(map(revised_data_text, event.messages)))

    def _corrections(self, alert: Alert, new: Alert | None, original: NotificationKey) -> Iterator[Notification]:
        still = self.now.standing(alert, new)
        old = self._composed(self.before, alert)
        event = self._composed(self.turn.board, still) if still is not None else None
        if event is not None and event.messages == old.messages:
            return
        said = event.messages if event is not None else old.messages
        make = retraction_text if event is None else correction_text
        messages = tuple(make(one, was) for one, was in zip(said, old.messages, strict=True))
        edited = self._instead(replace(event or old, messages=messages, withdraws=event is None), original)
        if self.turn.setup.charts:
            drawn = chart_for(self.turn.board, (still or alert).subjects, alert.rule.window, alert.session)
            edited = replace(edited, chart=drawn)
        yield edited
        if max(old.severity, edited.severity) >= Severity.SEVERE:
            short = tuple(replace(one, lines=one.lines[:2]) for one in edited.messages)
            key = NotificationKey(f"{edited.key}/announced")
            yield replace(edited, key=key, manner=SendMode.REPLY, messages=short, chart=None)

    def _instead(self, event: Notification, original: NotificationKey) -> Notification:
        now = self.turn.due.now
        key = NotificationKey(f"{original}/corrected/{now:%Y%m%d%H%M}")
        expires = now + self.turn.setup.timing.expiry
        return replace(event, key=key, manner=SendMode.EDIT, original=original, created=now, expires=expires)

    def _composed(self, board: MarketStats, alert: Alert) -> Notification:
        now, setup = self.turn.due.now, self.turn.setup
        event = compose(board, setup.rulebook, alert, setup.languages, now, now + setup.timing.expiry)
        board.forget()  # as above
        return event
