"""Rates of the levels in force, suggestions, hold-out test, review for the chat."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class LevelStats:
    """One rung in force: how often it, or a deeper one, was newly reached, and the alerts of its own severity.

    `provisional` is None where daily prices do not tell.
    """

    rung: Level
    reached: YearlyRate
    alerts: int
    latest: date | None
    provisional: WithdrawalRate | None


@dataclass(frozen=True, slots=True)
class HoldOutTest:
    """A suggested rung, fitted on two of three years and tried on the others.

    `poisson` are the fewest and the most times it should be reached on the held-out years (90 %), told from the count
    of the fitted years alone, if falls came independently. They do not: from one fitted year to the next the count
    varies `spread` times as much (variance over mean), and `expected` allows for it. `held_out` is what came.
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
    """One rule and one basket: what was heard, each rung's rate, and the basket's own suggestion.

    `first` and `last` are the sessions between which rates are counted: the first years of a basket have too little
    before them. `hearings` has all alerts, those of the first years too, and `sent` what is left of them where another
    message about the basket, by any of the rules tuned with it, tells some. `suggested` is the rule with other values
    (None = nothing to fit, or too short a history), and `trials` what its fitted rungs did.
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
        """The messages of just that severity that people get."""
        days = [one.session for one in self.sent if one.severity == severity]
        return YearlyRate(sum(self.first <= day <= self.last for day in days), self.steps[0].reached.years)


def tune_basket(
    tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook, basket: BasketId, per_year: float, shelf: SeriesCache
) -> tuple[RuleTuning, ...]:
    """Every rule that is asked about `basket`, or about its spread to another one. `shelf` is that of the `tables`.

    `per_year` is how often the shallowest rung shall be reached; each deeper one a third as often as the one above.
    """
    narrow = restricted_to(rulebook, basket)
    board = measure_market(tables, narrow)
    subjects = _subjects(board, narrow, basket, shelf)
    return tuple(_beside_others([_tuned(board, narrow.close_after_sessions, *asked, per_year) for asked in subjects]))


def _subjects(
    board: MarketStats, rulebook: Rulebook, basket: BasketId, shelf: SeriesCache
) -> Iterator[tuple[RuleTarget, tuple[SubjectSeries, ...], YearSplit]]:
    """The questions about the basket whose data are long enough, with their subjects and the years that are counted."""
    for question in rule_targets(board, rulebook.rules):
        if question.basket == basket:
            subjects = tuple(subject_series(board, question, shelf))
            years = YearSplit.of(counted_sessions(question.rule, subjects))
            if years is not None:
                yield question, subjects, years


def _beside_others(found: Sequence[RuleTuning]) -> Iterator[RuleTuning]:
    """With what is left of each beside the others of the same session, as `muted` has it."""
    sessions: dict[date, list[tuple[Rule, HistoricalAlert]]] = {
        heard.session: [] for one in found if _may_tell(one) for heard in one.hearings
    }
    for one in found:
        for heard in one.hearings:
            if heard.session in sessions:
                sessions[heard.session].append((one.rule, heard))
    telling = {
        session: basket_alert_rules((rule, one.words[0].member) for rule, one in heard)
        for session, heard in sessions.items()
    }
    loudest = {
        session: max((word.severity for rule, one in heard for word in one.parts(rule)), default=None)
        for session, heard in sessions.items()
    }
    for one in found:
        left = (
            heard.beside(one.rule, telling.get(heard.session, ()), loudest.get(heard.session)) for heard in one.hearings
        )
        yield replace(one, sent=tuple(heard for heard in left if heard is not None))


def _may_tell(one: RuleTuning) -> bool:
    """Whether it ever tells what others say of the basket; all its alerts are of one kind."""
    return any(basket_alert_rules([(one.rule, heard.words[0].member)]) for heard in one.hearings[:1])


def restricted_to(rulebook: Rulebook, *baskets: BasketId) -> Rulebook:
    """The part of the rulebook that these baskets need."""
    rules = [
        replace(rule, baskets=tuple(one for one in rule.baskets if one in baskets))
        for rule in rulebook.rules
        if (rule.contrast[0] if rule.contrast else None) in baskets or set(rule.baskets) & set(baskets)
    ]
    needed = {*baskets, *(one for rule in rules for one in rule.contrast or ())}
    return replace(
        rulebook, baskets=tuple(one for one in rulebook.baskets if one.id in needed), rules=tuple(rules), events=()
    )


def _tuned(
    board: MarketStats,
    close_after: int,
    question: RuleTarget,
    subjects: tuple[SubjectSeries, ...],
    years: YearSplit,
    per_year: float,
) -> RuleTuning:
    rule = question.rule
    heard = historical_alerts(rule, subjects, close_after)
    doubts = withdrawal_rates(board, question, subjects, close_after)
    suggested: Rule | None = None
    trials: tuple[HoldOutTest, ...] = ()
    if years.fitted and years.held_out and any(map(fitted_condition, rule.levels)):
        suggested = fit_levels(rule, subjects, close_after, years.part(held_out=False), years.fitted, per_year)
        trials = _trials(suggested, historical_alerts(suggested, subjects, close_after), years)
    return RuleTuning(
        rule=rule,
        basket=board.series[question.basket].basket,
        against=board.series[rule.contrast[1]].basket if rule.contrast else None,
        first=years.first,
        last=years.last,
        hearings=heard,
        sent=heard,
        steps=tuple(_step(one, heard, years, doubt) for one, doubt in zip(rule.levels, doubts, strict=True)),
        suggested=suggested,
        trials=trials,
    )


def _step(rung: Level, heard: Sequence[HistoricalAlert], years: YearSplit, doubt: WithdrawalRate | None) -> LevelStats:
    days = [one.session for one in heard if one.severity == rung.severity and years.first <= one.session <= years.last]
    return LevelStats(
        rung=rung,
        reached=years.rate(sessions_reached(heard, rung.severity)),
        alerts=len(days),
        latest=days[-1] if days else None,
        provisional=doubt,
    )


def sessions_reached(heard: Sequence[HistoricalAlert], severity: Severity) -> Dates:
    """The sessions of the alerts by which an episode comes to that rung, or to a deeper one."""
    return np.array([one.session for one in heard if one.reaches(severity)], dtype="datetime64[D]")


def hold_out_tests(
    tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook, basket: BasketId, shelf: SeriesCache
) -> Iterator[tuple[str, tuple[HoldOutTest, ...]]]:
    """What the rungs of the rulebook's rules do on `basket` in either part of history, by the rule's name."""
    narrow = restricted_to(rulebook, basket)
    board = measure_market(tables, narrow)
    for question, subjects, years in _subjects(board, narrow, basket, shelf):
        heard = historical_alerts(question.rule, subjects, rulebook.close_after_sessions)
        yield question.rule.name, _trials(question.rule, heard, years)


def _trials(rule: Rule, heard: Sequence[HistoricalAlert], years: YearSplit) -> tuple[HoldOutTest, ...]:
    return tuple(_trial(rung, heard, years) for rung in rule.levels if fitted_condition(rung) is not None)


def _trial(rung: Level, heard: Sequence[HistoricalAlert], years: YearSplit) -> HoldOutTest:
    days = sessions_reached(heard, rung.severity)
    before, after = (days[years.part(held_out=back)(days)] for back in (False, True))
    spread = dispersion(years.by_year(before))
    poisson, expected = (prediction_interval(len(before), years.fitted, years.held_out, one) for one in (1.0, spread))
    return HoldOutTest(
        rung, YearlyRate(len(before), years.fitted), spread, poisson, expected, YearlyRate(len(after), years.held_out)
    )


LATEST = 10


@dataclass(frozen=True, slots=True)
class LevelRate:
    """How often a rung, or a deeper one, was newly reached; the first years of the data do not count."""

    rung: Level
    reached: YearlyRate


@dataclass(frozen=True, slots=True)
class ReviewedAlert:
    """One alert as history would have had it. `rung` is what made it so loud; `size` is as in Hearing."""

    session: date
    rule: str
    reason: DecisionReason
    severity: Severity
    rung: Level
    size: float
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleReview:
    """The rates of every rule about a basket, by the rule's name, and the latest alerts, the last one first."""

    rates: tuple[tuple[str, tuple[LevelRate, ...]], ...]
    latest: tuple[ReviewedAlert, ...]


