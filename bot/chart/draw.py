"""The PNG: layout, colours, canvas (the only importer of matplotlib)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from itertools import groupby
from math import ceil, floor, log10
from typing import Any, Literal, overload

import numpy as np
from babel.dates import format_date
from matplotlib import rc_context, rcParamsDefault
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Transform
from PIL import Image
from pylopdf_fonts_zh_cn import sans_path

from bot.chart.data import START, ChartData
from bot.messages.catalogue import Catalogue, load_catalogue
from bot.messages.message import sanitize
from bot.prices.bars import Floats
from bot.statistics.verdict import DrawdownState, Verdict

LINE, BARS, WORSE, GRID = "#24476b", "#a9b9cb", "#e59a92", "#e4e1d9"
TINTS = {
    DrawdownState.PULLBACK: "#fff1bf",
    DrawdownState.CORRECTION: "#ffdca8",
    DrawdownState.BEAR: "#fbc4ba",
    DrawdownState.CRASH: "#e3b5d3",
}
BINS = 80
MIN_COUNT = 0.7  # where the logarithmic axis of counts begins, so that a single move is a visible bar
YEAR_TOP, YEAR_BOTTOM = 288, 604
MOVES_TOP, MOVES_BOTTOM = 784, 1184
LABEL_STEP = 35
LEFT_PART = 0.55  # of the width: where a label no longer fits to the right of its stem


def render_chart(facts: ChartData, language: str) -> bytes:
    """The chart as a PNG of WIDTH x HEIGHT pixels."""
    words = load_catalogue(language)
    with Canvas.laid() as paper:
        _heading(paper, facts, words)
        _year(paper, facts, words)
        _moves(paper, facts, words)
        paper.write(MARGIN, HEIGHT - 20, words.say(facts.basket.prices), 22, MUTED)
        return paper.png()


def _heading(paper: Canvas, facts: ChartData, words: Catalogue) -> None:
    """Whose fall, how deep, when."""
    verdict = facts.verdict
    name = paper.writable(facts.basket.name(words.language)) or facts.basket.id
    paper.write(MARGIN, 74, name, 46, fit=WIDTH - 2 * MARGIN)
    end = paper.write(MARGIN, 146, words.percent(verdict.move), 60, _accent(verdict))
    window = words.say("window", count=verdict.window, words=words.count_word(verdict.window))
    caption = words.say("chart_closed" if facts.final else "chart_open", window=window, date=words.day(verdict.session))
    paper.write(end + 22, 146, caption, 32, MUTED, fit=WIDTH - MARGIN - end - 22)


def _accent(verdict: Verdict) -> str:
    return RED if verdict.move < 0 else LINE


def _year(paper: Canvas, facts: ChartData, words: Catalogue) -> None:
    """The level over the last year, on the colours of its drawdown states."""
    paper.write(MARGIN, 218, words.say("chart_since", date=words.day(facts.sessions[0])), 32)
    peak = _peak(facts)
    below = ("" if peak is None else "○ ") + _drawdown(facts.verdict, words)
    paper.write(WIDTH - MARGIN, 218, below, 26, MUTED, align="right")
    values = [level for level in facts.levels if level is not None]
    across = AxisScale(0, len(facts.sessions) - 1, LEFT, RIGHT)
    up = _padded(min(values), max(values), YEAR_BOTTOM, YEAR_TOP)
    _states(paper, facts, across, words)
    step, ticks = _ticks(up.low, up.high, 6)
    for tick in ticks:
        paper.line([LEFT, RIGHT], [up(tick), up(tick)], MUTED if tick == START else GRID, 1)
        paper.write(LEFT - 14, up(tick) + 9, words.decimal(tick, _decimals(step)), 26, MUTED, align="right")
    _months(paper, facts, across, words)
    places = np.arange(len(facts.levels), dtype=np.float64)
    heights = np.array([np.nan if level is None else up(level) for level in facts.levels])
    paper.line(across(places), heights, LINE, 3.5)
    window = slice(len(places) - 1 - facts.verdict.window, None)
    paper.line(across(places[window]), heights[window], _accent(facts.verdict), 7)
    paper.dot(across(places[-1]), heights[-1], 16, _accent(facts.verdict))
    if peak is not None:
        paper.ring(across(peak), heights[peak], 17, INK)


def _peak(facts: ChartData) -> int | None:
    """Where the peak stands among the sessions shown; None = before them, or on the last."""
    at = bisect_left(facts.sessions, facts.verdict.peak_session)
    shown = facts.sessions[at] == facts.verdict.peak_session and at < len(facts.sessions) - 1
    return at if shown else None


def _drawdown(verdict: Verdict, words: Catalogue) -> str:
    """How far below the peak; not stated across sessions without a reading."""
    if verdict.missing_sessions:
        return words.say("chart_holes", count=verdict.missing_sessions)
    if not verdict.drawdown:
        return words.say("chart_at_high")
    return words.say("chart_below", drawdown=words.percent(verdict.drawdown), date=words.day(verdict.peak_session))


def _states(paper: Canvas, facts: ChartData, across: AxisScale, words: Catalogue) -> None:
    """Each spell of a state as a tint from the session that entered it to the last one, and what the tints mean."""
    half = (across(1) - across(0)) / 2
    for state, spell in groupby(enumerate(facts.states), key=lambda item: item[1]):
        places = [place for place, _ in spell]
        if state is not DrawdownState.NONE:
            begin, end = across(places[0]) - half, across(places[-1]) + half
            paper.box(max(begin, LEFT), YEAR_TOP, min(end, RIGHT), YEAR_BOTTOM, TINTS[state])
    x = float(MARGIN)
    for state in sorted(set(facts.states) - {DrawdownState.NONE}):
        paper.box(x, 240, x + 36, 264, TINTS[state])
        x = (
            paper.write(
                x + 46, 261, words.say(f"chart_{state.word}"), 26, INK if state is facts.verdict.state else MUTED
            )
            + 34
        )


def _months(paper: Canvas, facts: ChartData, across: AxisScale, words: Catalogue) -> None:
    """The begin of months, so few that there is room; of a short history the first and the last session."""
    days = facts.sessions
    begins = [at for at in range(1, len(days)) if days[at].month != days[at - 1].month]
    if len(begins) < 3:
        paper.write(LEFT, YEAR_BOTTOM + 38, words.day(days[0]), 26, MUTED)
        paper.write(RIGHT, YEAR_BOTTOM + 38, words.day(days[-1]), 26, MUTED, align="right")
        return
    step = 1 if len(begins) <= 6 else 2 if len(begins) <= 14 else 6
    for at in begins:
        month = days[at].month
        if (month - 1) % step == 0:
            pattern = str(words.phrases["chart_month" if month > 1 else "chart_year"])
            paper.line([across(at), across(at)], [YEAR_BOTTOM, YEAR_BOTTOM + 8], MUTED, 1.5)
            paper.write(
                across(at), YEAR_BOTTOM + 38, format_date(days[at], pattern, words.locale), 26, MUTED, align="center"
            )


def _moves(paper: Canvas, facts: ChartData, words: Catalogue) -> None:
    """How often every move was, on a logarithmic scale: a thousand quiet ones must not hide a single crash."""
    verdict = facts.verdict
    since = {"words": words.count_word(verdict.window), "year": verdict.since.year}
    paper.write(MARGIN, 716, words.say("chart_moves", count=len(facts.moves), **since), 32, fit=WIDTH - 2 * MARGIN)
    note = words.say("chart_counts_overlapping" if verdict.window > 1 else "chart_counts")
    paper.write(MARGIN, 756, note, 26, MUTED)
    width = _nice((max(*facts.moves, 0) - min(*facts.moves, 0)) / BINS)
    edges = width * np.arange(floor(min(*facts.moves, 0) / width) - 1, ceil(max(*facts.moves, 0) / width) + 2)
    counts, _ = np.histogram(facts.moves, edges)
    across = AxisScale(edges[0], edges[-1], LEFT, RIGHT)
    labels = _labels(facts)
    bars_top = MOVES_TOP + LABEL_STEP * len(labels) + 20
    up = AxisScale(log10(MIN_COUNT), log10(max(int(counts.max()), 10)), MOVES_BOTTOM, bars_top)
    for power in range(floor(up.high) + 1):
        paper.line([LEFT, RIGHT], [up(power), up(power)], GRID, 1)
        paper.write(LEFT - 14, up(power) + 9, words.number(10**power), 26, MUTED, align="right")
    for left, right, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True):
        if count:
            color = WORSE if left <= verdict.move < 0 else BARS
            paper.box(across(left) + 1, up(log10(count)), across(right) - 1, MOVES_BOTTOM, color)
    paper.line([LEFT, RIGHT], [MOVES_BOTTOM, MOVES_BOTTOM], MUTED, 1.5)
    _percents(paper, across, words)
    _places(paper, facts, labels, across, words)


def _labels(facts: ChartData) -> list[tuple[date, float]]:
    """The worst moves and today's, lowest first."""
    today = (facts.verdict.session, facts.verdict.move)
    return sorted({*facts.worst, today}, key=lambda row: (row[1], row[0]))


