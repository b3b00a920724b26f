"""Counted years, held-out years, Poisson intervals."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import ceil, exp, floor, lgamma, log, log1p

import numpy as np

from bot.alerts.conditions import whole_months
from bot.alerts.rules import Rule
from bot.prices.bars import Dates
from bot.prices.table import Flags
from bot.statistics.measure import YEARS_OF_HISTORY
from bot.statistics.ranks import Ints
from bot.tuning.fit import SessionFilter
from bot.tuning.history import SubjectSeries

# Every third year is kept back: years of calm and of crises are then on both sides. The last years alone would answer
# another question, whether the next years will be like those before.
HELD_OUT = 3
DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class YearlyRate:
    """So many times in so many years; `interval` is the exact Poisson one (90 %), a year."""

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
    """The sessions on which rates are counted, and how many years they make, in all and in either part."""

    first: date
    last: date
    whole: float
    fitted: float
    held_out: float

    @classmethod
    def of(cls, sessions: Dates) -> YearSplit | None:
        """Of the sessions of a question that have a reading, all but the first years; None = nothing is left."""
        counted = sessions[_anniversary(sessions, YEARS_OF_HISTORY) :]
        if len(counted) < 2:
            return None
        days = int((counted[-1] - counted[0]).astype(np.int64))
        whole = days / DAYS_A_YEAR
        share = float(held_out(counted).mean())
        return cls(counted[0].item(), counted[-1].item(), whole, whole * (1 - share), whole * share)

    def part(self, *, kept_back: bool) -> SessionFilter:
        """Tells which sessions are fitted on, or kept back."""

        def belongs(sessions: Dates) -> Flags:
            chosen: Flags = self.counts(sessions) & (held_out(sessions) == kept_back)
            return chosen

        return belongs

    def by_year(self, fitted: Dates) -> list[int]:
        """How many of `fitted` lie in each whole year that is fitted on."""
        years = np.arange(self.first.year + 1, self.last.year)
        return [int((year_of(fitted) == year).sum()) for year in years[years % HELD_OUT != 0]]

    def rate(self, sessions: Dates) -> YearlyRate:
        """How often a year it was, counted over those of `sessions` that are counted at all."""
        return YearlyRate(int(self.counts(sessions).sum()), self.whole)

    def counts(self, sessions: Dates) -> Flags:
        """Which sessions are counted at all."""
        inside: Flags = (sessions >= np.datetime64(self.first, "D")) & (sessions <= np.datetime64(self.last, "D"))
        return inside


def held_out(sessions: Dates) -> Flags:
    """Whether a session is of a year that is kept back: those that can be divided by HELD_OUT."""
    flags: Flags = year_of(sessions) % HELD_OUT == 0
    return flags


def year_of(sessions: Dates) -> Ints:
    """The years of sessions."""
    return sessions.astype("datetime64[Y]").astype(np.intp) + 1970


def _anniversary(sessions: Dates, years: int) -> int:
    if not len(sessions):
        return 0
    return int((whole_months(sessions[0], sessions) < 12 * years).sum())


def counted_sessions(rule: Rule, subjects: Sequence[SubjectSeries]) -> Dates:
    """The sessions on which any of a question's subjects has a reading: of a rule about lows, a low that is known."""
    sessions = subjects[0].verdicts.sessions
    read = np.zeros(len(sessions), dtype=np.bool_)
    about_lows = all(rung.day_low is not None for rung in rule.levels)
    for track in subjects:
        at = track.positions
        read[at[~np.isnan(track.figures["day_low"])] if about_lows else at] = True
    return sessions[read]


LEVEL = 0.90
TAIL = (1 - LEVEL) / 2
PRECISION = 1e-9


def poisson_interval(count: int, years: float) -> tuple[float, float]:
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


def prediction_interval(seen: int, years: float, ahead: float, spread: float = 1.0) -> tuple[int, int]:
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
