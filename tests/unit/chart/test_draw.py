"""Is the picture fit to be sent, and does it say what the facts say?"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

from bot.chart.data import ChartData, chart_data
from bot.chart.draw import Canvas, render_chart
from bot.languages import languages
from bot.messages.catalogue import load_catalogue
from tests.property.worlds import any_world
from tests.world import World, basket, book, calm, falling, weekdays

ROOT = Path(__file__).parents[3]
LIMIT = 200_000
# A configuration of matplotlib that would show in every picture.
STYLE = "font.family: cursive\nfigure.facecolor: black\nlines.dashed_pattern: 1, 1\nlines.antialiased: False\n"
PROGRAM = """
import hashlib
from bot.chart.draw import render_chart
from tests.unit.chart.test_draw import specimen
print(hashlib.sha256(render_chart(specimen("crash"), "zh")).hexdigest())
"""


def _facts(returns: list[float | None], window: int = 2, name: str = "memory") -> ChartData:
    one = basket(name, "AA", zh="存储板块")
    board = World(weekdays(len(returns) + 1)).trade("AA", returns).board(book([one]))
    facts = chart_data(board, one.id, window, board.sessions()[-1])
    assert facts is not None
    return facts


@cache
def specimen(kind: str) -> ChartData:
    """Charts that stand on a basket's edges, by what is special about them."""
    holes = [
        None if 250 < at < 275 or at % 37 == 5 else one for at, one in enumerate(falling(330, {200: -0.1, -1: -0.05}))
    ]
    returns, window = {
        "crash": (falling(7000, {4000: -0.2, 4001: -0.1, 5000: -0.15, -2: -0.08, -1: -0.12}, size=0.02), 2),
        "one move": ([-0.1, 0.0], 2),
        "a month": (falling(20, {-1: -0.05}), 2),
        "holes": (holes, 2),
        "flat": ([0.0] * 300, 2),
        "calm": (calm(400, size=0.0001), 1),
        "a gain": (falling(900, {300: -0.3, -1: 0.09}), 1),
        "beyond measure": (falling(600, {100: -0.9, 101: 8.0, 300: -0.5}), 2),
        "a year's window": (falling(700, {-1: -0.2}), 250),
    }[kind]
    return _facts(returns, window)


KINDS = [
    "crash", "one move", "a month", "holes", "flat", "calm", "a gain", "beyond measure", "a year's window",
]  # fmt: skip


class Drawn(NamedTuple):
    """What lay on the paper, in pixels from the bottom left."""

    words: list[tuple[str, tuple[float, float, float, float]]]
    lines: list[np.ndarray]

    @property
    def texts(self) -> set[str]:
        return {text for text, _ in self.words}


@pytest.fixture
def laid(monkeypatch: pytest.MonkeyPatch) -> list[Drawn]:
    """What was drawn since, picture by picture."""
    seen: list[Drawn] = []
    png = Canvas.png

    def look(paper: Canvas) -> bytes:
        artists = paper._canvas.figure.artists
        renderer = paper._canvas.get_renderer()
        texts = [one for one in artists if isinstance(one, Text)]
        words = [(one.get_text(), one.get_window_extent(renderer).extents) for one in texts]
        seen.append(Drawn(words, [one.get_xydata() for one in artists if isinstance(one, Line2D)]))
        return png(paper)

    monkeypatch.setattr(Canvas, "png", look)
    return seen


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_for_a_phone(kind: str, language: str) -> None:
    data = render_chart(specimen(kind), language)
    assert len(data) < LIMIT
    with Image.open(BytesIO(data)) as picture:
        picture.load()
        assert (picture.format, picture.size) == ("PNG", (1080, 1280))
        assert "transparency" not in picture.info
        light = np.asarray(picture.convert("L"))
    assert min(light[[0, -1], :].min(), light[:, [0, -1]].min()) > 240  # the margin is clear
    assert light.min() < 60


def chunks(data: bytes) -> list[str]:
    names, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        names.append(data[at + 4 : at + 8].decode())
        at += 12 + length
    return names


def test_nothing_in_the_file_names_a_program_or_a_time() -> None:
    assert set(chunks(render_chart(specimen("crash"), "en"))) == {"IHDR", "PLTE", "IDAT", "IEND"}