def _places(
    paper: Canvas, facts: ChartData, labels: Sequence[tuple[date, float]], across: AxisScale, words: Catalogue
) -> None:
    """Each label with its stem. They are stairs from the left down, so that no stem runs through another's label."""
    different = len({move for _, move in labels})
    decimals = 1 if len({round(move, 3) for _, move in labels}) == different else 2
    for row, (day, move) in enumerate(labels):
        x, y = across(move), MOVES_TOP + LABEL_STEP * row + 26
        today = day == facts.verdict.session
        color = _accent(facts.verdict) if today else INK
        label = words.say("chart_move", date=words.day(day), move=words.percent(move, decimals))
        if today:
            label = words.join([label, words.say("chart_rank", rank=words.number(facts.verdict.rank))], "clause")
        paper.line([x, x], [y - 22, MOVES_BOTTOM], color if today else MUTED, 3.5 if today else 1.5)
        paper.dot(x, MOVES_BOTTOM, 15 if today else 11, color)
        if x < LEFT + LEFT_PART * (RIGHT - LEFT):
            paper.write(x + 12, y, label, 28, color, clear=True)
        else:
            paper.write(x - 12, y, label, 28, color, align="right", clear=True)


def _percents(paper: Canvas, across: AxisScale, words: Catalogue) -> None:
    """The axis of moves."""
    step, ticks = _ticks(across.low, across.high, 7)
    for tick in ticks:
        paper.line([across(tick), across(tick)], [MOVES_BOTTOM, MOVES_BOTTOM + 8], MUTED, 1.5)
        label = words.percent(tick, _decimals(step * 100))
        paper.write(across(tick), MOVES_BOTTOM + 40, label, 26, MUTED, align="center")


