"""The PNG: layout, colours, canvas (the only importer of matplotlib)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from itertools import groupby, pairwise
from math import ceil, floor, log10
from operator import itemgetter
from typing import Literal, TypeVar

import numpy as np
from babel.dates import format_date
from matplotlib import rc_context, rcParamsDefault
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Affine2D
from PIL import Image
from pylopdf_fonts_zh_cn import sans_path

from bot.chart.data import START, ChartData
from bot.messages.catalogue import Catalogue, load_catalogue
from bot.messages.message import sanitize
from bot.messages.wording import drawdown_fields, sample_fields, window_text
from bot.prices.bars import Floats
from bot.statistics.verdict import DrawdownState

Value = TypeVar("Value", float, Floats)
# Telegram shows a photo of at most 1,280 pixels a side as it is.
WIDTH, HEIGHT = 1080, 1280
MARGIN, EDGE, LEFT, RIGHT = 40, 8, 112, 1040
PAPER, INK, MUTED, RED = "#fbfaf6", "#1c2126", "#6a7079", "#c62828"
DPI = 72  # so that a point is a pixel
COLORS = 128
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


def render_chart(chart: ChartData, language: str) -> bytes:
    """The chart as a PNG of WIDTH x HEIGHT pixels."""
    catalogue, verdict = load_catalogue(language), chart.verdict
    with rc_context(rcParamsDefault):  # whatever style is configured for matplotlib on this machine
        canvas = Canvas()
        name = canvas.writable(chart.basket.name(language)) or chart.basket.id
        canvas.write(MARGIN, 74, name, 46, fit=WIDTH - 2 * MARGIN)
        end = canvas.write(MARGIN, 146, catalogue.percent(verdict.move), 60, accent_color(chart)) + 22
        phrase, day = "chart_closed" if chart.final else "chart_open", catalogue.day(verdict.session)
        text = catalogue.say(phrase, window=window_text(verdict.window, catalogue), date=day)
        canvas.write(end, 146, text, 32, MUTED, fit=WIDTH - MARGIN - end)
        draw_year(canvas, chart, catalogue)
        draw_moves(canvas, chart, catalogue)
        canvas.write(MARGIN, HEIGHT - 20, catalogue.say(chart.basket.prices), 22, MUTED)
        return canvas.png()


def accent_color(chart: ChartData) -> str:
    return RED if chart.verdict.move < 0 else LINE


def draw_year(canvas: Canvas, chart: ChartData, catalogue: Catalogue) -> None:
    """The level over the last year, on the colours of its drawdown states."""
    verdict, sessions, color = chart.verdict, chart.sessions, accent_color(chart)
    canvas.write(MARGIN, 218, catalogue.say("chart_since", date=catalogue.day(sessions[0])), 32)
    peak = bisect_left(sessions, verdict.peak_session)
    peak_shown = sessions[peak] == verdict.peak_session and peak < len(sessions) - 1
    if verdict.missing_sessions:
        drawdown = catalogue.say("chart_holes", count=verdict.missing_sessions)
    elif verdict.drawdown:
        drawdown = catalogue.say("chart_below", **drawdown_fields(verdict, catalogue))
    else:
        drawdown = catalogue.say("chart_at_high")
    canvas.write(WIDTH - MARGIN, 218, "○ " * peak_shown + drawdown, 26, MUTED, align="right")
    levels = np.array(chart.levels, dtype=np.float64)  # None becomes NaN
    low, high = float(np.nanmin(levels)), float(np.nanmax(levels))
    margin = 0.06 * (high - low) or 1.0
    across = AxisScale(0, len(sessions) - 1, LEFT, RIGHT)
    up = AxisScale(low - margin, high + margin, YEAR_BOTTOM, YEAR_TOP)
    draw_states(canvas, chart, across, catalogue)
    step, ticks = axis_ticks(up.low, up.high, 6)
    for tick in ticks:
        canvas.line([LEFT, RIGHT], [up(tick), up(tick)], MUTED if tick == START else GRID, 1)
        canvas.write(LEFT - 14, up(tick) + 9, catalogue.decimal(tick, decimals_of(step)), 26, MUTED, align="right")
    draw_months(canvas, chart, across, catalogue)
    x, y = across(np.arange(len(levels), dtype=np.float64)), up(levels)
    window = slice(len(levels) - 1 - verdict.window, None)
    canvas.line(x, y, LINE, 3.5)
    canvas.line(x[window], y[window], color, 7)
    canvas.dot(x[-1], y[-1], 16, color)
    if peak_shown:
        canvas.dot(x[peak], y[peak], 17, PAPER, edge=INK, edge_width=3)


def draw_states(canvas: Canvas, chart: ChartData, across: AxisScale, catalogue: Catalogue) -> None:
    """A tint from the session that entered a state to the last one in it, and the legend of the tints."""
    half = (across(1) - across(0)) / 2
    for state, spell in groupby(enumerate(chart.states), key=itemgetter(1)):
        rows = [row for row, _ in spell]
        if state is not DrawdownState.NONE:
            begin, end = across(rows[0]) - half, across(rows[-1]) + half
            canvas.box(max(begin, LEFT), YEAR_TOP, min(end, RIGHT), YEAR_BOTTOM, TINTS[state])
    x = float(MARGIN)
    for state in sorted(set(chart.states) - {DrawdownState.NONE}):
        canvas.box(x, 240, x + 36, 264, TINTS[state])
        color = INK if state is chart.verdict.state else MUTED
        x = canvas.write(x + 46, 261, catalogue.say(f"chart_{state.word}"), 26, color) + 34


def draw_months(canvas: Canvas, chart: ChartData, across: AxisScale, catalogue: Catalogue) -> None:
    """The axis of sessions: months as far as there is room; of a short history the first and the last session."""
    days, y = chart.sessions, YEAR_BOTTOM + 38
    begins = [row for row in range(1, len(days)) if days[row].month != days[row - 1].month]
    if len(begins) < 3:
        canvas.write(LEFT, y, catalogue.day(days[0]), 26, MUTED)
        canvas.write(RIGHT, y, catalogue.day(days[-1]), 26, MUTED, align="right")
        return
    step = 1 if len(begins) <= 6 else 2 if len(begins) <= 14 else 6
    for row in begins:
        x, month = across(row), days[row].month
        if (month - 1) % step == 0:
            pattern = str(catalogue.phrases["chart_month" if month > 1 else "chart_year"])
            canvas.line([x, x], [YEAR_BOTTOM, YEAR_BOTTOM + 8], MUTED, 1.5)
            canvas.write(x, y, format_date(days[row], pattern, catalogue.locale), 26, MUTED, align="center")


def draw_moves(canvas: Canvas, chart: ChartData, catalogue: Catalogue) -> None:
    """The histogram of all moves, on a logarithmic scale: a single crash stays visible beside thousands of moves."""
    verdict, low, high = chart.verdict, min(*chart.moves, 0), max(*chart.moves, 0)
    title = catalogue.say("chart_moves", count=len(chart.moves), **sample_fields(verdict, catalogue))
    canvas.write(MARGIN, 716, title, 32, fit=WIDTH - 2 * MARGIN)
    note = catalogue.say("chart_counts_overlapping" if verdict.window > 1 else "chart_counts")
    canvas.write(MARGIN, 756, note, 26, MUTED)
    width = round_step((high - low) / BINS)
    edges = width * np.arange(floor(low / width) - 1, ceil(high / width) + 2)
    counts, _ = np.histogram(chart.moves, edges)
    across = AxisScale(edges[0], edges[-1], LEFT, RIGHT)
    # The worst moves and today's are labelled, the lowest first.
    labels = sorted({*chart.worst, (verdict.session, verdict.move)}, key=itemgetter(1, 0))
    up = AxisScale(log10(MIN_COUNT), log10(max(*counts, 10)), MOVES_BOTTOM, MOVES_TOP + LABEL_STEP * len(labels) + 20)
    for power in range(floor(up.high) + 1):
        canvas.line([LEFT, RIGHT], [up(power), up(power)], GRID, 1)
        canvas.write(LEFT - 14, up(power) + 9, catalogue.number(10**power), 26, MUTED, align="right")
    for (left, right), frequency in zip(pairwise(edges.tolist()), counts.tolist(), strict=True):
        if frequency:
            color = WORSE if left <= verdict.move < 0 else BARS
            canvas.box(across(left) + 1, up(log10(frequency)), across(right) - 1, MOVES_BOTTOM, color)
    canvas.line([LEFT, RIGHT], [MOVES_BOTTOM, MOVES_BOTTOM], MUTED, 1.5)
    step, ticks = axis_ticks(across.low, across.high, 7)
    for x, tick in ((across(tick), tick) for tick in ticks):
        canvas.line([x, x], [MOVES_BOTTOM, MOVES_BOTTOM + 8], MUTED, 1.5)
        percent = catalogue.percent(tick, decimals_of(step * 100))
        canvas.write(x, MOVES_BOTTOM + 40, percent, 26, MUTED, align="center")
    draw_labels(canvas, chart, labels, across, catalogue)


def draw_labels(
    canvas: Canvas, chart: ChartData, labels: Sequence[tuple[date, float]], across: AxisScale, catalogue: Catalogue
) -> None:
    """The labels with their stems, as stairs from the left down, so that no stem runs through another label."""
    different = len({move for _, move in labels})
    decimals = 1 if len({round(move, 3) for _, move in labels}) == different else 2
    for row, (day, move) in enumerate(labels):
        x, y = across(move), MOVES_TOP + LABEL_STEP * row + 26
        today = day == chart.verdict.session
        color = accent_color(chart) if today else INK
        text = catalogue.say("chart_move", date=catalogue.day(day), move=catalogue.percent(move, decimals))
        if today:
            rank = catalogue.say("chart_rank", rank=catalogue.number(chart.verdict.rank))
            text = catalogue.join([text, rank], "clause")
        canvas.line([x, x], [y - 22, MOVES_BOTTOM], color if today else MUTED, 3.5 if today else 1.5)
        canvas.dot(x, MOVES_BOTTOM, 15 if today else 11, color)
        if x < LEFT + LEFT_PART * (RIGHT - LEFT):
            canvas.write(x + 12, y, text, 28, color, clear=True)
        else:
            canvas.write(x - 12, y, text, 28, color, align="right", clear=True)


def axis_ticks(low: float, high: float, most: int) -> tuple[float, list[float]]:
    """A round step, and its multiples between `low` and `high`: at most `most` of them, or one more."""
    step = round_step((high - low) / most)
    return step, [step * factor for factor in range(ceil(low / step), floor(high / step) + 1)]


def round_step(least: float) -> float:
    """1, 2, 2.5 or 5 times a power of ten: the first that is not below `least` (a hundredth of a percent for 0)."""
    if least <= 0:
        return 1e-4
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9))


def decimals_of(step: float) -> int:
    """The decimals that the multiples of a step need, at most 4."""
    return next((decimals for decimals in range(4) if abs(round(step, decimals) - step) < 1e-9), 4)


@dataclass(frozen=True, slots=True)
class AxisScale:
    """Values from `low` to `high` laid between the pixels `start` and `stop`."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: Value) -> Value:
        return self.start + (value - self.low) * ((self.stop - self.start) / ((self.high - self.low) or 1.0))