def test_the_same_bytes_in_every_process_and_whatever_matplotlib_is_told(tmp_path: Path) -> None:
    here = render_chart(specimen("crash"), "zh")
    assert render_chart(specimen("crash"), "zh") == here
    assert render_chart(specimen("crash"), "en") != here
    (tmp_path / "matplotlibrc").write_text(STYLE)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7", "MPLBACKEND": "svg"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environ, capture_output=True, check=True)
    assert done.stdout.decode().strip() == hashlib.sha256(here).hexdigest()


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_the_facts_say(kind: str, language: str, laid: list[Drawn]) -> None:
    facts, words = specimen(kind), load_catalogue(language)
    render_chart(facts, language)
    (drawn,) = laid
    assert {facts.basket.name(language), words.percent(facts.verdict.move)} <= drawn.texts
    for day, move in facts.worst:
        labels = [text for text in drawn.texts if text.startswith(words.day(day) + "  ")]
        assert any(words.percent(move, decimals) in text for text in labels for decimals in (1, 2))
    (today,) = [text for text in drawn.texts if text.startswith(words.day(facts.verdict.session) + "  ")]
    assert words.say("chart_rank", rank=words.number(facts.verdict.rank)) in today
    states = {state.word for state in facts.states if state}
    named = {name for name in ("pullback", "correction", "bear", "crash") if words.say(f"chart_{name}") in drawn.texts}
    assert named == states


def test_the_line_is_the_level_and_its_end_the_window(laid: list[Drawn]) -> None:
    facts = specimen("holes")
    render_chart(facts, "en")
    levels = np.array([np.nan if level is None else level for level in facts.levels])
    (line,) = [one for one in laid[0].lines if len(one) == len(levels)]
    assert np.array_equal(np.isnan(line[:, 1]), np.isnan(levels))
    known = ~np.isnan(levels)
    slope, _ = np.polyfit(levels[known], line[known, 1], 1)
    assert slope < 0  # pixels count downwards
    assert np.allclose(np.diff(line[known, 1]), slope * np.diff(levels[known]))
    assert any(np.array_equal(one, line[-3:]) for one in laid[0].lines)


def test_the_ring_is_explained_where_there_is_one(laid: list[Drawn]) -> None:
    for kind in ("a month", "flat", "holes"):
        render_chart(specimen(kind), "en")
    month, flat, holes = ([text for text in drawn.texts if "high" in text] for drawn in laid)
    assert month == ["○ −5.0 % from the high of 28 Jan 2015"]
    assert flat == ["at its high"]
    assert holes == ["○ 33 sessions without a reading since the high"]


def _collisions(drawn: Drawn) -> list[tuple[str, str]]:
    return [
        (one, other)
        for (one, a), (other, b) in combinations(drawn.words, 2)
        if min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1
    ]


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_meets_another_or_leaves_the_page(kind: str, language: str, laid: list[Drawn]) -> None:
    render_chart(specimen(kind), language)
    assert _collisions(laid[0]) == []
    for text, (left, bottom, right, top) in laid[0].words:
        assert (left >= 0, bottom >= 0, right <= 1080, top <= 1280) == (True,) * 4, text


@pytest.mark.parametrize("seed", range(6))
def test_nor_in_worlds_nobody_would_think_of(seed: int, laid: list[Drawn]) -> None:
    world, rulebook = any_world(seed)
    board = world.board(rulebook)
    last = board.sessions()[-1]
    for at, name in enumerate(board.series):
        facts = chart_data(board, name, (1, 2, 20)[(seed + at) % 3], last)
        if facts is not None:
            assert len(render_chart(facts, "zh")) < LIMIT
    assert laid
    assert [_collisions(drawn) for drawn in laid if _collisions(drawn)] == []


def _named(name: str) -> bytes:
    facts = specimen("a month")
    return render_chart(replace(facts, basket=replace(facts.basket, names=(("en", name),))), "en")


def test_signs_that_the_font_lacks_are_left_out() -> None:
    assert _named("\N{FLOPPY DISK} Memory\u202e\n") == _named("Memory")
    assert _named("\N{FLOPPY DISK}") == _named("memory")  # its id
    assert _named("存储") != _named("memory")


def test_a_name_may_be_long_and_is_never_a_formula(laid: list[Drawn]) -> None:
    long = r"$\frac{1}$ of everything that was ever made in a factory, and a hundred things that were not"
    _named(long)
    assert long in laid[0].texts
    assert max(right for _, (_, _, right, _) in laid[0].words) <= 1080
