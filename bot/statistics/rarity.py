"""Return period (peaks over threshold), move in multiples of volatility."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from math import inf, sqrt

import numpy as np

from bot.prices.bars import Floats
from bot.statistics.measure import VerdictColumns

THRESHOLD = 0.95
RUN = 5  # sessions at or below the threshold that end a cluster
MIN_PEAKS = 30
MIN_YEARS = 2  # what comes more often is no rarity
MAX_INTERVAL_RATIO = 10  # the interval's upper end over its lower one, at most
REPLICATES = 999  # the 50th lowest and highest are then the ends of the 90 % interval
TAIL = 50
SEED = 20250404
DAYS_A_YEAR = 365.25
EXPONENTIAL = 1e-9  # a shape nearer to 0 is that of the exponential distribution


@dataclass(frozen=True, slots=True)
class GeneralizedPareto:
    """A generalised Pareto distribution of excesses: numbers, or arrays of shape (replicates,)."""

    shape: Floats
    scale: Floats

    def exceeded(self, excess: float) -> Floats:
        """The probability of an excess above this one."""
        shape = np.where(np.abs(self.shape) < EXPONENTIAL, EXPONENTIAL, self.shape)
        inside = np.maximum(1 + shape * excess / self.scale, 0)
        with np.errstate(divide="ignore"):
            return np.exp(-np.log(inside) / shape)


@dataclass(frozen=True, slots=True)
class DeclusteredPeaks:
    """Declustered losses above a threshold: `excess` (fractions above it, in time), over so many years of data."""

    threshold: float
    excess: Floats
    years: float


@dataclass(frozen=True, slots=True)
class ReturnPeriod:
    """Once in how many years a fall at least this deep is to be expected, with the ends of its 90 % interval."""

    years: float
    low: float
    high: float
    peaks: int


def decluster_peaks(columns: VerdictColumns, position: int) -> DeclusteredPeaks | None:
    """The peaks of the losses up to and including `position`; None if there is no move."""
    at = columns.defined[: position + 1].nonzero()[0]
    if not len(at):
        return None
    loss = -columns.move[at]
    threshold = _percentile(np.sort(loss))
    above = loss > threshold
    at, loss = at[above], loss[above]
    begins = np.append(0, (np.diff(at) > RUN).nonzero()[0] + 1)
    highest = np.maximum.reduceat(loss, begins) if len(loss) else loss
    since: date = columns.day(columns.first)
    years = (columns.day(position) - since).days / DAYS_A_YEAR
    return DeclusteredPeaks(threshold, highest - threshold, years)


def _percentile(ascending: Floats) -> float:
    """The THRESHOLD quantile, between two values in proportion (np.quantile's own way, at a tenth of its time)."""
    whole = THRESHOLD * (len(ascending) - 1)
    low = ascending.item(int(whole))
    return low + (whole - int(whole)) * (ascending.item(min(int(whole) + 1, len(ascending) - 1)) - low)


def fit_pareto(excess: Floats) -> GeneralizedPareto:
    """The distribution of excesses, ascending along the first axis, one or several samples of shape (n, ...)."""
    n = len(excess)
    weight = np.arange(n - 1, -1, -1) / (n - 1) / n
    mean, weighted = excess.mean(axis=0), np.tensordot(weight, excess, 1)
    ratio = mean / (mean - 2 * weighted)
    return GeneralizedPareto(2 - ratio, 2 * weighted * ratio)


def return_period(columns: VerdictColumns, position: int) -> ReturnPeriod | None:
    """The return period of the loss at `position`, walk-forward.

    None = not to be told: it is not above the threshold, there are fewer than FEWEST_PEAKS peaks, it comes more often
    than every LEAST_YEARS, or the interval (by parametric bootstrap, of the number of peaks too, always with the same
    seed) is wider than a factor of WIDEST.
    """
    found = decluster_peaks(columns, position)
    if found is None or len(found.excess) < MIN_PEAKS:
        return None
    excess, n = -columns.move.item(position) - found.threshold, len(found.excess)
    if excess <= 0:
        return None
    fitted = fit_pareto(np.sort(found.excess))
    years = float(_years(fitted, np.float64(n), excess, found.years))
    if not MIN_YEARS <= years < inf:
        return None
    counts, samples = _replicates(fitted, n)
    spread = np.sort(_years(fit_pareto(samples), counts, excess, found.years))
    low, high = float(spread[TAIL - 1]), float(spread[-TAIL])
    return ReturnPeriod(years, low, high, n) if high <= MAX_INTERVAL_RATIO * low else None


def _years(fitted: GeneralizedPareto, count: Floats | np.float64, excess: float, years: float) -> Floats:
    with np.errstate(divide="ignore"):
        return years / (count * fitted.exceeded(excess))


def _replicates(fitted: GeneralizedPareto, n: int) -> tuple[Floats, Floats]:
    """Numbers of peaks, shape (REPLICATES,), and ordered excesses, shape (n, REPLICATES)."""
    rows = 1 << (n - 1).bit_length()
    shape = fitted.shape if abs(fitted.shape) >= EXPONENTIAL else EXPONENTIAL
    # The order statistics of exponentials are sums of independent ones, so nothing needs to be sorted.
    sample = _exponentials(rows)[:n] * (shape / np.arange(n, 0, -1))[:, None]
    for before, row in pairwise(sample):  # np.add.accumulate goes down the columns, at four times the time
        np.add(row, before, out=row)
    np.expm1(sample, out=sample)
    sample *= fitted.scale / shape
    return _counts(n), sample


@cache
def _exponentials(rows: int) -> Floats:
    """The same first rows, however many there are."""
    return np.random.default_rng(SEED).standard_exponential((rows, REPLICATES))


@cache
def _counts(n: int) -> Floats:
    return np.maximum(np.random.default_rng(SEED + 1).poisson(n, REPLICATES), 1).astype(np.float64)


LAMBDA = 0.94  # a day's weight over that of the day after it (RiskMetrics)
REACH = 500  # readings; older ones would weigh less than 1e-13
MIN_RETURNS = 63
WEIGHTS = LAMBDA ** np.arange(REACH - 1, -1, -1)
ALL_WEIGHTS = float(WEIGHTS.sum())


def ewma_volatility(daily_return: Floats, before: int) -> float | None:
    """The daily volatility from the readings before position `before`: the root of their weighted mean square.

    None with fewer than FEWEST_READINGS, or if nothing moved.
    """
    read = daily_return[max(before - REACH, 0) : before]
    if np.isnan(read).any():
        recent = daily_return[max(before - 2 * REACH, 0) : before]
        read = recent[~np.isnan(recent)][-REACH:]
    if len(read) < MIN_RETURNS:
        return None
    weights = WEIGHTS[-len(read) :]
    whole = ALL_WEIGHTS if len(read) == REACH else float(weights.sum())
    return sqrt(float(weights @ (read * read)) / whole) or None


def volatility_multiple(daily_return: Floats, move: float, position: int, window: int) -> float | None:
    """The `window`-session move that ended at `position`, in multiples of what the days before the window suggest."""
    usual = ewma_volatility(daily_return, position - window + 1)
    return None if usual is None else move / (usual * sqrt(window))
