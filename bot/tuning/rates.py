"""Counted years, held-out years, Poisson intervals."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, exp, floor, lgamma, log, log1p

import numpy as np

from bot.alerts.rules import Rule
from bot.prices.bars import Dates
from bot.prices.table import Flags
from bot.statistics.measure import YEARS_OF_HISTORY, whole_months
from bot.statistics.ranks import Ints
from bot.tuning.fit import SessionFilter
from bot.tuning.history import SubjectSeries

# Every third year is held out, so that both parts have calm years and crises.
HELD_OUT = 3
DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class YearlyRate:
    """A count over years; `interval` is the exact Poisson interval (90 %) of the yearly rate."""

    count: int
    years: float

    @property
    def per_year(self) -> float:
        return self.count / self.years if self.years else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return poisson_interval(self.count, self.years)


@dataclass(frozen=True, slots=True)
class YearSplit:
    """The first and last counted session, and the years between, in all and in the fitted and held-out part."""

    first: date
    last: date
    whole: float
    fitted: float
    held_out: float

    @classmethod
    def of(cls, sessions: Dates) -> YearSplit | None:
        """The split of a target's sessions without the first YEARS_OF_HISTORY; None = fewer than two are left."""
        if not len(sessions):
            return None
        counted = sessions[whole_months(sessions[0], sessions) >= 12 * YEARS_OF_HISTORY]
        if len(counted) < 2:
            return None
        whole = int((counted[-1] - counted[0]).astype(np.int64)) / DAYS_A_YEAR
        share = float((year_of(counted) % HELD_OUT == 0).mean())
        return cls(counted[0].item(), counted[-1].item(), whole, whole * (1 - share), whole * share)

    def part(self, *, held_out: bool) -> SessionFilter:
        """The filter of the sessions in fitted, or in held-out, years."""

        def belongs(sessions: Dates) -> Flags:
            flags: Flags = self.counts(sessions) & ((year_of(sessions) % HELD_OUT == 0) == held_out)
            return flags

        return belongs

    def by_year(self, sessions: Dates) -> list[int]:
        """The number of `sessions` in every whole fitted year."""
        years = np.arange(self.first.year + 1, self.last.year)
        return [int((year_of(sessions) == year).sum()) for year in years[years % HELD_OUT != 0]]

    def rate(self, sessions: Dates) -> YearlyRate:
        """The yearly rate of those of `sessions` that are counted."""
        return YearlyRate(int(self.counts(sessions).sum()), self.whole)

    def counts(self, sessions: Dates) -> Flags:
        """Whether a session is counted, shape as `sessions`."""
        flags: Flags = (sessions >= np.datetime64(self.first, "D")) & (sessions <= np.datetime64(self.last, "D"))
        return flags


def year_of(sessions: Dates) -> Ints:
    """The years of sessions."""
    return sessions.astype("datetime64[Y]").astype(np.intp) + 1970


def counted_sessions(rule: Rule, subjects: Sequence[SubjectSeries]) -> Dates:
    """The sessions with a reading of any of a target's subjects; for a rule by day's low, with a known low."""
    sessions = subjects[0].verdicts.sessions
    read = np.zeros(len(sessions), dtype=np.bool_)
    by_low = all(level.day_low is not None for level in rule.levels)
    for series in subjects:
        positions = series.positions
        read[positions[~np.isnan(series.figures["day_low"])] if by_low else positions] = True
    return sessions[read]


LEVEL = 0.90
TAIL = (1 - LEVEL) / 2
PRECISION = 1e-9


def poisson_interval(count: int, years: float) -> tuple[float, float]:
    """The exact interval of a Poisson rate, a year, for `count` events in `years` (> 0).

    At the lower end so many or more events, at the upper end so many or fewer, have a chance of TAIL (Garwood 1936).
    """
    numbers = np.arange(count + 1)
    factorials = np.array([lgamma(number + 1) for number in numbers.tolist()])

    def at_most(highest: int, mean: float) -> float:
        if mean <= 0:
            return 1.0
        return min(float(np.exp(numbers * log(mean) - mean - factorials)[: highest + 1].sum()), 1.0)

    low = 0.0 if count == 0 else _root(lambda mean: 1 - at_most(count - 1, mean) - TAIL, count)
    return low / years, _root(lambda mean: TAIL - at_most(count, mean), count + 1) / years


def prediction_interval(seen: int, years: float, ahead: float, spread: float = 1.0) -> tuple[int, int]:
    """The lowest and highest count (LEVEL) to expect in `ahead` years after `seen` events in `years`.

    The rate need not be known: given the sum of both counts, either is binomial if both are Poisson of one rate. A
    count is inside unless its tail has a chance below TAIL. Where the variance is `spread` times the mean, so many
    events count once: falls come in clusters.
    """
    share = ahead / (years + ahead)
    few, many = floor(seen / spread), ceil(seen / spread)
    lowest = bisect_left(range(few), TAIL, key=lambda count: _binomial_at_most(count, few + count, share))
    beyond = 1
    while 1 - _binomial_at_most(beyond - 1, many + beyond, share) >= TAIL:
        beyond *= 2
    highest = bisect_right(
        range(1, beyond), -TAIL, key=lambda count: _binomial_at_most(count - 1, many + count, share) - 1
    )
    return floor(lowest * spread), ceil(highest * spread)


def dispersion(counts: Sequence[int]) -> float:
    """Variance over mean of the counts of equal periods, >= 1: 1 if Poisson, more if events cluster."""
    mean = sum(counts) / max(len(counts), 1)
    if len(counts) < 2 or not mean:
        return 1.0
    return max(1.0, sum((count - mean) ** 2 for count in counts) / (len(counts) - 1) / mean)


def _binomial_at_most(count: int, trials: int, share: float) -> float:
    """The chance of at most `count` successes in `trials` with probability `share`."""
    if count >= trials:
        return 1.0
    odds, factorial = log(share) - log1p(-share), lgamma(trials + 1)
    none = trials * log1p(-share)
    chances = (exp(factorial - lgamma(k + 1) - lgamma(trials - k + 1) + k * odds + none) for k in range(count + 1))
    return min(sum(chances), 1.0)


def _root(rising: Callable[[float], float], start: float) -> float:
    """The root of a function that rises from below 0, by bisection."""
    low, high = 0.0, float(start)
    while rising(high) < 0:
        low, high = high, 2 * high
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return high
