"""Which figures does a basket's chapter of the report show?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from bot.alerts import Severity
from bot.backtest.hearings import Hearing
from bot.backtest.tuning import Tuning, about
from bot.backtest.years import HELD_OUT
from bot.baskets import Basket, BasketId
from bot.pipeline import Rulebook, survey
from bot.prices import CalendarCode, Dates, Floats, PriceTable
from bot.statistics.precedents import APART, HORIZONS, Aftermath, Path, thinned

WORST = 10


@dataclass(frozen=True, slots=True)
class Told:
    """One alert of a basket: its drawdown then, and its return after each of HORIZONS (None = not yet known)."""

    hearing: Hearing
    drawdown: float | None
    later: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One rule in a chapter. `by_year` counts the alerts of each severity, `followed` is about `cases` of them."""

    tuning: Tuning
    by_year: Mapping[int, Mapping[Severity, int]]
    worst: tuple[Told, ...]
    cases: int
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
    path = Path.of(series.daily_return[kept])
    sessions = series.sessions[kept]
    drawdown: Floats = np.nan_to_num(columns.drawdown[kept])
    place = {day: at for at, day in enumerate(sessions.tolist())}
    sections = tuple(_section(one, place, path, drawdown) for one in tunings)
    return Chapter(series.basket, sessions, drawdown, sections)


def _section(tuning: Tuning, place: Mapping[date, int], path: Path, drawdown: Floats) -> Section:
    worst = sorted(tuning.hearings, key=lambda one: (one.depth, one.session))[:WORST]
    depth = np.full(len(drawdown), np.nan)
    for one in tuning.hearings:
        if one.session in place:
            depth[place[one.session]] = one.depth
    cases = sorted(thinned(depth, ~np.isnan(depth), APART))
    return Section(
        tuning=tuning,
        by_year=_by_year(tuning),
        worst=tuple(_told(one, place.get(one.session), path, drawdown) for one in worst),
        cases=len(cases),
        followed=tuple(Aftermath(sessions, path.after(cases, sessions, len(depth) - 1)) for sessions in HORIZONS),
    )


def _by_year(tuning: Tuning) -> Mapping[int, Mapping[Severity, int]]:
    years: dict[int, Counter[Severity]] = {year: Counter() for year in range(tuning.first.year, tuning.last.year + 1)}
    for one in tuning.hearings:
        if tuning.first <= one.session <= tuning.last:
            years[one.session.year][one.severity] += 1
    return years


def _told(hearing: Hearing, at: int | None, path: Path, drawdown: Floats) -> Told:
    if at is None:
        return Told(hearing, None, (None,) * len(HORIZONS))
    later = (path.after([at], sessions, len(drawdown) - 1) for sessions in HORIZONS)
    return Told(hearing, float(drawdown[at]), tuple(next(iter(one), None) for one in later))


def kept_back(year: int) -> bool:
    """Whether a year is held out from the fit."""
    return year % HELD_OUT == 0
