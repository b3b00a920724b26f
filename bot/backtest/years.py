"""Which years are counted, which of them are kept back from the fit, and what is so many times in so many years?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from bot.alerts import Rule
from bot.backtest.fit import Part
from bot.backtest.ladders import whole_months
from bot.backtest.poisson import rate_interval
from bot.backtest.tracks import Track
from bot.prices import Dates, Flags
from bot.statistics import YEARS_OF_HISTORY
from bot.statistics.kernel import Ints

# Every third year is kept back: years of calm and of crises are then on both sides. The last years alone would answer
# another question, whether the next years will be like those before.
HELD_OUT = 3
DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Rate:
    """So many times in so many years; `interval` is the exact Poisson one (90 %), a year."""

    count: int
    years: float

    @property
    def per_year(self) -> float:
        return self.count / self.years if self.years else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return rate_interval(self.count, self.years)


@dataclass(frozen=True, slots=True)
class Years:
    """The sessions on which rates are counted, and how many years they make, in all and in either part."""

    first: date
    last: date
    whole: float
    fitted: float
    held_out: float

    @classmethod
    def of(cls, sessions: Dates) -> Years | None:
        """Of the sessions of a question that have a reading, all but the first years; None = nothing is left."""
        counted = sessions[_anniversary(sessions, YEARS_OF_HISTORY) :]
        if len(counted) < 2:
            return None
        days = int((counted[-1] - counted[0]).astype(np.int64))
        whole = days / DAYS_A_YEAR
        share = float(held_out(counted).mean())
        return cls(counted[0].item(), counted[-1].item(), whole, whole * (1 - share), whole * share)

    def part(self, *, kept_back: bool) -> Part:
        """Tells which sessions are fitted on, or kept back."""

        def belongs(sessions: Dates) -> Flags:
            chosen: Flags = self.counts(sessions) & (held_out(sessions) == kept_back)
            return chosen

        return belongs

    def by_year(self, fitted: Dates) -> list[int]:
        """How many of `fitted` lie in each whole year that is fitted on."""
        years = np.arange(self.first.year + 1, self.last.year)
        return [int((year_of(fitted) == year).sum()) for year in years[years % HELD_OUT != 0]]

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


def sessions_of(rule: Rule, subjects: Sequence[Track]) -> Dates:
    """The sessions on which any of a question's subjects has a reading: of a rule about lows, a low that is known."""
    sessions = subjects[0].verdicts.sessions
    read = np.zeros(len(sessions), dtype=np.bool_)
    about_lows = all(rung.day_low is not None for rung in rule.rungs)
    for track in subjects:
        at = track.at
        if about_lows and track.day_low is not None:
            at = at[~np.isnan(track.day_low[at])]
        read[at] = True
    return sessions[read]
