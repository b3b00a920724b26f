"""Rates of the levels in force, suggestions, hold-out tests, review for the chat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from bot.alerts.episodes import DecisionReason
from bot.alerts.inhibition import basket_alert_rules
from bot.alerts.rules import Level, Rule, Severity
from bot.alerts.targets import RuleTarget, rule_targets
from bot.baskets import Basket, BasketId
from bot.pipeline import Rulebook, measure_market
from bot.prices.bars import Dates
from bot.prices.calendars import CalendarCode
from bot.prices.table import PriceTable
from bot.statistics.market_stats import MarketStats
from bot.tuning.fit import fit_levels, fitted_condition
from bot.tuning.history import HistoricalAlert, SeriesCache, SubjectSeries, historical_alerts, subject_series
from bot.tuning.rates import YearlyRate, YearSplit, counted_sessions, dispersion, prediction_interval
from bot.tuning.withdrawals import WithdrawalRate, withdrawal_rates

LATEST = 10


@dataclass(frozen=True, slots=True)
class LevelStats:
    """One level in force: the rate at which it, or a higher level, is newly reached, and the alerts of its severity.

    `provisional` is None where daily prices do not show it.
    """

    rung: Level
    reached: YearlyRate
    alerts: int
    latest: date | None
    provisional: WithdrawalRate | None


@dataclass(frozen=True, slots=True)
class HoldOutTest:
    """A suggested level, fitted on two of three years and tested on the held-out years.

    `poisson`: the lowest and highest expected count on the held-out years (90 %), predicted from the fitted years for
    independent falls. Falls are not independent: the variance of yearly counts is `spread` times their mean, and
    `expected` allows for this. `held_out`: the rate on the held-out years.
    """

    rung: Level
    fitted: YearlyRate
    spread: float
    poisson: tuple[int, int]
    expected: tuple[int, int]
    held_out: YearlyRate

    @property
    def inside(self) -> bool:
        return self.expected[0] <= self.held_out.count <= self.expected[1]

    @property
    def inside_poisson(self) -> bool:
        return self.poisson[0] <= self.held_out.count <= self.poisson[1]


@dataclass(frozen=True, slots=True)
class RuleTuning:
    """One rule and one basket: alerts, rates of the levels, suggestion for this basket.

    `first`, `last`: the sessions between which rates are counted, without a basket's first years. `hearings`: all
    alerts, also of the first years; `sent`: the same without the parts which a message of the other tuned rules about
    the basket covers. `suggested`: the rule with fitted values, tested in `trials`; None = no value to fit, or too
    short a history.
    """

    rule: Rule
    basket: Basket
    against: Basket | None
    first: date
    last: date
    hearings: tuple[HistoricalAlert, ...]
    sent: tuple[HistoricalAlert, ...]
    steps: tuple[LevelStats, ...]
    suggested: Rule | None
    trials: tuple[HoldOutTest, ...]

    def rate_sent(self, severity: Severity) -> YearlyRate:
        """The rate of sent messages of exactly this severity."""
        days = [alert.session for alert in self.sent if alert.severity == severity]
        return YearlyRate(sum(self.first <= day <= self.last for day in days), self.steps[0].reached.years)


def tune_basket(
    tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook, basket: BasketId, per_year: float, cache: SeriesCache
) -> tuple[RuleTuning, ...]:
    """The tuning of every rule about `basket`, or about its spread to another basket; `cache` belongs to `tables`.

    `per_year`: the target rate of the lowest level; every higher level has a third of the rate of the level below.
    """
    scope = restricted_to(rulebook, basket)
    board, close_after = measure_market(tables, scope), scope.close_after_sessions
    tunings = []
    for target, subjects, years in _targets(board, scope, basket, cache):
        rule = target.rule
        alerts = historical_alerts(rule, subjects, close_after)
        suggested: Rule | None = None
        tests: tuple[HoldOutTest, ...] = ()
        if years.fitted and years.held_out and any(map(fitted_condition, rule.levels)):
            suggested = fit_levels(rule, subjects, close_after, years.part(held_out=False), years.fitted, per_year)
            tests = _level_tests(suggested, subjects, close_after, years)
        tuning = RuleTuning(
            rule=rule,
            basket=board.series[basket].basket,
            against=board.series[rule.contrast[1]].basket if rule.contrast else None,
            first=years.first,
            last=years.last,
            hearings=alerts,
            sent=alerts,
            steps=_level_stats(rule, alerts, years, withdrawal_rates(board, target, subjects, close_after)),
            suggested=suggested,
            trials=tests,
        )
        tunings.append(tuning)
    return tuple(_without_covered(tunings))


def _targets(
    board: MarketStats, rulebook: Rulebook, basket: BasketId, cache: SeriesCache
) -> Iterator[tuple[RuleTarget, tuple[SubjectSeries, ...], YearSplit]]:
    """The targets of the basket with enough data, their subjects and counted years."""
    for target in rule_targets(board, rulebook.rules):
        if target.basket == basket:
            subjects = tuple(subject_series(board, target, cache))
            years = YearSplit.of(counted_sessions(target.rule, subjects))
            if years is not None:
                yield target, subjects, years


def _level_stats(
    rule: Rule, alerts: Sequence[HistoricalAlert], years: YearSplit, withdrawals: Sequence[WithdrawalRate | None]
) -> tuple[LevelStats, ...]:
    stats = []
    for level, withdrawal in zip(rule.levels, withdrawals, strict=True):
        days = [alert.session for alert in alerts if alert.severity == level.severity]
        days = [day for day in days if years.first <= day <= years.last]
        reached = years.rate(sessions_reached(alerts, level.severity))
        stats.append(LevelStats(level, reached, len(days), days[-1] if days else None, withdrawal))
    return tuple(stats)


def _without_covered(tunings: Sequence[RuleTuning]) -> Iterator[RuleTuning]:
    """The tunings with `sent` reduced by the rules of `bot.alerts.inhibition`."""
    sessions: dict[date, list[tuple[Rule, HistoricalAlert]]] = defaultdict(list)
    for tuning in tunings:
        for alert in tuning.hearings:
            sessions[alert.session].append((tuning.rule, alert))
    covering = {
        session: basket_alert_rules((rule, alert.words[0].member) for rule, alert in alerts)
        for session, alerts in sessions.items()
    }
    highest = {
        session: max((part.severity for rule, alert in alerts for part in alert.parts(rule)), default=None)
        for session, alerts in sessions.items()
    }
    for tuning in tunings:
        sent = (alert.beside(tuning.rule, covering[alert.session], highest[alert.session]) for alert in tuning.hearings)
        yield replace(tuning, sent=tuple(alert for alert in sent if alert is not None))


def restricted_to(rulebook: Rulebook, basket: BasketId) -> Rulebook:
    """The part of the rulebook for one basket: its rules, and the baskets in them."""
    rules = [
        replace(rule, baskets=tuple(id_ for id_ in rule.baskets if id_ == basket))
        for rule in rulebook.rules
        if basket in rule.baskets or (rule.contrast and rule.contrast[0] == basket)
    ]
    needed = {basket, *(id_ for rule in rules for id_ in rule.contrast or ())}
    baskets = tuple(candidate for candidate in rulebook.baskets if candidate.id in needed)
    return replace(rulebook, baskets=baskets, rules=tuple(rules), events=())


def sessions_reached(alerts: Sequence[HistoricalAlert], severity: Severity) -> Dates:
    """The sessions on which an episode reaches this severity, or a higher one, for the first time."""
    return np.array([alert.session for alert in alerts if alert.reaches(severity)], dtype="datetime64[D]")


def hold_out_tests(
    tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook, basket: BasketId, cache: SeriesCache
) -> Iterator[tuple[str, tuple[HoldOutTest, ...]]]:
    """The tests on `basket` of the levels of the rulebook's rules, by the rule's name."""
    scope = restricted_to(rulebook, basket)
    for target, subjects, years in _targets(measure_market(tables, scope), scope, basket, cache):
        yield target.rule.name, _level_tests(target.rule, subjects, rulebook.close_after_sessions, years)


def _level_tests(
    rule: Rule, subjects: tuple[SubjectSeries, ...], close_after: int, years: YearSplit
) -> tuple[HoldOutTest, ...]:
    alerts = historical_alerts(rule, subjects, close_after)
    tests = []
    for level in filter(fitted_condition, rule.levels):
        days = sessions_reached(alerts, level.severity)
        fitted, held_out = (days[years.part(held_out=part)(days)] for part in (False, True))
        spread = dispersion(years.by_year(fitted))
        poisson, expected = (
            prediction_interval(len(fitted), years.fitted, years.held_out, factor) for factor in (1.0, spread)
        )
        rates = YearlyRate(len(fitted), years.fitted), YearlyRate(len(held_out), years.held_out)
        tests.append(HoldOutTest(level, rates[0], spread, poisson, expected, rates[1]))
    return tuple(tests)


@dataclass(frozen=True, slots=True)
class LevelRate:
    """The rate at which a level, or a higher one, is newly reached, without the first years of the data."""

    rung: Level
    reached: YearlyRate


@dataclass(frozen=True, slots=True)
class ReviewedAlert:
    """One historical alert with the level of its severity; `size` as in HistoricalAlert."""

    session: date
    rule: str
    reason: DecisionReason
    severity: Severity
    rung: Level
    size: float
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleReview:
    """The rates of every rule about a basket, by the rule's name, and the latest alerts, latest first."""

    rates: tuple[tuple[str, tuple[LevelRate, ...]], ...]
    latest: tuple[ReviewedAlert, ...]


