"""HTML report: data of a chapter, SVG charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

import numpy as np

from bot.alerts.rules import Severity
from bot.baskets import Basket, BasketId
from bot.pipeline import Rulebook, measure_market
from bot.prices.bars import Dates, Floats
from bot.prices.calendars import CalendarCode
from bot.prices.table import PriceTable
from bot.statistics.precedents import APART, HORIZONS, ForwardPath, ForwardReturns, decluster
from bot.tuning.history import HistoricalAlert
from bot.tuning.rates import HELD_OUT
from bot.tuning.tune import RuleTuning, restricted_to

WORST = 10


@dataclass(frozen=True, slots=True)
class ReportedAlert:
    """One alert of a basket: its drawdown then, and its return after each of HORIZONS (None = not yet known)."""

    hearing: HistoricalAlert
    drawdown: float | None
    later: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class RuleSection:
    """One rule in a chapter. `by_year` counts the alerts of each severity, `followed` is about `cases` of them."""

    tuning: RuleTuning
    by_year: Mapping[int, Mapping[Severity, int]]
    worst: tuple[ReportedAlert, ...]
    cases: int
    followed: tuple[ForwardReturns, ...]


@dataclass(frozen=True, slots=True)
class BasketChapter:
    """One basket: its drawdown by session (shape (T,), from the first measured session on) and its rules."""

    basket: Basket
    sessions: Dates
    drawdown: Floats
    sections: tuple[RuleSection, ...]

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


def basket_chapter(
    tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook, basket: BasketId, tunings: Sequence[RuleTuning]
) -> BasketChapter:
    """The chapter of one basket, from its `tunings`."""
    board = measure_market(tables, restricted_to(rulebook, basket))
    series = board.series[basket]
    columns = board.of_basket(basket, 1)
    kept = slice(max(columns.first - 1, 0), series.final_sessions)
    path = ForwardPath.of(series.daily_return[kept])
    sessions = series.sessions[kept]
    drawdown: Floats = np.nan_to_num(columns.drawdown[kept])
    place = {day: at for at, day in enumerate(sessions.tolist())}
    sections = tuple(_section(tuning, place, path, drawdown) for tuning in tunings)
    return BasketChapter(series.basket, sessions, drawdown, sections)


def _section(tuning: RuleTuning, place: Mapping[date, int], path: ForwardPath, drawdown: Floats) -> RuleSection:
    worst = sorted(tuning.hearings, key=lambda alert: (alert.depth, alert.session))[:WORST]
    depth = np.full(len(drawdown), np.nan)
    for alert in tuning.hearings:
        if alert.session in place:
            depth[place[alert.session]] = alert.depth
    years: dict[int, Counter[Severity]] = {year: Counter() for year in range(tuning.first.year, tuning.last.year + 1)}
    for alert in tuning.hearings:
        if tuning.first <= alert.session <= tuning.last:
            years[alert.session.year][alert.severity] += 1
    cases = sorted(decluster(depth, ~np.isnan(depth), APART))
    return RuleSection(
        tuning=tuning,
        by_year=years,
        worst=tuple(_reported(alert, place.get(alert.session), path, drawdown) for alert in worst),
        cases=len(cases),
        followed=tuple(ForwardReturns(sessions, path.after(cases, sessions, len(depth) - 1)) for sessions in HORIZONS),
    )


def _reported(hearing: HistoricalAlert, at: int | None, path: ForwardPath, drawdown: Floats) -> ReportedAlert:
    if at is None:
        return ReportedAlert(hearing, None, (None,) * len(HORIZONS))
    later = (path.after([at], sessions, len(drawdown) - 1) for sessions in HORIZONS)
    return ReportedAlert(hearing, float(drawdown[at]), tuple(next(iter(step), None) for step in later))


WIDTH, HEIGHT = 1000, 200
POINTS = 500
LABELS_AT_MOST = 7
TICKS = {Severity.NOTICE: 10, Severity.WARNING: 16, Severity.SEVERE: 24, Severity.EXTREME: 34}
SHARES = (0.05, 0.1, 0.2, 0.25, 0.5)


def alert_timeline(chapter: BasketChapter, section: RuleSection) -> str:
    """The basket's drawdown, and under it a mark for each alert, longer and darker the more severe."""
    deepest = min(float(chapter.drawdown.min()), -0.01)
    step = next((share for share in SHARES if -deepest / share <= 4.5), SHARES[-1])
    lines = [step * number for number in range(1, int(-deepest / step) + 1)]
    grid = "".join(
        f'<line class="grid" x1="0" x2="{WIDTH}" y1="{_y(-line, deepest)}" y2="{_y(-line, deepest)}"/>'
        for line in lines
    )
    labels = "".join(f'<span style="top:{100 * line / -deepest:.2f}%">−{line:.0%}</span>' for line in lines)
    lowest = int(chapter.drawdown.argmin())
    summary = (
        f"Drawdown from {chapter.first} to {chapter.last},"
        f" deepest {chapter.drawdown[lowest]:.1%} on {chapter.sessions[lowest]}"
    )
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
    return (
        '<figure class="timeline"><div class="plot">'
        f'<svg {size} role="img" aria-label="{escape(summary)}">'
        f'{grid}<path class="area" d="{_area(chapter, deepest)}"/></svg><div class="depths">{labels}</div></div>'
        f'<svg class="marks" viewBox="0 0 {WIDTH} 36" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(_marks(chapter, section))}</svg>"
        f'<div class="years">{"".join(_years(chapter))}</div></figure>'
    )


