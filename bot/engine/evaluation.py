"""Pure evaluation of one price check: the state changes and notifications to store."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from operator import itemgetter

from bot.alerts.episodes import Alert, Phase, ProvisionalAlert, Subject, SubjectState, SubjectStates
from bot.alerts.targets import RuleTarget, rule_targets
from bot.baskets import BasketId, assemble_market
from bot.context.headlines import largest_losers
from bot.delivery.model import Destination, Notification, NotificationKey
from bot.engine.confirmation import (
    Debounce,
    SuspectMarket,
    UnconfirmedAlert,
    evaluate_confirmed,
    resolve_provisional,
    target_symbols,
)
from bot.engine.enrichment import HeadlineRequest
from bot.engine.incidents import UnconfirmedNotice
from bot.engine.results import PostedAlert, ResultKey, Results, SessionResult
from bot.engine.schedule import EvaluationTiming, Schedule, oldest_price_time
from bot.pipeline import (
    FORGOTTEN,
    Rulebook,
    chart_for,
    compose,
    compose_withdrawal,
    measure_market,
    replacing,
)
from bot.prices.bars import Bars, Symbol
from bot.prices.quality_filter import FilteredPrices
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
    """What is stored in one transaction: new states of subjects, notifications, results, and the closes evaluated on.

    `unconfirmed` are for the operators alone. `incomplete` baskets could not be evaluated. `alerts` are those that
    the notifications may be about.
    """

    states: SubjectStates
    notifications: tuple[Notification, ...]
    unconfirmed: tuple[UnconfirmedNotice, ...] = ()
    incomplete: frozenset[BasketId] = frozenset()
    alerts: tuple[Alert, ...] = ()
    closes: Mapping[Symbol, ClosesBySession] = field(default_factory=dict)
    results: Results = field(default_factory=dict)


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
    suspect: SuspectMarket | None
    closes: EvaluatedCloses

    @classmethod
    def of(
        cls,
        config: EngineConfig,
        schedule: Schedule,
        stats: MarketStats,
        prices: FilteredPrices,
        evaluated: Mapping[Symbol, ClosesBySession],
        states: SubjectStates,
    ) -> Evaluation:
        """Measure the suspect prices; `evaluated` are the closes that the latest sessions were evaluated on."""
        suspect = None
        if symbols := prices.suspect_symbols:
            halves = tuple(partial(market_stats, schedule, half) for half in prices.halves)
            complete = market_stats(schedule, prices.included)
            suspect = SuspectMarket(complete, symbols, prices.pending & symbols, halves)
        closes = EvaluatedCloses.of(evaluated, prices.excluded, schedule.calendars, schedule.now)
        price_times = {symbol: bars.as_of for symbol, bars in prices.included.items() if bars.as_of is not None}
        return cls(config, schedule, stats, price_times, frozenset(states), suspect, closes)

    @property
    def targets(self) -> tuple[RuleTarget, ...]:
        return rule_targets(self.stats, self.config.rulebook.rules)

    def complete_stats(self, target: RuleTarget) -> MarketStats:
        """The statistics with all prices of the target: a suspect price is no reason to wait for that price."""
        return self.stats if self.suspect is None or not self.suspect.symbols_of(target) else self.suspect.stats

    def days_to_evaluate(self, states: SubjectStates) -> list[date]:
        """The final sessions after the earliest one that some target was evaluated on."""
        days = self.stats.sessions()
        begin = days[-WARM_UP_SESSIONS:][0] if days else date.min
        evaluated = [states.get(target.subject, FORGOTTEN).last_session for target in self.targets]
        since = min((day or begin for day in evaluated), default=begin)
        return [day for day in days if day > since]

    def ready(self, day: date, states: SubjectStates) -> frozenset[RuleTarget]:
        """The targets to evaluate on the final session `day` now."""
        return frozenset(
            target for target in self.targets if self.schedule.ready(self.complete_stats(target), target, day, states)
        )

    def evaluate_final(self, day: date, states: SubjectStates, targets: AbstractSet[RuleTarget]) -> Changes:
        """Evaluate the targets that are ready on one final session.

        Provisional alerts of the session are confirmed or withdrawn. A new target learns the past in silence: it posts
        only what has not expired. A target with pending suspect prices is not evaluated yet; an unconfirmed alert
        confirms and withdraws nothing.
        """
        schedule = self.schedule
        confirmed = evaluate_confirmed(self.stats, self.suspect, self.config.rulebook, day, states, targets)
        targets -= confirmed.pending
        changed = dict(confirmed.result.states)
        notifications: list[Notification] = []
        alerts: list[Alert] = []
        for target in filter(targets.__contains__, self.targets):
            resolved, new = resolve_provisional(target, day, confirmed.result.alerts, states)
            alerts += [*filter(None, resolved.values()), *new]
            notifications += self._resolutions(target, day, resolved, states, confirmed.undecided)
            if target.subject in self.known_subjects or schedule.now < schedule.expires(target, day):
                notifications += [self.compose(alert) for alert in new]
            for subject, state in states.items():
                if state.provisional is not None and state.provisional.session <= day and target.covers(subject):
                    changed.setdefault(subject, replace(state, provisional=None))
            state = changed.get(target.subject) or states.get(target.subject, FORGOTTEN)
            changed[target.subject] = replace(state, last_session=day)
        evaluated_before = (target for target in targets if target.subject in self.known_subjects)
        closes = ((schedule.close(target, day), target_symbols(self.stats, target)) for target in targets)
        until = {symbol: close for close, symbols in sorted(closes, key=itemgetter(0)) for symbol in symbols}
        unexpired = [alert for alert in confirmed.unconfirmed if schedule.now < schedule.expires(alert.target, day)]
        return Changes(
            changed,
            tuple(notifications),
            self._unconfirmed(unexpired, Phase.FINAL),
            frozenset(
                basket
                for target in evaluated_before
                for basket in schedule.incomplete_baskets(self.complete_stats(target), target, day)
            ),
            tuple(alerts),
            self.closes.after_evaluation(until, schedule.calendars),
            self._results(targets, day, states, alerts, notifications),
        )

    def _results(
        self,
        targets: AbstractSet[RuleTarget],
        day: date,
        states: SubjectStates,
        alerts: Sequence[Alert],
        notifications: Sequence[Notification],
    ) -> Results:
        """The results to store; none of a session that a new target learns in silence."""
        posted = {notification.key: notification for notification in notifications}
        results = {}
        for target in targets:
            if target.subject in self.known_subjects or self.schedule.now < self.schedule.expires(target, day):
                fired = (alert for alert in alerts if target.covers(alert.subject))
                of_target = tuple(PostedAlert.of(alert, posted[NotificationKey(alert.key)]) for alert in fired)
                results[ResultKey.of(target, day)] = SessionResult.of(self.config.config, target, states, of_target)
        return results

    def evaluate_open(self, states: SubjectStates, debounce: Debounce) -> Changes:
        """Evaluate the open sessions; states change by what is posted alone.

        A drawdown state is entered by a close, so that a rule about entries is not evaluated.
        """
        days: dict[date, set[RuleTarget]] = {}
        for target in self.targets:
            day = self.schedule.open_session(self.complete_stats(target), target, states)
            if day is not None and not target.rule.uses_condition("enters"):
                days.setdefault(day, set()).add(target)
        rulebook = self.config.rulebook
        results = [
            evaluate_confirmed(self.stats, self.suspect, rulebook, day, states, targets)
            for day, targets in days.items()
        ]
        alerts = [alert for confirmation in results for alert in confirmation.result.alerts]
        confirmed = debounce.confirmed(alerts, states)
        changed: dict[Subject, SubjectState] = {}
        notifications: list[Notification] = []
        for alert, posted in confirmed:
            notification = self.compose(alert)
            notifications += [notification] if posted is None else replacing(notification, posted)
            provisional = ProvisionalAlert(notification.key, alert.session, notification.severity)
            for subject in alert.subjects:
                changed[subject] = replace(states.get(subject, FORGOTTEN), provisional=provisional)
        unconfirmed = [alert for confirmation in results for alert in confirmation.unconfirmed]
        return Changes(
            changed,
            tuple(notifications),
            self._unconfirmed(unconfirmed, Phase.PROVISIONAL),
            alerts=tuple(alert for alert, _ in confirmed),
        )

    def discontinued(self, states: SubjectStates) -> Changes:
        """Withdraw provisional alerts that no target covers any more, while they are recent."""
        now, targets = self.schedule.now, tuple(self.schedule.targets())
        changed: dict[Subject, SubjectState] = {}
        withdrawn: dict[ProvisionalAlert, Subject] = {}
        for subject, state in states.items():
            if state.provisional is not None and not any(target.covers(subject) for target in targets):
                changed[subject] = replace(state, provisional=None)
                withdrawn[state.provisional] = subject
        expires, languages = now + self.config.timing.expiry, self.config.languages
        notifications = [
            notification
            for provisional, subject in withdrawn.items()
            if now.date() - provisional.session <= WITHDRAWAL_MAX_AGE
            for notification in replacing(
                compose_withdrawal(self.stats, None, [subject], provisional, languages, now, expires), provisional
            )
        ]
        return Changes(changed, tuple(notifications))

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

    def compose(self, alert: Alert, stats: MarketStats | None = None) -> Notification:
        """The notification of an alert on `stats`, without a chart; None = on those of this evaluation, with one."""
        config, schedule, target = self.config, self.schedule, RuleTarget(alert.rule, alert.subject.basket)
        final_at, expires = schedule.final_at(target, alert.session), schedule.expires(target, alert.session)
        created = final_at if alert.phase is Phase.FINAL else schedule.now
        baskets = [self.stats.series[basket].basket for basket in target.baskets]
        times = (oldest_price_time(basket, self.price_times, schedule.calendars, schedule.now) for basket in baskets)
        market = stats or self.stats
        notification = compose(market, config.rulebook, alert, config.languages, created, expires, min(times))
        return notification if stats else self.with_chart(notification, alert.subjects, alert.rule.window)

    def with_chart(self, notification: Notification, subjects: Sequence[Subject], window: int) -> Notification:
        if not self.config.charts:
            return notification
        return replace(notification, chart=chart_for(self.stats, subjects, window, notification.session))

    def _resolutions(
        self,
        target: RuleTarget,
        day: date,
        resolved: Mapping[ProvisionalAlert, Alert | None],
        states: SubjectStates,
        undecided: AbstractSet[Subject],
    ) -> Iterator[Notification]:
        """Edits that confirm provisional alerts, or withdraw them unless a subject is undecided."""
        created, expires = self.schedule.final_at(target, day), self.schedule.expires(target, day)
        for provisional, alert in resolved.items():
            subjects = [subject for subject, state in states.items() if state.provisional == provisional]
            if alert is not None:
                yield from replacing(self.compose(alert), provisional)
            elif undecided.isdisjoint(subjects):
                covered, languages = [*filter(target.covers, subjects)], self.config.languages
                withdrawal = compose_withdrawal(self.stats, target, covered, provisional, languages, created, expires)
                yield from replacing(self.with_chart(withdrawal, covered, target.rule.window), provisional)

    def _unconfirmed(self, alerts: Sequence[UnconfirmedAlert], phase: Phase) -> tuple[UnconfirmedNotice, ...]:
        """The notices about the alerts, one market after the other."""
        notices, now, config = [], self.schedule.now, self.config.config
        for make in dict.fromkeys(alert.stats for alert in alerts):
            stats = make()
            for alert in (alert for alert in alerts if alert.stats is make):
                notification = self.compose(replace(alert.alert, phase=phase), stats)
                key = NotificationKey(f"{notification.key}/unconfirmed")
                notification = replace(notification, key=key, created=now, config=config)
                notices.append(UnconfirmedNotice(notification, alert.depends_on))
        return tuple(notices)


def last_evaluated(states: SubjectStates) -> dict[BasketId, date]:
    """The latest session that each basket was evaluated on."""
    days = sorted((state.last_session, subject.basket) for subject, state in states.items() if state.last_session)
    return {basket: day for day, basket in days}


def market_stats(schedule: Schedule, bars: Mapping[Symbol, Bars]) -> MarketStats:
    """The statistics of all baskets; those of which too few prices are available are excluded."""
    until = int((schedule.now - schedule.timing.settle).timestamp())
    market = assemble_market(schedule.rulebook.baskets, bars, schedule.calendars, until)
    for excluded in market.left_out:
        log.warning("basket %s is left out: no prices of %s", excluded.basket.id, ", ".join(excluded.lacking))
    return measure_market(market.tables, replace(schedule.rulebook, baskets=market.baskets))
