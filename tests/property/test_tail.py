"""Return periods, against scipy."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy import integrate, stats

from bot.statistics import rarity
from bot.statistics.measure import VerdictColumns, measure_basket
from bot.statistics.rarity import (
    MIN_PEAKS,
    MIN_YEARS,
    REPLICATES,
    GeneralizedPareto,
    decluster_peaks,
    fit_pareto,
    return_period,
)
from bot.statistics.verdict import DrawdownThresholds
from tests import hindsight
from tests.property import builders

SHAPES = [-0.2, 0.0, 0.1, 0.3, 0.45]


def excesses(shape: float, n: int, seed: int) -> np.ndarray:
    return np.sort(stats.genpareto.rvs(shape, scale=0.02, size=n, random_state=seed))


def stormy(seed: int, count: int = 5000) -> VerdictColumns:
    rng = np.random.default_rng(seed)
    returns = [None, *(0.008 * rng.standard_t(3, count - 1)).clip(-0.6, 0.6).tolist()]
    return measure_basket(builders.series(builders.weekdays(date(1996, 1, 2), count), returns), 2, DrawdownThresholds())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [30, 31, 150])
def test_the_fit_has_the_l_moments_of_the_sample(shape: float, n: int) -> None:
    """scipy's unbiased sample L-moments, and those of scipy's own distribution by integration."""
    sample = excesses(shape, n, n)
    fitted = fit_pareto(sample)
    first, second = stats.lmoment(sample, order=[1, 2])
    own = stats.genpareto(float(fitted.shape), scale=float(fitted.scale))
    assert own.mean() == pytest.approx(first, rel=1e-9)
    area = integrate.quad(lambda p: own.ppf(p) * (2 * p - 1), 0, 1, limit=500)[0]
    assert area == pytest.approx(second, rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_fit_agrees_with_maximum_likelihood_on_a_large_sample(shape: float) -> None:
    sample = excesses(shape, 40_000, 7)
    fitted = fit_pareto(sample)
    likeliest, _, scale = stats.genpareto.fit(sample, floc=0)
    assert float(fitted.shape) == pytest.approx(likeliest, abs=0.03)
    assert float(fitted.scale) == pytest.approx(scale, rel=0.03)


@pytest.mark.parametrize("shape", [-0.2, -1e-12, 0.0, 1e-10, 0.3])
@pytest.mark.parametrize("excess", [0.0, 0.001, 0.02, 0.09, 0.2])
def test_how_likely_an_excess_is(shape: float, excess: float) -> None:
    own = GeneralizedPareto(np.float64(shape), np.float64(0.02)).exceeded(excess)
    assert float(own) == pytest.approx(stats.genpareto.sf(excess, shape, scale=0.02), rel=1e-6, abs=1e-300)


def test_several_samples_at_once() -> None:
    samples = np.column_stack([excesses(0.2, 60, seed) for seed in range(5)])
    together = fit_pareto(samples)
    for at in range(5):
        alone = fit_pareto(samples[:, at])
        assert together.shape[at] == pytest.approx(alone.shape, rel=1e-12)
        assert together.scale[at] == pytest.approx(alone.scale, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_peaks(seed: int) -> None:
    returns = builders.random_returns(seed, 800)
    columns = measure_basket(
        builders.series(builders.weekdays(date(1999, 3, 1), 800), returns), 2, DrawdownThresholds()
    )
    moves = builders.numbers(columns.move)
    for t in range(60, 800, 61):
        found = decluster_peaks(columns, t)
        assert found is not None
        threshold, expected = hindsight.peaks(moves, t)
        assert found.threshold == pytest.approx(threshold, abs=1e-12)
        assert found.excess == pytest.approx(expected, abs=1e-12)
        assert found.years == (columns.day(t) - columns.day(columns.first)).days / 365.25


@pytest.mark.parametrize("seed", range(4))
def test_the_return_period_and_its_interval(seed: int) -> None:
    """Once more with scipy: its distribution, and a bootstrap of its own draws."""
    columns = stormy(seed)
    told = 0
    for t in (np.argsort(columns.move[1000:])[:40:3] + 1000).tolist():
        found = return_period(columns, t)
        over = decluster_peaks(columns, t)
        assert over is not None
        excess, n = -float(columns.move[t]) - over.threshold, len(over.excess)
        fitted = fit_pareto(np.sort(over.excess))
        own = stats.genpareto(float(fitted.shape), scale=float(fitted.scale))
        if n < MIN_PEAKS or over.years / (n * own.sf(excess)) < MIN_YEARS:
            assert found is None
            continue
        rng = np.random.default_rng(99)
        samples = fit_pareto(np.sort(own.rvs(size=(n, 20_000), random_state=rng), axis=0))
        spread = over.years / (
            rng.poisson(n, 20_000) * stats.genpareto.sf(excess, samples.shape, scale=samples.scale).clip(1e-12)
        )
        low, high = np.quantile(spread, [0.05, 0.95])
        if found is None:
            assert high > 7 * low
            continue
        told += 1
        assert found.years == pytest.approx(over.years / (n * own.sf(excess)), rel=1e-6)
        assert found.peaks == n
        assert found.low == pytest.approx(low, rel=0.1)
        assert found.high == pytest.approx(high, rel=0.2)
        assert found.low < found.years < found.high <= 10 * found.low
    assert told >= 1


def test_the_interval_holds_the_truth_about_nine_times_in_ten() -> None:
    """Peaks drawn from a known distribution; the truth of a fall that comes once in 5 years."""
    shape, scale, years, rate = 0.2, 0.01, 30.0, 5.0
    excess = float(stats.genpareto.isf(1 / (rate * 5), shape, scale=scale))
    held = 0
    rng = np.random.default_rng(5)
    for seed in range(300):
        n = int(rng.poisson(rate * years))
        fitted = fit_pareto(excesses(shape, n, seed + 1000) / 2)
        counts, samples = rarity.bootstrap_samples(fitted, n)
        spread = np.sort(rarity.years_between(fit_pareto(samples), counts, excess, years))
        held += spread[rarity.TAIL - 1] <= 5 <= spread[-rarity.TAIL]
    assert 0.84 <= held / 300 <= 0.95


def test_drawn_excesses_are_those_of_the_distribution() -> None:
    counts, samples = rarity.bootstrap_samples(GeneralizedPareto(np.float64(0.2), np.float64(0.01)), 100)
    assert samples.shape == (100, REPLICATES)
    assert (np.diff(samples, axis=0) >= 0).all()
    drawn = stats.kstest(samples.ravel(), stats.genpareto(0.2, scale=0.01).cdf)
    assert drawn.statistic < 0.01
    assert counts.mean() == pytest.approx(100, abs=2)


def test_nothing_is_told_on_few_peaks_or_below_the_threshold() -> None:
    columns = stormy(1)
    early = int(np.nanargmin(columns.move[:200]))
    assert return_period(columns, early) is None
    middling = int(np.nanargmin(np.abs(columns.move[4000:] + 0.001))) + 4000
    assert return_period(columns, middling) is None


def test_what_came_later_changes_no_return_period() -> None:
    columns = stormy(2)
    at = int(np.nanargmin(columns.move[:4000]))
    whole = builders.series(columns.sessions.tolist(), builders.numbers(columns.daily_return))
    early = measure_basket(builders.cut(whole, at + 1), 2, DrawdownThresholds())
    assert return_period(columns, at) == return_period(early, at)
