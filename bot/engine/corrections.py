"""Corrections: recent sessions evaluated again after closes were revised, and edits of what was posted."""

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
from bot.engine.evaluation import WARM_UP_SESSIONS, Changes, Evaluation
from bot.messages.change_text import correction_text, retraction_text, revised_data_text
from bot.pipeline import FORGOTTEN, Rulebook, chart_for, compose, evaluate
from bot.statistics.market_stats import MarketStats

RECENT = 10  # sessions whose alerts are corrected

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecentResults:
    """The latest sessions evaluated on one market: the alerts, every level that holds, and the states afterwards."""

    alerts: dict[tuple[date, RuleTarget], Alert] = field(default_factory=dict)
    levels: dict[tuple[date, Subject], Decision] = field(default_factory=dict)
    states: dict[date, Mapping[Subject, SubjectState]] = field(default_factory=dict)

    @classmethod
    def of(cls, stats: MarketStats, rulebook: Rulebook) -> RecentResults:
        """Earlier sessions are evaluated first, so that open episodes are known."""
        days, states, results = stats.sessions(), dict[Subject, SubjectState](), cls()
        targets = frozenset(rule_targets(stats, rulebook.rules))
        for day in days[-(RECENT + WARM_UP_SESSIONS) :]:
            result = evaluate(stats, rulebook, day, states, only=targets)
            states |= result.states
            if day in days[-RECENT:]:
                results.alerts.update(
                    ((day, RuleTarget(alert.rule, alert.subject.basket)), alert) for alert in result.alerts
                )
                results.levels.update(
                    ((day, decision.subject), decision) for decision in result.decisions if decision.level is not None
                )
                results.states[day] = dict(states)
        stats.forget()  # the figures of two markets at once would take too much memory
        return results

    def holding(self, alert: Alert, new: Alert | None) -> Alert | None:
        """`alert` about all of its subjects, and those of `new`, whose level holds here, whether or not it fires."""
        subjects = dict.fromkeys((*alert.subjects, *(new.subjects if new is not None else ())))
        decisions = tuple(
            self.levels[alert.session, subject] for subject in subjects if (alert.session, subject) in self.levels
        )
        return replace(alert, decisions=decisions) if decisions else None


