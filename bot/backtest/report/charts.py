"""How are falls and alerts drawn? Lines stretch with the page; words and numbers are text beside them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from html import escape

import numpy as np

from bot.alerts import Severity
from bot.backtest.report.chapter import Chapter, Section, kept_back

WIDTH, HEIGHT = 1000, 200
POINTS = 500
LABELS_AT_MOST = 7
TICKS = {Severity.NOTICE: 10, Severity.WARNING: 16, Severity.SEVERE: 24, Severity.EXTREME: 34}
SHARES = (0.05, 0.1, 0.2, 0.25, 0.5)


def timeline(chapter: Chapter, section: Section) -> str:
    """The basket's drawdown, and under it a mark for each alert, longer and darker the more severe."""
    deepest = min(float(chapter.drawdown.min()), -0.01)
    step = next((share for share in SHARES if -deepest / share <= 4.5), SHARES[-1])
    lines = [step * number for number in range(1, int(-deepest / step) + 1)]
    grid = "".join(
        f'<line class="grid" x1="0" x2="{WIDTH}" y1="{_y(-one, deepest)}" y2="{_y(-one, deepest)}"/>' for one in lines
    )
    labels = "".join(f'<span style="top:{100 * one / -deepest:.2f}%">−{one:.0%}</span>' for one in lines)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
    return (
        '<figure class="timeline"><div class="plot">'
        f'<svg {size} role="img" aria-label="{escape(_said(chapter))}">'
        f'{grid}<path class="area" d="{_area(chapter, deepest)}"/></svg><div class="depths">{labels}</div></div>'
        f'<svg class="marks" viewBox="0 0 {WIDTH} 36" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(_marks(chapter, section))}</svg>"
        f'<div class="years">{"".join(_years(chapter))}</div></figure>'
    )


def _said(chapter: Chapter) -> str:
    at = int(chapter.drawdown.argmin())
    return (
        f"Drawdown from {chapter.first} to {chapter.last}, deepest {chapter.drawdown[at]:.1%} on {chapter.sessions[at]}"
    )


def _y(drawdown: float, deepest: float) -> str:
    return f"{HEIGHT * drawdown / deepest:.1f}"


def _area(chapter: Chapter, deepest: float) -> str:
    """The lowest drawdown of each of POINTS stretches, so that no trough is lost."""
    count = len(chapter.drawdown)
    begins = np.unique(np.linspace(0, count, min(POINTS, count), endpoint=False).astype(np.intp))
    lowest = np.minimum.reduceat(chapter.drawdown, begins).tolist()
    first = int(chapter.sessions[0].astype(np.int64))
    span = max(int(chapter.sessions[-1].astype(np.int64)) - first, 1)
    across = ((chapter.sessions[begins].astype(np.int64) - first) * WIDTH / span).tolist()
    points = " ".join(f"{x:.1f},{_y(low, deepest)}" for x, low in zip(across, lowest, strict=True))
    return f"M0,0 L{points} L{WIDTH},{_y(lowest[-1], deepest)} L{WIDTH},0 Z"


def _marks(chapter: Chapter, section: Section) -> Iterator[str]:
    for one in sorted(section.tuning.hearings, key=lambda one: one.severity):
        x = f"{WIDTH * chapter.place(one.session):.1f}"
        about = f"{one.session}: {one.severity.word}, {one.size(section.tuning.rule):.1%}"
        yield (
            f'<line class="{one.severity.word}" x1="{x}" x2="{x}" y1="1" y2="{TICKS[one.severity]}">'
            f"<title>{escape(about)}</title></line>"
        )


def _years(chapter: Chapter) -> Iterator[str]:
    span = chapter.last.year - chapter.first.year
    step = next(step for step in (1, 2, 5, 10, 20, 50) if span / step <= LABELS_AT_MOST)
    for year in range(chapter.first.year + 1, chapter.last.year + 1):
        if year % step == 0:
            left = 100 * chapter.place(date(year, 1, 1))
            yield f'<span style="left:{left:.2f}%">{year}</span>'


def bars(section: Section) -> str:
    """Alerts of each year, stacked by severity; the years that were kept back stand on a shade."""
    most = max((sum(one.values()) for one in section.by_year.values()), default=0)
    if not most:
        return '<p class="none">None in the years that are counted.</p>'
    years = list(section.by_year)
    step = next(step for step in (1, 2, 5, 10, 20, 50) if len(years) / step <= LABELS_AT_MOST)
    columns = []
    for year in years:
        counts = section.by_year[year]
        total = sum(counts.values())
        parts = "".join(
            f'<i class="{severity.word}" style="height:{100 * counts[severity] / most:.2f}%"></i>'
            for severity in sorted(counts, reverse=True)
        )
        named = ", ".join(f"{severity.word} {counts[severity]}" for severity in sorted(counts))
        back = ' class="back"' if kept_back(year) else ""
        label = f"<b>{year}</b>" if year % step == 0 else ""
        columns.append(f'<li{back} title="{year}: {named or "none"}"><span>{total or ""}</span>{parts}{label}</li>')
    return f'<ol class="bars" aria-label="Alerts by year">{"".join(columns)}</ol>'
