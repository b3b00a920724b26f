"""Which figures does a basket's chapter of the report show?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

import numpy as np

from bot.alerts import Severity
from bot.backtest.hearings import Hearing
from bot.backtest.tuning import Tuning, about
from bot.backtest.years import HELD_OUT
from bot.baskets import Basket, BasketId
from bot.pipeline import Rulebook, survey
from bot.prices import CalendarCode, Dates, Floats, PriceTable

HORIZONS = (5, 21, 63, 252)
APART = 20  # sessions between two cases of what followed, as in the definitions
FEWEST_CASES = 8
WORST = 10


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What a basket did in the `sessions` after alerts: returns as fractions, of cases at least APART sessions apart.

    `unknown` cases are too young. `middle` is None below FEWEST_CASES.
    """

    sessions: int
    cases: int
    rose: int
    middle: float | None
    unknown: int


@dataclass(frozen=True, slots=True)
class Case:
    """One alert of a basket: its drawdown then, and its return after each of HORIZONS (None = not yet known)."""

    hearing: Hearing
    drawdown: float | None
    later: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One rule in a chapter. `by_year` counts the alerts of each severity."""

    tuning: Tuning
    by_year: Mapping[int, Mapping[Severity, int]]
    worst: tuple[Case, ...]
    followed: tuple[Aftermath, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One basket: its drawdown by session (shape (T,), from the first reading on) and its rules."""

    basket: Basket
    sessions: Dates
    drawdown: Floats
    sections: tuple[Section, ...]

    @property
    def first(self) -> date:
        day: date = self.sessions[0].item()
        return day

    @property
    def last(self) -> date:
        day: date = self.sessions[-1].item()
        return day

    def place(self, day: date) -> float:
        """Where a day lies between the first and the last session, 0 to 1."""
        return (day - self.first).days / max((self.last - self.first).days, 1)


def chapter(
    tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook, basket: BasketId, tunings: Sequence[Tuning]
) -> Chapter:
    """The chapter of one basket, from its `tunings`."""
    board = survey(tables, about(rulebook, basket))
    series = board.series[basket]
    columns = board.of_basket(basket, 1)
    kept = slice(max(columns.first - 1, 0), series.final_sessions)
    level = np.multiply.accumulate(1 + np.nan_to_num(series.daily_return[kept]))
    sessions = series.sessions[kept]
    drawdown: Floats = np.nan_to_num(columns.drawdown[kept])
    place = {day: at for at, day in enumerate(sessions.tolist())}
    sections = tuple(_section(one, place, level, drawdown) for one in tunings)
    return Chapter(series.basket, sessions, drawdown, sections)


def _section(tuning: Tuning, place: Mapping[date, int], level: Floats, drawdown: Floats) -> Section:
    worst = sorted(tuning.hearings, key=lambda one: (one.depth, one.session))[:WORST]
    return Section(
        tuning=tuning,
        by_year=_by_year(tuning),
        worst=tuple(_case(one, place, level, drawdown) for one in worst),
        followed=tuple(_aftermath(tuning, place, level, sessions) for sessions in HORIZONS),
    )


def _by_year(tuning: Tuning) -> Mapping[int, Mapping[Severity, int]]:
    years: dict[int, Counter[Severity]] = {year: Counter() for year in range(tuning.first.year, tuning.last.year + 1)}
    for one in tuning.hearings:
        if tuning.first <= one.session <= tuning.last:
            years[one.session.year][one.severity] += 1
    return years


def _case(hearing: Hearing, place: Mapping[date, int], level: Floats, drawdown: Floats) -> Case:
    at = place.get(hearing.session)
    if at is None:
        return Case(hearing, None, (None,) * len(HORIZONS))
    later = tuple(_return(level, at, sessions) for sessions in HORIZONS)
    return Case(hearing, float(drawdown[at]), later)


def _return(level: Floats, at: int, sessions: int) -> float | None:
    return float(level[at + sessions] / level[at] - 1) if at + sessions < len(level) else None


def _aftermath(tuning: Tuning, place: Mapping[date, int], level: Floats, sessions: int) -> Aftermath:
    """After the alerts, thinned: of those close together the deepest stays."""
    taken: list[int] = []
    for one in sorted(tuning.hearings, key=lambda one: (one.depth, one.session)):
        at = place.get(one.session)
        if at is not None and all(abs(at - other) >= APART for other in taken):
            taken.append(at)
    known = [found for at in taken if (found := _return(level, at, sessions)) is not None]
    middle = median(known) if len(known) >= FEWEST_CASES else None
    return Aftermath(sessions, len(known), sum(one > 0 for one in known), middle, len(taken) - len(known))


def kept_back(year: int) -> bool:
    """Whether a year is held out from the fit."""
    return year % HELD_OUT == 0