def review_basket(
    board: MarketStats, rules: tuple[Rule, ...], close_after: int, basket: BasketId, latest: int = LATEST
) -> RuleReview:
    """The review of the rules about a basket and its spreads; a rule with too little data has no rates.

    Raises KeyError for an unknown basket.
    """
    _ = board.series[basket]
    rates: list[tuple[str, tuple[LevelRate, ...]]] = []
    reviewed: list[ReviewedAlert] = []
    for target in rule_targets(board, rules):
        if basket not in target.baskets:
            continue
        rule, subjects = target.rule, tuple(subject_series(board, target, {}))
        alerts = historical_alerts(rule, subjects, close_after)
        levels = {level.severity: level for level in rule.levels}
        reviewed += [
            ReviewedAlert(
                session=alert.session,
                rule=rule.name,
                reason=alert.reason,
                severity=alert.severity,
                rung=levels[alert.severity],
                size=alert.size(rule),
                members=tuple(part.member for part in alert.words if part.member),
            )
            for alert in alerts[-latest:]
        ]
        years = YearSplit.of(counted_sessions(rule, subjects))
        if years is not None:
            reached = [years.rate(sessions_reached(alerts, level.severity)) for level in rule.levels]
            rates.append((rule.name, tuple(map(LevelRate, rule.levels, reached))))
    reviewed.sort(key=lambda alert: alert.session, reverse=True)
    return RuleReview(tuple(rates), tuple(reviewed[:latest]))