def _padded(low: float, high: float, bottom: float, top: float) -> AxisScale:
    """A scale from `bottom` to `top` with some air around the values, even if they are all the same."""
    air = 0.06 * (high - low) or 1.0
    return AxisScale(low - air, high + air, bottom, top)


def _ticks(low: float, high: float, most: int) -> tuple[float, list[float]]:
    """A round step, and its multiples between `low` and `high`: at most `most` of them, or one more."""
    step = _nice((high - low) / most)
    return step, [step * at for at in range(ceil(low / step), floor(high / step) + 1)]


def _nice(least: float) -> float:
    """1, 2, 2.5 or 5 times a power of ten: the first that is not below `least` (a hundredth of a percent for 0)."""
    if least <= 0:
        return 1e-4
    power = 10.0 ** floor(log10(least))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= least * (1 - 1e-9))


def _decimals(step: float) -> int:
    """How many decimals it takes to write the multiples of a step."""
    return next((decimals for decimals in range(4) if abs(round(step, decimals) - step) < 1e-9), 4)


# Telegram shows a photo of at most 1,280 pixels a side as it is.
WIDTH, HEIGHT = 1080, 1280
MARGIN, EDGE, LEFT, RIGHT = 40, 8, 112, 1040
PAPER, INK, MUTED, RED = "#fbfaf6", "#1c2126", "#6a7079", "#c62828"
DPI = 72  # so that a point is a pixel
COLORS = 128


