"""Which counts and rates does chance allow? Exact intervals, worked out from the definitions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cache
from math import ceil, exp, floor, lgamma, log, log1p

import numpy as np

LEVEL = 0.90
TAIL = (1 - LEVEL) / 2
PRECISION = 1e-9


def rate_interval(count: int, years: float) -> tuple[float, float]:
    """The exact interval of a Poisson rate, a year, when `count` were seen in `years` (> 0).

    Its ends are the rates at which so many, or more, and so many, or fewer, have half of the remaining chance each
    (Garwood 1936).
    """
    low, high = _mean_interval(count)
    return low / years, high / years


@cache
def _mean_interval(count: int) -> tuple[float, float]:
    numbers = np.arange(count + 1)
    factorials = np.array([lgamma(number + 1) for number in numbers.tolist()])

    def at_most(most: int, mean: float) -> float:
        if mean <= 0:
            return 1.0
        return min(float(np.exp(numbers * log(mean) - mean - factorials)[: most + 1].sum()), 1.0)

    low = 0.0 if count == 0 else _root(lambda mean: 1 - at_most(count - 1, mean) - TAIL, count)
    return low, _root(lambda mean: TAIL - at_most(count, mean), count + 1)


def count_interval(seen: int, years: float, ahead: float, spread: float = 1.0) -> tuple[int, int]:
    """How many to expect in `ahead` years if `seen` came in `years`: the fewest and the most (LEVEL).

    Given the sum of both counts, either is binomial when both are Poisson of one rate; a count is inside unless it, or
    one further out, has less than half of the remaining chance. The rate itself is not assumed to be known. Where
    counts vary `spread` times as much as chance lets them, as many count as one: falls that come together.
    """
    share = ahead / (years + ahead)
    return floor(_fewest(floor(seen / spread), share) * spread), ceil(_most(ceil(seen / spread), share) * spread)


def dispersion(counts: Sequence[int]) -> float:
    """Variance over mean of counts of equal stretches of time: 1 if they are Poisson's, more if they cluster; >= 1."""
    mean = sum(counts) / max(len(counts), 1)
    if len(counts) < 2 or not mean:
        return 1.0
    return max(1.0, sum((count - mean) ** 2 for count in counts) / (len(counts) - 1) / mean)


def _fewest(seen: int, share: float) -> int:
    return bisect_left(range(seen), TAIL, key=lambda count: _binomial_at_most(count, seen + count, share))


def _most(seen: int, share: float) -> int:
    beyond = 1
    while 1 - _binomial_at_most(beyond - 1, seen + beyond, share) >= TAIL:
        beyond *= 2
    tails = range(1, beyond)
    return bisect_right(tails, -TAIL, key=lambda count: _binomial_at_most(count - 1, seen + count, share) - 1)


def _binomial_at_most(count: int, trials: int, share: float) -> float:
    """The chance of at most `count` of `trials`, each of which counts with probability `share`."""
    if count >= trials:
        return 1.0
    odds, most = log(share) - log1p(-share), lgamma(trials + 1)
    none = trials * log1p(-share)
    chances = (exp(most - lgamma(one + 1) - lgamma(trials - one + 1) + one * odds + none) for one in range(count + 1))
    return min(sum(chances), 1.0)


def _root(rising: Callable[[float], float], start: float) -> float:
    """Where a function that rises from below 0 reaches 0, by halving."""
    low, high = 0.0, float(start)
    while rising(high) < 0:
        low, high = high, 2 * high
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return high
