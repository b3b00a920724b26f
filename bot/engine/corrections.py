"""Corrections: recent sessions evaluated again on revised closes, and compared with the results that were posted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from bot.alerts.episodes import Alert, Decision, Phase, Subject, SubjectState, SubjectStates
from bot.alerts.rules import Severity
from bot.alerts.targets import RuleTarget
from bot.baskets import symbols_of
from bot.context.build import contrast_candidates
from bot.delivery.model import Notification, NotificationKey, SendMode
from bot.engine.confirmation import evaluate_confirmed
from bot.engine.evaluation import Changes, Evaluation
from bot.engine.results import KEPT_RESULTS, PostedAlert, ResultKey, Results, SessionResult
from bot.messages.change_text import correction_text, retraction_text, revised_data_text
from bot.pipeline import FORGOTTEN

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Corrections:
    """The comparison of the stored `results` with those on revised closes; `states` are those of all subjects."""

    evaluation: Evaluation
    results: Results
    states: SubjectStates
    notifications: list[Notification] = field(default_factory=list, init=False)

    def changes(self) -> Changes:
        """Edits of what was posted and late alerts, with the states and results that change.

        A basket is compared up to the first session on which an alert about it depends on suspect prices.
        """
        evaluation, config = self.evaluation, self.evaluation.config
        suspect = evaluation.suspect and replace(evaluation.suspect, halves=())
        sessions, states = self._sessions(), dict[Subject, SubjectState]()
        for target, days in sessions.items():
            states |= self.results[ResultKey.of(target, days[0])].states(target)
        compared: dict[ResultKey, SessionResult] = {}
        for day in sorted({day for days in sessions.values() for day in days}):
            targets, before = {target for target, days in sessions.items() if day in days}, dict(states)
            confirmed = evaluate_confirmed(evaluation.stats, suspect, config.rulebook, day, states, targets)
            states |= confirmed.result.states
            uncertain = {*confirmed.undecided, *(target.subject for target in confirmed.pending)}
            baskets = {subject.basket for subject in uncertain}
            sessions = {target: days for target, days in sessions.items() if target.basket not in baskets}
            for target in filter(targets.__contains__, sessions):
                decisions = [decision for decision in confirmed.result.decisions if target.covers(decision.subject)]
                alerts = self._compare(target, day, decisions)
                compared[ResultKey.of(target, day)] = SessionResult.of(config.config, target, before, alerts)
        now = evaluation.schedule.now
        news = {notification.baskets[0] for notification in self.notifications if now < notification.expires}
        for key, stored in self.results.items():
            if key in compared and key.basket not in news:
                compared[key] = replace(stored, alerts=compared[key].alerts)
        results = {key: result for key, result in compared.items() if result != self.results[key]}
        complete = [target for target, days in sessions.items() if days[-1] == self._last_session(target)]
        changed = self._changed_states([target for target in complete if target.basket in news], states)
        closes = evaluation.closes.after_corrections()
        return Changes(changed, tuple(self.notifications), closes=closes, results=results)

    def _changed_states(self, targets: Sequence[RuleTarget], states: SubjectStates) -> SubjectStates:
        """The states of these targets that change to `states`, those after the last evaluated session.

        Baskets whose news has expired are left out: nobody receives it, and it does not count as posted.
        """
        changed = {}
        for target in targets:
            for subject in filter(target.covers, {**states, **self.states}):
                stored, episode = self.states.get(subject, FORGOTTEN), states.get(subject, FORGOTTEN).episode
                if episode != stored.episode:
                    changed[subject] = SubjectState(self._last_session(target), episode, stored.provisional)
        return changed

    def _last_session(self, target: RuleTarget) -> date | None:
        return self.states.get(target.subject, FORGOTTEN).last_session

    def _sessions(self) -> dict[RuleTarget, list[date]]:
        """The sessions to compare: those that revised closes may change, with a stored result by the present rules.

        A close that is missing or suspect now, and was not, ends them: without it nothing is comparable.
        """
        stats, closes, config = self.evaluation.stats, self.evaluation.closes, self.evaluation.config
        sessions, unknown = {}, set()
        for target in self.evaluation.targets:
            baskets = {*target.baskets, *contrast_candidates(stats, config.rulebook.rules, target.basket)}
            symbols = symbols_of(stats.series[basket].basket for basket in baskets)
            revised = [revision.session for symbol in symbols for revision in closes.revisions.get(symbol, ())]
            last = self._last_session(target)
            if not revised or last is None:
                continue
            recent = stats.series[target.basket].sessions[-2 * KEPT_RESULTS :].tolist()
            days = [day for day in recent if min(revised) <= day <= last]
            end = closes.missing_since(symbols)
            results = {day: self.results.get(ResultKey.of(target, day)) for day in days if day < end}
            comparable = [day for day, result in results.items() if result and result.config == config.config]
            if comparable:
                sessions[target] = comparable
            unknown |= {f"{target.basket} {day}" for day in days if day not in comparable}
        if unknown:
            log.info("no stored result by these rules and closes to compare with: %s", ", ".join(sorted(unknown)))
        return sessions

    def _compare(self, target: RuleTarget, day: date, decisions: Sequence[Decision]) -> tuple[PostedAlert, ...]:
        """Compare the alerts of one session with those on revised closes; return them as they read from now on.

        An alert stands about all of its members whose level holds, whether or not it fires now.
        """
        stored = self.results[ResultKey.of(target, day)].alerts
        holding = {decision.subject.member: decision for decision in decisions if decision.level is not None}
        firing = {member: decision for member, decision in holding.items() if decision.fires}
        standing = [alert for alert in stored if alert.messages]
        if firing and not standing:
            return (self._post_late(Alert(target.rule, day, Phase.FINAL, tuple(firing.values())), target, stored),)
        new = firing.keys() - {member for alert in standing for member in alert.members}
        alerts = [alert for alert in stored if not alert.messages]
        for alert in standing:
            members = (*alert.members, *(member for member in firing if member in new and alert is standing[0]))
            held = [holding[member] for member in members if member in holding]
            alerts.append(self._correct(target, day, alert, held))
        return tuple(alerts)

    def _post_late(self, alert: Alert, target: RuleTarget, retracted: Sequence[PostedAlert]) -> PostedAlert:
        """Post an alert that the original closes did not trigger. It is news if its session is one of the latest two.

        If it was posted and retracted before, that message is edited.
        """
        schedule, timing = self.evaluation.schedule, self.evaluation.config.timing
        composed = self.evaluation.compose(alert)
        late = replace(composed, messages=tuple(map(revised_data_text, composed.messages)))
        posted = PostedAlert.of(alert, composed)
        latest = self.evaluation.stats.series[target.basket].sessions[-2:].tolist()
        if retracted:
            posted = replace(posted, key=retracted[0].key)
            late = self._edit(late, posted.key)
        elif alert.session == self._last_session(target) and alert.session in latest:
            late = replace(late, expires=schedule.now + timing.expiry)
        elif late.expires <= schedule.now:
            log.warning("on revised closes this would have been told, and is no news any more: %s", late.key)
        self.notifications.append(late)
        return posted

    def _correct(self, target: RuleTarget, day: date, alert: PostedAlert, held: Sequence[Decision]) -> PostedAlert:
        """Edit what was posted, and reply if it is severe; nothing if the text stays the same."""
        before = {message.language: message for message in alert.messages}
        if held:
            about = Alert(target.rule, day, Phase.FINAL, tuple(held))
            edit = self.evaluation.compose(about)
            corrected = replace(PostedAlert.of(about, edit), key=alert.key)
            if all(before.get(message.language, message) == message for message in edit.messages):
                return alert
            quoted = [before.get(message.language, alert.messages[0]) for message in edit.messages]
            edit = replace(edit, messages=tuple(map(correction_text, edit.messages, quoted)))
        else:
            corrected, now = replace(alert, messages=()), self.evaluation.schedule.now
            texts = tuple(map(retraction_text, alert.messages))
            edit = Notification(alert.key, alert.episode, target.baskets, alert.severity, day, now, now, texts)
            subjects = [target.subject._replace(member=member) for member in alert.members]
            edit = self.evaluation.with_chart(replace(edit, is_withdrawal=True), subjects, target.rule.window)
        edit = self._edit(edit, alert.key)
        self.notifications.append(edit)
        if max(alert.severity, edit.severity) >= Severity.SEVERE:
            short = tuple(replace(message, lines=message.lines[:2]) for message in edit.messages)
            key = NotificationKey(f"{edit.key}/announced")
            self.notifications.append(replace(edit, key=key, mode=SendMode.REPLY, messages=short, chart=None))
        return corrected

    def _edit(self, notification: Notification, original: NotificationKey) -> Notification:
        now = self.evaluation.schedule.now
        key = NotificationKey(f"{original}/corrected/{now:%Y%m%d%H%M}")
        expires = now + self.evaluation.config.timing.expiry
        return replace(notification, key=key, mode=SendMode.EDIT, original=original, created=now, expires=expires)