class Canvas:
    """A picture being drawn: text lies above lines, and lines above boxes. Colours are #rrggbb."""

    def __init__(self) -> None:
        self._canvas = FigureCanvasAgg(Figure((WIDTH / DPI, HEIGHT / DPI), DPI, facecolor=PAPER))
        self._down = Affine2D().scale(1, -1).translate(0, HEIGHT)
        self._font = get_font(str(sans_path()))

    def writable(self, text: str) -> str:
        """`text` without the characters that the font lacks, which it would draw as empty boxes."""
        return "".join(filter(lambda character: self._font.get_char_index(ord(character)), sanitize(text))).strip()

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
        """Write on the base line `y`; returns the pixel at which the text ends.

        Text wider than `fit` is made smaller; text beyond the page is moved left. `clear` gives it a background.
        """
        font = FontProperties(fname=str(sans_path()), size=size)
        drawn = Text(x, y, text, color=color, fontproperties=font, ha=align, parse_math=False, transform=self._down)
        self._canvas.figure.add_artist(drawn)
        extent = drawn.get_window_extent(self._canvas.get_renderer())
        if fit is not None and extent.width > fit:
            drawn.set_fontsize(size * fit / extent.width)
            extent = drawn.get_window_extent(self._canvas.get_renderer())
        excess = max(extent.x1 - (WIDTH - EDGE), 0)
        drawn.set_x(x - excess)
        if clear:
            drawn.set_bbox({"facecolor": PAPER, "edgecolor": "none", "pad": 1})
        return float(extent.x1 - excess)

    def line(self, x: Sequence[float] | Floats, y: Sequence[float] | Floats, color: str, width: float) -> None:
        """A line through points; NaN interrupts it."""
        line = Line2D(np.asarray(x), np.asarray(y), color=color, linewidth=width, transform=self._down)
        line.set_solid_joinstyle("round")
        self._canvas.figure.add_artist(line)

    def dot(self, x: float, y: float, size: float, color: str, *, edge: str = PAPER, edge_width: float = 2) -> None:
        marker = Line2D([x], [y], transform=self._down, color=color, marker="o", markersize=size)
        marker.set(markeredgecolor=edge, markeredgewidth=edge_width)
        self._canvas.figure.add_artist(marker)

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
