"""What each rung would have done, fitted on some years and tried on the others, whoever does the work."""

from __future__ import annotations

import random
import warnings
from dataclasses import replace
from datetime import date
from math import comb, exp, factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.parallel import ProcessPool, SerialPool, worker_pool
from bot.alerts.episodes import DecisionReason
from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.errors import ConfigError
from bot.pipeline import Rulebook
from bot.tuning.config_text import block, level_as_toml
from bot.tuning.fit import fitted_condition
from bot.tuning.jobs import TuningResult, group_baskets, tune_all
from bot.tuning.rates import dispersion, poisson_interval, prediction_interval
from bot.tuning.tune import review_basket
from tests.world import World, basket, book, contrast, rule, weekdays

YEARS_14 = 3650
DAYS = weekdays(YEARS_14 + 1)


def fat(seed: int, count: int = YEARS_14) -> list[float]:
    """Daily returns with falls of every size."""
    rng = random.Random(seed)
    return [max(-0.3, 0.0004 + 0.008 * rng.gauss(0, 1) / (0.3 + rng.random())) for _ in range(count)]


@pytest.fixture(scope="module")
def world() -> World:
    trading = World(DAYS)
    for seed, symbol in enumerate(("A", "B", "C", "D")):
        returns = fat(seed)
        trading.trade(symbol, returns, lows={at: min(returns[at], 0) - 0.02 for at in range(0, YEARS_14, 2)})
    return trading


BASKETS = [basket("one", "A", "B"), basket("two", "C"), basket("three", "B", "C", "D")]
RULES = book(
    BASKETS,
    rule("fall", "one", "two", "three"),
    rule("deep", "one", "two", "three", levels={"notice": {"move": -0.06}, "severe": {"move": -0.1}}),
    rule("plunge", "three", levels={"warning": {"day_low": -0.06}}, members=True),
    contrast("gap", "one", "two", {"warning": {"percentile": 99.0}}),
)
ALL = [BasketId("one"), BasketId("two"), BasketId("three")]


def tuned(world: World, by: object = SerialPool(), rulebook: Rulebook = RULES, per_year: float = 4.0) -> TuningResult:
    return tune_all(world.market(rulebook).tables, rulebook, ALL, per_year, by)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def here(world: World) -> TuningResult:
    return tuned(world)


def test_two_processes_find_the_same(world: World, here: TuningResult) -> None:
    assert tuned(world, ProcessPool(2)) == here


def test_a_cluster_of_two_workers_finds_the_same(world: World, here: TuningResult) -> None:
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its threads leave open at the end
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
        ) as cluster:
            dask = worker_pool(1, cluster.scheduler_address)
            assert dask.count == 2
            assert tuned(world, dask) == here


def test_a_cluster_without_workers_is_refused() -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None, silence_logs=50) as cluster,
        pytest.raises(ConfigError, match="has no workers"),
    ):
        worker_pool(1, cluster.scheduler_address)


@given(st.integers(1, 60), st.integers(1, 8))
def test_every_basket_is_in_one_share(count: int, several: int) -> None:
    names = [BasketId(str(number)) for number in range(count)]
    groups = group_baskets(names, several)
    assert [name for group in groups for name in group] == names
    assert len(groups) >= min(count, several)


def test_the_fit_comes_near_what_was_wanted(here: TuningResult) -> None:
    """On the fitted years; a value that a person would write may miss it by what one step makes."""
    for one in here.tunings:
        for trial in one.trials:
            place = [rung.severity for rung in one.rule.levels].index(trial.rung.severity)
            assert trial.fitted.per_year == pytest.approx(4 / 3**place, rel=0.35), (one.rule.name, one.basket.id)


def test_each_part_has_its_own_years(here: TuningResult) -> None:
    for one in here.tunings:
        assert one.first >= date(2018, 1, 1)  # three years after the data begin
        for trial in one.trials:
            assert trial.fitted.years + trial.held_out.years == pytest.approx(one.steps[0].reached.years)
            assert trial.held_out.years == pytest.approx(one.steps[0].reached.years / 3, rel=0.25)