def review_basket(
    board: MarketStats, rules: tuple[Rule, ...], close_after: int, basket: BasketId, latest: int = LATEST
) -> RuleReview:
    """What the operator wants to know of one basket before turning a threshold; spreads with it count too.

    A rule whose data are too short for a rate has none. Raises KeyError if the board has no such basket.
    """
    _ = board.series[basket]
    rates: list[tuple[str, tuple[LevelRate, ...]]] = []
    said: list[ReviewedAlert] = []
    for question in rule_targets(board, rules):
        if basket not in question.baskets:
            continue
        subjects = tuple(subject_series(board, question, {}))
        heard = historical_alerts(question.rule, subjects, close_after)
        said += [_said(question, one) for one in heard[-latest:]]
        years = YearSplit.of(counted_sessions(question.rule, subjects))
        if years is not None:
            reached = [years.rate(sessions_reached(heard, rung.severity)) for rung in question.rule.levels]
            rates.append((question.rule.name, tuple(map(LevelRate, question.rule.levels, reached))))
    said.sort(key=lambda one: one.session, reverse=True)
    return RuleReview(tuple(rates), tuple(said[:latest]))


def _said(question: RuleTarget, heard: HistoricalAlert) -> ReviewedAlert:
    rule = question.rule
    return ReviewedAlert(
        session=heard.session,
        rule=rule.name,
        reason=heard.reason,
        severity=heard.severity,
        rung=next(rung for rung in rule.levels if rung.severity == heard.severity),
        size=heard.size(rule),
        members=tuple(word.member for word in heard.words if word.member),
    )