@dataclass(frozen=True, slots=True)
class AxisScale:
    """Values from `low` to `high` laid between the pixels `start` and `stop`."""

    low: float
    high: float
    start: float
    stop: float

    @overload
    def __call__(self, value: float) -> float: ...
    @overload
    def __call__(self, value: Floats) -> Floats: ...
    def __call__(self, value: float | Floats) -> float | Floats:
        return self.start + (value - self.low) * ((self.stop - self.start) / ((self.high - self.low) or 1.0))


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture under way: text lies above lines, and lines above boxes. Colours are #rrggbb."""

    _canvas: FigureCanvasAgg
    _down: Transform
    _font: FT2Font

    @classmethod
    @contextmanager
    def laid(cls) -> Iterator[Canvas]:
        """An empty sheet, whatever the style that somebody has configured for matplotlib on this machine."""
        with rc_context(rcParamsDefault):
            figure = Figure((WIDTH / DPI, HEIGHT / DPI), DPI, facecolor=PAPER)
            down = Affine2D().scale(1, -1).translate(0, HEIGHT)
            yield cls(FigureCanvasAgg(figure), down, get_font(str(sans_path())))
            # Figure, canvas and artists know each other: let go of the pixels now, not when the cycle is collected.
            for artist in tuple(figure.artists):
                artist.remove()
            figure.set_canvas(FigureCanvasBase(figure))

    def writable(self, text: str) -> str:
        """`text` without signs that the font lacks: better no sign than an empty box."""
        return "".join(sign for sign in sanitize(text) if self._font.get_char_index(ord(sign))).strip()

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        color: str = INK,
        *,
        align: Literal["left", "center", "right"] = "left",
        fit: float | None = None,
        clear: bool = False,
    ) -> float:
        """Write on the base line `y`; the pixel at which the text ends.

        It is smaller if it would be wider than `fit`, and further left if it would leave the page. With `clear` nothing
        below shines through.
        """
        font = FontProperties(fname=str(sans_path()), size=size)
        drawn = Text(x, y, text, color=color, fontproperties=font, ha=align, parse_math=False, transform=self._down)
        self._canvas.figure.add_artist(drawn)
        extent = drawn.get_window_extent(self._canvas.get_renderer())
        if fit is not None and extent.width > fit:
            drawn.set_fontsize(size * fit / extent.width)
            extent = drawn.get_window_extent(self._canvas.get_renderer())
        beyond = max(extent.x1 - (WIDTH - EDGE), 0)
        drawn.set_x(x - beyond)
        if clear:
            drawn.set_bbox({"facecolor": PAPER, "edgecolor": "none", "pad": 1})
        return float(extent.x1 - beyond)

    def line(self, x: Sequence[float] | Floats, y: Sequence[float] | Floats, color: str, width: float) -> None:
        """A line through points; NaN interrupts it."""
        self._stroke(x, y, color=color, linewidth=width, solid_joinstyle="round")

    def dot(self, x: float, y: float, size: float, color: str) -> None:
        self._stroke([x], [y], marker="o", markersize=size, color=color, markeredgecolor=PAPER, markeredgewidth=2)

    def ring(self, x: float, y: float, size: float, color: str) -> None:
        self._stroke([x], [y], marker="o", markersize=size, color=PAPER, markeredgecolor=color, markeredgewidth=3)

    def _stroke(self, x: Sequence[float] | Floats, y: Sequence[float] | Floats, **style: Any) -> None:
        self._canvas.figure.add_artist(Line2D(np.asarray(x), np.asarray(y), transform=self._down, **style))

    def box(self, left: float, top: float, right: float, bottom: float, color: str) -> None:
        corner, width, height = (left, top), right - left, bottom - top
        self._canvas.figure.add_artist(Rectangle(corner, width, height, color=color, linewidth=0, transform=self._down))

    def png(self) -> bytes:
        """The picture in few colours, without anything that names a program or a time."""
        self._canvas.draw()
        picture = Image.frombytes("RGBA", (WIDTH, HEIGHT), bytes(self._canvas.buffer_rgba())).convert("RGB")
        few = picture.quantize(COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        file = BytesIO()
        few.save(file, "PNG")
        return file.getvalue()