def test_years_kept_back_are_not_looked_at(world: World) -> None:
    """Other prices there leave what is fitted as it is."""
    rulebook = replace(RULES, rules=(rule("deep", "two", levels={"notice": {"move": -0.06}}),), baskets=(BASKETS[1],))
    other = World(DAYS)
    kept_back = [day.year % 3 == 0 for day in DAYS[1:]]
    other.trade("C", [0.0 if back else one for back, one in zip(kept_back, fat(2), strict=True)])
    found = [
        tune_all(some.market(rulebook).tables, rulebook, [ALL[1]], 4.0, SerialPool()).tunings[0]
        for some in (world, other)
    ]
    assert found[0].suggested == found[1].suggested
    assert found[0].trials[0].held_out != found[1].trials[0].held_out


def test_one_ladder_a_rule_from_the_middle_of_its_baskets(here: TuningResult) -> None:
    assert [one.rule.name for one in here.ladders] == ["fall", "deep", "gap", "plunge"]
    for ladder in here.ladders:
        own = [one.suggested for one in here.tunings if one.rule.name == ladder.rule.name and one.suggested]
        assert set(ladder.trials) == {one.basket.id for one in here.tunings if one.rule.name == ladder.rule.name}
        for place, rung in enumerate(ladder.rule.levels):
            values = sorted(level_as_toml(one.levels[place]) for one in own)
            assert level_as_toml(rung) in values
            if fitted_condition(rung) is None:
                assert set(values) == {level_as_toml(rung)}


def test_days_lows_tell_how_often_a_word_would_have_been_taken_back(here: TuningResult) -> None:
    by = {(one.rule.name, one.basket.id): one for one in here.tunings}
    lone, several = (by["deep", BasketId(name)].steps[0].provisional for name in ("two", "one"))
    assert lone is not None
    assert several is not None
    assert 0 < lone.withdrawn < lone.reached
    assert (lone.together, several.together) == (False, True)
    plunge = by["plunge", BasketId("three")].steps[0].provisional
    assert plunge is not None
    assert plunge.withdrawn == 0  # a low stays a low
    assert by["gap", BasketId("one")].steps[0].provisional is None


def test_too_few_years_are_named() -> None:
    short = World(DAYS[:700]).trade("C", fat(2, 699))
    rulebook = replace(RULES, rules=RULES.rules[:1], baskets=(BASKETS[1],))
    found = tune_all(short.market(rulebook).tables, rulebook, [ALL[1]], 4.0, SerialPool())
    assert (found.tunings, found.ladders, found.short) == ((), (), (("fall", ALL[1]),))


# The review for the chat


def test_a_member_without_prices_has_no_alerts_and_stops_nothing(world: World) -> None:
    baskets = [basket("one", "A", "B", "C", "D", "NEVER"), basket("two", "C"), basket("three", "B")]
    records = rule("records", "one", levels={"notice": {"record": True}}, members=True)
    result = tuned(world, rulebook=book(baskets, records))
    (tuning,) = result.tunings
    assert {part.member for alert in tuning.hearings for part in alert.words} == {"A", "B", "C", "D"}


def test_a_review_has_the_rates_and_the_latest_alerts(world: World, here: TuningResult) -> None:
    board = world.board(RULES)
    found = review_basket(board, RULES.rules, RULES.close_after_sessions, ALL[0])
    assert [name for name, _ in found.rates] == ["fall", "deep", "gap"]
    mine = [one for one in here.tunings if one.basket.id == "one"]
    assert [[rate.reached for rate in rates] for _, rates in found.rates] == [
        [step.reached for step in one.steps] for one in mine
    ]
    every = sorted((one.session for tuning in mine for one in tuning.hearings), reverse=True)
    assert [one.session for one in found.latest] == every[:10]
    assert all(one.rung.severity == one.severity for one in found.latest)
    assert {one.reason for one in found.latest} <= {
        DecisionReason.FIRST,
        DecisionReason.ESCALATED,
        DecisionReason.DEEPENED,
    }