def _y(drawdown: float, deepest: float) -> str:
    return f"{HEIGHT * drawdown / deepest:.1f}"


def _area(chapter: BasketChapter, deepest: float) -> str:
    """The lowest drawdown of each of POINTS stretches, so that no trough is lost."""
    count = len(chapter.drawdown)
    begins = np.unique(np.linspace(0, count, min(POINTS, count), endpoint=False).astype(np.intp))
    lowest = np.minimum.reduceat(chapter.drawdown, begins).tolist()
    first = int(chapter.sessions[0].astype(np.int64))
    span = max(int(chapter.sessions[-1].astype(np.int64)) - first, 1)
    across = ((chapter.sessions[begins].astype(np.int64) - first) * WIDTH / span).tolist()
    points = " ".join(f"{x:.1f},{_y(low, deepest)}" for x, low in zip(across, lowest, strict=True))
    return f"M0,0 L{points} L{WIDTH},{_y(lowest[-1], deepest)} L{WIDTH},0 Z"


def _marks(chapter: BasketChapter, section: RuleSection) -> Iterator[str]:
    for alert in sorted(section.tuning.hearings, key=lambda alert: alert.severity):
        x = f"{WIDTH * chapter.place(alert.session):.1f}"
        about = f"{alert.session}: {alert.severity.word}, {alert.size(section.tuning.rule):.1%}"
        yield (
            f'<line class="{alert.severity.word}" x1="{x}" x2="{x}" y1="1" y2="{TICKS[alert.severity]}">'
            f"<title>{escape(about)}</title></line>"
        )


def _years(chapter: BasketChapter) -> Iterator[str]:
    step = label_step(chapter.last.year - chapter.first.year)
    for year in range(chapter.first.year + 1, chapter.last.year + 1):
        if year % step == 0:
            left = 100 * chapter.place(date(year, 1, 1))
            yield f'<span style="left:{left:.2f}%">{year}</span>'


def label_step(years: int) -> int:
    """The distance in years between labels of an axis."""
    return next(step for step in (1, 2, 5, 10, 20, 50) if years / step <= LABELS_AT_MOST)


def yearly_bars(section: RuleSection) -> str:
    """Alerts of each year, stacked by severity; held-out years are shaded."""
    most = max((sum(counts.values()) for counts in section.by_year.values()), default=0)
    if not most:
        return '<p class="none">None in the years that are counted.</p>'
    years = list(section.by_year)
    step = label_step(len(years))
    columns = []
    for year in years:
        counts = section.by_year[year]
        total = sum(counts.values())
        parts = "".join(
            f'<i class="{severity.word}" style="height:{100 * counts[severity] / most:.2f}%"></i>'
            for severity in sorted(counts, reverse=True)
        )
        named = ", ".join(f"{severity.word} {counts[severity]}" for severity in sorted(counts))
        back = ' class="back"' if year % HELD_OUT == 0 else ""
        label = f"<b>{year}</b>" if year % step == 0 else ""
        columns.append(f'<li{back} title="{year}: {named or "none"}"><span>{total or ""}</span>{parts}{label}</li>')
    return f'<ol class="bars" aria-label="Alerts by year">{"".join(columns)}</ol>'
