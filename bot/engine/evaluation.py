"""Pure evaluation of one price check: the state changes and notifications to store."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from bot.alerts.episodes import Alert, Phase, ProvisionalAlert, Subject, SubjectState
from bot.alerts.targets import RuleTarget, rule_targets
from bot.baskets import BasketId, assemble_market
from bot.context.headlines import largest_losers
from bot.delivery.model import Destination, Notification, NotificationKey
from bot.engine.confirmation import (
    ConfirmedResult,
    Debounce,
    SuspectMarket,
    UnconfirmedAlert,
    evaluate_confirmed,
    resolve_provisional,
)
from bot.engine.enrichment import HeadlineRequest
from bot.engine.incidents import UnconfirmedNotice
from bot.engine.schedule import EvaluationTiming, Schedule, oldest_price_time
from bot.pipeline import (
    Rulebook,
    as_edit,
    chart_for,
    compose,
    compose_discontinuation,
    compose_withdrawal,
    measure_market,
    severity_change_notice,
)
from bot.prices.bars import Bars, Symbol
from bot.prices.revisions import ClosesBySession, EvaluatedCloses
from bot.statistics.market_stats import MarketStats

# A new target is evaluated on so many past sessions in silence, to know an episode that is already open.
WARM_UP_SESSIONS = 60
WITHDRAWAL_MAX_AGE = timedelta(days=1)  # of the session of an alert whose rule no longer applies

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The operator's decisions: what to watch, who receives alerts in which languages, and when.

    `subscribers_of` is the transport whose subscribers receive alerts too (None = there is none). `charts` says
    whether alerts have a chart. `config` is the fingerprint of the configuration.
    """

    rulebook: Rulebook
    destinations: tuple[Destination, ...]
    languages: tuple[str, ...]
    timing: EvaluationTiming = EvaluationTiming()
    subscribers_of: str | None = None
    charts: bool = False
    config: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is stored in one transaction: new states of subjects, notifications, and the closes evaluated on.

    `unconfirmed` are for the operators alone. `incomplete` baskets could not be evaluated. `alerts` are those that
    the notifications may be about.
    """

    states: Mapping[Subject, SubjectState]
    notifications: tuple[Notification, ...]
    unconfirmed: tuple[UnconfirmedNotice, ...] = ()
    incomplete: frozenset[BasketId] = frozenset()
    alerts: tuple[Alert, ...] = ()
    closes: Mapping[Symbol, ClosesBySession] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One price check: the statistics without suspect prices, and what they become with them (None = there are none).

    `price_times` are the times of the latest prices, `known_subjects` those with a state before this check, `closes`
    the closes of `stats`.
    """

    config: EngineConfig
    schedule: Schedule
    stats: MarketStats
    price_times: Mapping[Symbol, datetime]
    known_subjects: AbstractSet[Subject]
    suspect: SuspectMarket | None = None
    closes: EvaluatedCloses = field(default_factory=EvaluatedCloses)

    @property
    def targets(self) -> tuple[RuleTarget, ...]:
        return rule_targets(self.stats, self.config.rulebook.rules)

    def days_to_evaluate(self, states: Mapping[Subject, SubjectState]) -> list[date]:
        """The final sessions after the earliest one that some target was evaluated on."""
        days = self.stats.sessions()
        begin = days[-WARM_UP_SESSIONS:][0] if days else date.min
        evaluated = [states.get(target.subject, SubjectState()).last_session for target in self.targets]
        since = min((day or begin for day in evaluated), default=begin)
        return [day for day in days if day > since]

    def ready(self, day: date, states: Mapping[Subject, SubjectState]) -> frozenset[RuleTarget]:
        """The targets to evaluate on the final session `day` now."""
        return frozenset(
            target for target in self.targets if self.schedule.ready(self._complete(target), target, day, states)
        )

    def evaluate_final(
        self, day: date, states: Mapping[Subject, SubjectState], targets: AbstractSet[RuleTarget]
    ) -> Changes:
        """Evaluate the targets that are ready on one final session.

        Provisional alerts of the session are confirmed or withdrawn. A new target learns the past in silence: it posts
        only what has not expired. A target with pending suspect prices is not evaluated yet; what stays unconfirmed
        confirms and withdraws nothing.
        """
        confirmed = self._confirmed(day, states, targets)
        targets -= confirmed.pending
        changed = dict(confirmed.result.memories)
        notifications: list[Notification] = []
        alerts: list[Alert] = []
        for target in filter(targets.__contains__, self.targets):
            resolved, new = resolve_provisional(target, day, confirmed.result.alerts, states)
            for provisional, alert in resolved.items():
                subjects = [subject for subject, state in states.items() if state.provisional == provisional]
                if alert is not None:
                    alerts.append(alert)
                    notifications += self._replacing(self.compose_final(target, alert), provisional)
                elif confirmed.undecided.isdisjoint(subjects):
                    covered = [subject for subject in subjects if target.covers(subject)]
                    notifications += self._withdrawn(target, day, covered, provisional)
            alerts += new
            is_news = self.schedule.now < self._expires(target, day)
            if target.subject in self.known_subjects or is_news:
                notifications += [self.compose_final(target, alert) for alert in new]
            for subject, state in states.items():
                if state.provisional is not None and state.provisional.session <= day and target.covers(subject):
                    changed.setdefault(subject, replace(state, provisional=None))
            state = changed.get(target.subject) or states.get(target.subject, SubjectState())
            changed[target.subject] = replace(state, last_session=day)
        incomplete = frozenset(
            basket
            for target in targets
            if target.subject in self.known_subjects
            for basket in self.schedule.incomplete_baskets(self._complete(target), target, day)
        )
        unexpired = [alert for alert in confirmed.unconfirmed if self.schedule.now < self._expires(alert.target, day)]
        return Changes(
            changed,
            tuple(notifications),
            self._unconfirmed(unexpired, Phase.FINAL),
            incomplete,
            tuple(alerts),
            self._closes_after(targets, day),
        )

    def discontinued(self, states: Mapping[Subject, SubjectState]) -> Changes:
        """Withdraw provisional alerts that no target covers any more, while they are recent."""
        left = {
            subject: state
            for subject, state in states.items()
            if state.provisional is not None and not self.schedule.covers(subject)
        }
        posted = {state.provisional: subject for subject, state in left.items() if state.provisional is not None}
        now, languages = self.schedule.now, self.config.languages
        notifications: list[Notification] = []
        for provisional, subject in posted.items():
            if now.date() - provisional.session <= WITHDRAWAL_MAX_AGE:
                withdrawal = compose_discontinuation(
                    subject, provisional, languages, now, now + self.config.timing.expiry
                )
                notifications += self._replacing(withdrawal, provisional)
        return Changes(
            {subject: replace(state, provisional=None) for subject, state in left.items()}, tuple(notifications)
        )

    def evaluate_open(self, states: Mapping[Subject, SubjectState], debounce: Debounce) -> Changes:
        """Evaluate the open sessions; states change by what is posted alone.

        A drawdown state is entered by a close, so that a rule about entries is not evaluated.
        """
        days: dict[date, set[RuleTarget]] = {}
        for target in self.targets:
            day = self.schedule.open_session(self._complete(target), target, states)
            if day is not None and not target.rule.uses_condition("enters"):
                days.setdefault(day, set()).add(target)
        results = [self._confirmed(day, states, targets) for day, targets in days.items()]
        alerts = [alert for confirmation in results for alert in confirmation.result.alerts]
        confirmed = debounce.confirmed(alerts, states)
        changed: dict[Subject, SubjectState] = {}
        notifications: list[Notification] = []
        for alert, posted in confirmed:
            target = RuleTarget(alert.rule, alert.subject.basket)
            composed = self._compose(target, alert, self.schedule.now, self._oldest_price_time(target))
            notification = self._with_chart(composed, target, alert.subjects)
            notifications += [notification] if posted is None else self._replacing(notification, posted)
            provisional = ProvisionalAlert(notification.key, alert.session, notification.severity)
            for subject in alert.subjects:
                changed[subject] = replace(states.get(subject, SubjectState()), provisional=provisional)
        unconfirmed = self._unconfirmed(
            [alert for confirmation in results for alert in confirmation.unconfirmed], Phase.PROVISIONAL
        )
        return Changes(changed, tuple(notifications), unconfirmed, alerts=tuple(alert for alert, _ in confirmed))

    def headline_requests(self, changes: Changes) -> list[HeadlineRequest]:
        """The headlines to search for notifications of alerts."""
        posted = {notification.key: notification for notification in changes.notifications}
        return [
            HeadlineRequest(
                posted[NotificationKey(alert.key)],
                largest_losers(self.stats, alert),
                self.schedule.window_start(alert.subject.basket, alert.session, alert.rule.window),
            )
            for alert in changes.alerts
            if alert.key in posted
        ]

    def compose_final(self, target: RuleTarget, alert: Alert) -> Notification:
        """The notification of an alert about a final session."""
        created = self.schedule.close(target, alert.session) + self.config.timing.settle
        return self._with_chart(self._compose(target, alert, created), target, alert.subjects)

    def _confirmed(
        self, day: date, states: Mapping[Subject, SubjectState], targets: AbstractSet[RuleTarget]
    ) -> ConfirmedResult:
        rulebook = self.config.rulebook
        return evaluate_confirmed(self.stats, self.suspect, rulebook, day, states, frozenset(targets))

    def _complete(self, target: RuleTarget) -> MarketStats:
        """The statistics with all prices of the target: a suspect price is no reason to wait for that price."""
        return self.stats if self.suspect is None or not self.suspect.symbols_of(target) else self.suspect.stats

    def _closes_after(self, targets: Iterable[RuleTarget], day: date) -> dict[Symbol, ClosesBySession]:
        until: dict[Symbol, datetime] = {}
        for target in targets:
            close = self.schedule.close(target, day)
            for symbol in (symbol for basket in target.baskets for symbol in self.stats.series[basket].basket.symbols):
                until[symbol] = max(close, until.get(symbol, close))
        return self.closes.after_evaluation(until, self.schedule.calendars)

    def _unconfirmed(self, alerts: Sequence[UnconfirmedAlert], phase: Phase) -> tuple[UnconfirmedNotice, ...]:
        notices = []
        for make in dict.fromkeys(alert.stats for alert in alerts):
            stats = make()
            for unconfirmed in (alert for alert in alerts if alert.stats is make):
                target, alert = unconfirmed.target, replace(unconfirmed.alert, phase=phase)
                oldest = self._oldest_price_time(target) if phase is Phase.PROVISIONAL else None
                notification = self._compose(target, alert, self.schedule.now, oldest, stats)
                key = NotificationKey(f"{notification.key}/unconfirmed")
                marked = replace(notification, key=key, config=self.config.config)
                notices.append(UnconfirmedNotice(marked, unconfirmed.depends_on))
        return tuple(notices)

    def _expires(self, target: RuleTarget, day: date) -> datetime:
        return self.schedule.close(target, day) + self.config.timing.expiry

    def _oldest_price_time(self, target: RuleTarget) -> datetime:
        baskets = [self.stats.series[basket].basket for basket in target.baskets]
        schedule = self.schedule
        return min(oldest_price_time(basket, self.price_times, schedule.calendars, schedule.now) for basket in baskets)

    def _compose(
        self,
        target: RuleTarget,
        alert: Alert,
        created: datetime,
        oldest: datetime | None = None,
        stats: MarketStats | None = None,
    ) -> Notification:
        expires, config = self._expires(target, alert.session), self.config
        market = self.stats if stats is None else stats
        return compose(market, config.rulebook, alert, config.languages, created, expires, oldest)

    def _with_chart(self, notification: Notification, target: RuleTarget, subjects: Sequence[Subject]) -> Notification:
        if not self.config.charts:
            return notification
        return replace(notification, chart=chart_for(self.stats, subjects, target.rule.window, notification.session))

    def _withdrawn(
        self, target: RuleTarget, day: date, subjects: Sequence[Subject], provisional: ProvisionalAlert
    ) -> list[Notification]:
        created, expires = self.schedule.close(target, day) + self.config.timing.settle, self._expires(target, day)
        withdrawal = compose_withdrawal(
            self.stats, target, subjects, provisional, self.config.languages, created, expires
        )
        return self._replacing(self._with_chart(withdrawal, target, subjects), provisional)

    def _replacing(self, notification: Notification, provisional: ProvisionalAlert) -> list[Notification]:
        """The notification as an edit of the provisional one, with a reply if the severity changed."""
        edit = as_edit(notification, provisional)
        changed = notification.is_withdrawal or notification.severity != provisional.severity
        return [edit, severity_change_notice(edit, provisional)] if changed else [edit]


def last_evaluated(states: Mapping[Subject, SubjectState]) -> dict[BasketId, date]:
    """The latest session that each basket was evaluated on."""
    days = sorted(
        (state.last_session, subject.basket) for subject, state in states.items() if state.last_session is not None
    )
    return {basket: day for day, basket in days}


def market_stats(schedule: Schedule, bars: Mapping[Symbol, Bars]) -> MarketStats:
    """The statistics of all baskets; those of which too few prices are available are excluded."""
    until = int((schedule.now - schedule.timing.settle).timestamp())
    market = assemble_market(schedule.rulebook.baskets, bars, schedule.calendars, until)
    for excluded in market.left_out:
        log.warning("basket %s is left out: no prices of %s", excluded.basket.id, ", ".join(excluded.lacking))
    return measure_market(market.tables, replace(schedule.rulebook, baskets=market.baskets))