def test_a_review_of_a_young_basket_has_alerts_and_no_rates() -> None:
    young = World(DAYS[:500]).trade("C", fat(2, 499))
    rulebook = replace(RULES, rules=RULES.rules[:2], baskets=(BASKETS[1],))
    found = review_basket(young.board(rulebook), rulebook.rules, 5, ALL[1], latest=3)
    assert found.rates == ()
    assert len(found.latest) == 3


# Words


def test_a_ladder_reads_as_in_the_configuration() -> None:
    rungs = {
        "notice": {"worst_in_months": 1},
        "warning": {"worst_in_months": 30, "percentile": 0.975},
        "severe": {"worst_in_months": 12, "move": -0.123},
        "extreme": {"record": True},
    }
    assert list(block(rule("fall", "one", levels=rungs), ["", "so", "", "as it was"])) == [
        "[rules.levels]",
        'notice = { worst_in = "1 month" }',
        "# warning: so",
        'warning = { percentile = 0.975, worst_in = "30 months" }',
        'severe = { worst_in = "1 year", move = -12.3 }',
        "# extreme: as it was",
        "extreme = { record = true }",
    ]
    assert list(block(rule("low", "one", levels={"warning": {"day_low": -0.099}}), [""])) == ["day_low = -9.9"]


# Chance


def poisson_at_most(count: int, mean: float) -> float:
    return sum(mean**one * exp(-mean) / factorial(one) for one in range(count + 1))


@given(st.integers(0, 100), st.floats(0.5, 40))
def test_the_interval_of_a_rate_is_exact(count: int, years: float) -> None:
    low, high = (end * years for end in poisson_interval(count, years))
    assert poisson_at_most(count, high) == pytest.approx(0.05, abs=1e-6)
    assert low == 0 if count == 0 else 1 - poisson_at_most(count - 1, low) == pytest.approx(0.05, abs=1e-6)


@given(st.integers(0, 60), st.floats(1, 30), st.floats(1, 30))
def test_a_count_is_expected_unless_its_tail_is_below_a_twentieth(seen: int, years: float, ahead: float) -> None:
    share = ahead / (years + ahead)

    def chance(count: int, come: int) -> float:
        return comb(seen + come, count) * share**count * (1 - share) ** (seen + come - count)

    low, high = prediction_interval(seen, years, ahead)
    assert low <= high
    if low:
        assert sum(chance(one, low - 1) for one in range(low)) < 0.05
    if low < seen:
        assert sum(chance(one, low) for one in range(low + 1)) >= 0.05
    if high:
        assert sum(chance(one, high) for one in range(high, seen + high + 1)) >= 0.05
    assert sum(chance(one, high + 1) for one in range(high + 1, seen + high + 2)) < 0.05


def test_counts_that_cluster_widen_what_is_expected() -> None:
    assert dispersion([3, 3, 3]) == 1.0
    assert dispersion([]) == dispersion([0, 0]) == 1.0
    assert dispersion([0, 6, 0, 6]) == pytest.approx(4.0)
    low, high = prediction_interval(60, 20, 10)
    wide = prediction_interval(60, 20, 10, 4.0)
    assert wide[0] < low < high < wide[1]


def test_nine_of_ten_made_up_baskets_come_as_often_as_expected() -> None:
    """What is suggested holds on the years kept back, in worlds that nobody has looked at before."""
    inside = total = 0
    for seed in range(20):
        trading = World(DAYS).trade("C", fat(100 + seed))
        rulebook = replace(RULES, rules=(rule("fall", "two"),), baskets=(BASKETS[1],))
        (found,) = tune_all(trading.market(rulebook).tables, rulebook, [ALL[1]], 4.0, SerialPool()).tunings
        notice = next(one for one in found.trials if one.rung.severity == Severity.NOTICE)
        inside, total = inside + notice.inside_poisson, total + 1
    assert inside >= 0.9 * total
