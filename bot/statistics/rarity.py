"""Return period of a fall (peaks over threshold), and moves in multiples of volatility."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, modf, sqrt

import numpy as np

from bot.prices.bars import Floats
from bot.statistics.measure import VerdictColumns

THRESHOLD = 0.95
RUN = 5  # sessions at or below the threshold that end a cluster
MIN_PEAKS = 30
MIN_YEARS = 2
MAX_INTERVAL_RATIO = 10  # upper end over lower end
REPLICATES = 999  # the 50th lowest and highest are then the ends of the 90 % interval
TAIL = 50
SEED = 20250404
DAYS_A_YEAR = 365.25
EXPONENTIAL = 1e-9  # a shape nearer to 0 is that of the exponential distribution
LAMBDA = 0.94  # a day's weight over that of the day after it (RiskMetrics)
REACH = 500  # values; the rest would weigh less than 1e-13
MIN_RETURNS = 63
WEIGHTS = LAMBDA ** np.arange(REACH - 1, -1, -1)


@dataclass(frozen=True, slots=True)
class GeneralizedPareto:
    """A generalised Pareto distribution of excesses: numbers, or arrays of shape (replicates,)."""

    shape: Floats
    scale: Floats

    def exceeded(self, excess: float) -> Floats:
        """The probability of a larger excess."""
        shape = np.where(np.abs(self.shape) < EXPONENTIAL, EXPONENTIAL, self.shape)
        inside = np.maximum(1 + shape * excess / self.scale, 0)
        with np.errstate(divide="ignore"):
            return np.exp(-np.log(inside) / shape)


@dataclass(frozen=True, slots=True)
class DeclusteredPeaks:
    """Declustered losses above a threshold: `excess` (fractions above it, in time), in `years` of data."""

    threshold: float
    excess: Floats
    years: float


@dataclass(frozen=True, slots=True)
class ReturnPeriod:
    """The mean years between falls at least this deep, with the ends of the 90 % interval, from `peaks` peaks."""

    years: float
    low: float
    high: float
    peaks: int


def decluster_peaks(columns: VerdictColumns, position: int) -> DeclusteredPeaks | None:
    """The peaks of the losses up to and including `position`; None if there is no move."""
    rows = columns.defined[: position + 1].nonzero()[0]
    if not len(rows):
        return None
    loss = -columns.move[rows]
    ascending = np.sort(loss)
    part, index = modf(THRESHOLD * (len(loss) - 1))
    low, high = (ascending.item(min(int(index) + step, len(loss) - 1)) for step in (0, 1))
    threshold = low + part * (high - low)
    above = loss > threshold
    rows, loss = rows[above], loss[above]
    begins = np.append(0, (np.diff(rows) > RUN).nonzero()[0] + 1)
    highest = np.maximum.reduceat(loss, begins) if len(loss) else loss
    years = (columns.day(position) - columns.day(columns.first)).days / DAYS_A_YEAR
    return DeclusteredPeaks(threshold, highest - threshold, years)


def fit_pareto(excess: Floats) -> GeneralizedPareto:
    """The distribution of excesses of shape (n, ...), ascending along the first axis (probability-weighted moments)."""
    n = len(excess)
    weight = np.arange(n - 1, -1, -1) / (n - 1) / n
    mean, weighted = excess.mean(axis=0), np.tensordot(weight, excess, 1)
    ratio = mean / (mean - 2 * weighted)
    return GeneralizedPareto(2 - ratio, 2 * weighted * ratio)


def return_period(columns: VerdictColumns, position: int) -> ReturnPeriod | None:
    """The return period of the loss at `position`, walk-forward.

    None if the loss is not above the threshold, with fewer than MIN_PEAKS peaks, below MIN_YEARS, or if the interval
    (parametric bootstrap, of the number of peaks too, with a fixed seed) is wider than MAX_INTERVAL_RATIO.
    """
    peaks = decluster_peaks(columns, position)
    if peaks is None or len(peaks.excess) < MIN_PEAKS:
        return None
    excess, n = -columns.move.item(position) - peaks.threshold, len(peaks.excess)
    if excess <= 0:
        return None
    fitted = fit_pareto(np.sort(peaks.excess))
    years = float(years_between(fitted, np.float64(n), excess, peaks.years))
    if not MIN_YEARS <= years < inf:
        return None
    counts, samples = bootstrap_samples(fitted, n)
    spread = np.sort(years_between(fit_pareto(samples), counts, excess, peaks.years))
    low, high = float(spread[TAIL - 1]), float(spread[-TAIL])
    return ReturnPeriod(years, low, high, n) if high <= MAX_INTERVAL_RATIO * low else None


def years_between(fitted: GeneralizedPareto, count: Floats | np.float64, excess: float, years: float) -> Floats:
    with np.errstate(divide="ignore"):
        return years / (count * fitted.exceeded(excess))


def bootstrap_samples(fitted: GeneralizedPareto, n: int) -> tuple[Floats, Floats]:
    """Numbers of peaks, shape (REPLICATES,), and ordered excesses, shape (n, REPLICATES)."""
    shape = fitted.shape if abs(fitted.shape) >= EXPONENTIAL else EXPONENTIAL
    # The order statistics of exponentials are sums of independent exponentials (Renyi).
    exponentials = np.random.default_rng(SEED).standard_exponential((n, REPLICATES))
    ordered = np.add.accumulate(exponentials * (shape / np.arange(n, 0, -1))[:, None], axis=0)
    counts = np.maximum(np.random.default_rng(SEED + 1).poisson(n, REPLICATES), 1).astype(np.float64)
    return counts, np.expm1(ordered) * (fitted.scale / shape)


def ewma_volatility(daily_return: Floats, before: int) -> float | None:
    """The daily volatility from the values before position `before`: the root of their weighted mean square.

    None with fewer than MIN_RETURNS values, or if nothing moved.
    """
    recent = daily_return[max(before - REACH, 0) : before]
    if np.isnan(recent).any():
        recent = daily_return[max(before - 2 * REACH, 0) : before]
        recent = recent[~np.isnan(recent)][-REACH:]
    if len(recent) < MIN_RETURNS:
        return None
    weights = WEIGHTS[-len(recent) :]
    return sqrt(float(weights @ (recent * recent)) / float(weights.sum())) or None


def volatility_multiple(daily_return: Floats, move: float, position: int, window: int) -> float | None:
    """The `window`-session move at `position`, in multiples of the volatility before the window; None as above."""
    usual = ewma_volatility(daily_return, position - window + 1)
    return None if usual is None else move / (usual * sqrt(window))