@dataclass(frozen=True, slots=True)
class RevisionDiff:
    """The results before and after a revision; `confirmed` are the latter with the suspect prices too.

    `evaluated` is the last session on which each target was evaluated.
    """

    evaluation: Evaluation
    old_stats: MarketStats
    old: RecentResults
    new: RecentResults
    confirmed: RecentResults
    states: Mapping[Subject, SubjectState]
    evaluated: Mapping[RuleTarget, date]

    @classmethod
    def of(cls, old_stats: MarketStats, evaluation: Evaluation, states: Mapping[Subject, SubjectState]) -> RevisionDiff:
        rulebook, suspect = evaluation.config.rulebook, evaluation.suspect
        new = RecentResults.of(evaluation.stats, rulebook)
        confirmed = new if suspect is None else RecentResults.of(suspect.stats, rulebook)
        last = {target: states.get(target.subject, FORGOTTEN).last_session for target in evaluation.targets}
        evaluated = {target: day for target, day in last.items() if day is not None}
        old = RecentResults.of(old_stats, rulebook)
        return cls(evaluation, old_stats, old, new, confirmed, states, evaluated)

    def keys(self) -> list[str]:
        """The keys under which a result may have been published, at any severity."""
        alerts = (*self.old.alerts.values(), *self.new.alerts.values())
        return [alert.key_for(severity) for alert in alerts for severity in Severity]

    def changes(self, published: AbstractSet[str]) -> Changes:
        """Edits of what was posted and late alerts; `published` are the keys that are stored."""
        notifications = tuple(self._notifications(published))
        now = self.evaluation.schedule.now
        states = self._changed_states(
            {notification.baskets[0] for notification in notifications if now < notification.expires}
        )
        return Changes(states, notifications, closes=self.evaluation.closes.after_corrections())

    def _notifications(self, published: AbstractSet[str]) -> Iterator[Notification]:
        for day, target in sorted(self.old.alerts | self.new.alerts, key=lambda result: result[0]):
            old, new = (results.alerts.get((day, target)) for results in (self.old, self.new))
            keys = [alert.key_for(severity) for alert in (old, new) if alert is not None for severity in Severity]
            original = next((NotificationKey(key) for key in keys if key in published), None)
            if old is not None and original is not None:
                yield from self._corrections(old, new, original)
            elif old is None and new is not None and self._is_certain(day, target):
                late = self._late(target, new)
                yield late if original is None else self._edit(late, original)

    def _changed_states(self, baskets: AbstractSet[BasketId]) -> dict[Subject, SubjectState]:
        """The states of these baskets' subjects whose episode the revision changes.

        A basket whose news has expired is not among them: nobody receives it, and it does not count as posted.
        """
        changed = {}
        for target, day in self.evaluated.items():
            if target.basket not in baskets:
                continue
            old, new = (results.states.get(day, {}) for results in (self.old, self.new))
            for subject in filter(target.covers, old.keys() | new.keys()):
                before, after = (states.get(subject, FORGOTTEN).episode for states in (old, new))
                if after != before:
                    changed[subject] = SubjectState(day, after, self.states.get(subject, FORGOTTEN).provisional)
        return changed

    def _is_certain(self, day: date, target: RuleTarget) -> bool:
        """True if the target was evaluated on that session, and fires with the suspect prices too."""
        return day <= self.evaluated.get(target, date.min) and (day, target) in self.confirmed.alerts

    def _late(self, target: RuleTarget, alert: Alert) -> Notification:
        """An alert that the original closes did not trigger. It is news if its session is one of the latest two."""
        schedule, timing = self.evaluation.schedule, self.evaluation.config.timing
        notification = self.evaluation.compose(alert)
        latest = self.evaluation.stats.series[target.basket].sessions[-2:].tolist()
        if alert.session == self.evaluated[target] and alert.session in latest:
            notification = replace(notification, expires=schedule.now + timing.expiry)
        elif notification.expires <= schedule.now:
            log.warning("on revised closes this would have been told, and is no news any more: %s", notification.key)
        return replace(notification, messages=tuple(map(revised_data_text, notification.messages)))

    def _corrections(self, alert: Alert, new: Alert | None, original: NotificationKey) -> Iterator[Notification]:
        """The edit, and for a severe alert a reply; nothing if the text stays the same."""
        holding = self.new.holding(alert, new)
        before = self._composed(self.old_stats, alert)
        after = self._composed(self.evaluation.stats, holding) if holding is not None else before
        if holding is not None and after.messages == before.messages:
            return
        write = retraction_text if holding is None else correction_text
        messages = tuple(write(message, old) for message, old in zip(after.messages, before.messages, strict=True))
        edit = self._edit(replace(after, messages=messages, is_withdrawal=holding is None), original)
        if self.evaluation.config.charts:
            subjects = (holding or alert).subjects
            edit = replace(edit, chart=chart_for(self.evaluation.stats, subjects, alert.rule.window, alert.session))
        yield edit
        if max(before.severity, edit.severity) >= Severity.SEVERE:
            short = tuple(replace(message, lines=message.lines[:2]) for message in edit.messages)
            key = NotificationKey(f"{edit.key}/announced")
            yield replace(edit, key=key, mode=SendMode.REPLY, messages=short, chart=None)

    def _edit(self, notification: Notification, original: NotificationKey) -> Notification:
        now = self.evaluation.schedule.now
        key = NotificationKey(f"{original}/corrected/{now:%Y%m%d%H%M}")
        expires = now + self.evaluation.config.timing.expiry
        return replace(notification, key=key, mode=SendMode.EDIT, original=original, created=now, expires=expires)

    def _composed(self, stats: MarketStats, alert: Alert) -> Notification:
        now, config = self.evaluation.schedule.now, self.evaluation.config
        notification = compose(stats, config.rulebook, alert, config.languages, now, now + config.timing.expiry)
        stats.forget()  # as above
        return notification
