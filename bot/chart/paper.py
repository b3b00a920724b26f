"""What can be drawn on, in pixels from the top left? It alone knows matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal, overload

import numpy as np
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

from bot.messages.message import printable
from bot.prices import Floats

# Telegram shows a photo of at most 1,280 pixels a side as it is.
WIDTH, HEIGHT = 1080, 1280
MARGIN, EDGE, LEFT, RIGHT = 40, 8, 112, 1040
PAPER, INK, MUTED, RED = "#fbfaf6", "#1c2126", "#6a7079", "#c62828"
DPI = 72  # so that a point is a pixel
COLORS = 128


@dataclass(frozen=True, slots=True)
class Scale:
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
class Paper:
    """A picture under way: text lies above lines, and lines above boxes. Colours are #rrggbb."""

    _canvas: FigureCanvasAgg
    _down: Transform
    _font: FT2Font

    @classmethod
    @contextmanager
    def laid(cls) -> Iterator[Paper]:
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
        return "".join(sign for sign in printable(text) if self._font.get_char_index(ord(sign))).strip()

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
