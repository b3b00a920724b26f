"""What does a chart cost: time, bytes, and memory for the first one of a process?"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from statistics import median

from benchmarks.market import YEARS_30, baskets
from benchmarks.timing import Line
from bot.chart.data import ChartData, chart_data
from bot.chart.draw import render_chart
from bot.languages import languages
from tests.world import World, basket, book, weekdays

REPEATS = 21
FIRST = """
from pathlib import Path
from benchmarks.chart import facts
from bot.chart.draw import render_chart

def resident():
    return int(Path("/proc/self/status").read_text(encoding="utf-8").split("VmRSS:")[1].split()[0]) / 1024

made = facts()
before = resident()
render_chart(made, "zh")
print(resident() - before)
"""


def run() -> Iterator[Line]:
    made = facts()
    what = f"one basket x {YEARS_30:,} sessions"
    for language in languages():
        size = len(render_chart(made, language))
        yield Line(
            f"chart ({language}), {what}, processor time, median", _typical(made, language) * 1000, "ms", at_most=300
        )
        yield Line(f"chart ({language}), {what}", size / 1000, "kB", at_most=200)
    grown = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True).stdout
    yield Line("memory that the first chart of a process takes, with matplotlib", float(grown), "MB")


def facts() -> ChartData:
    """A made-up basket on its last session, after a fall of two."""
    returns = baskets(1)[0].daily_return[1:].tolist()
    returns[-2:] = -0.06, -0.05
    one = basket("made up", "AA", zh="虚构板块")
    board = World(weekdays(YEARS_30, date(1996, 1, 2))).trade("AA", returns).board(book([one]))
    found = chart_data(board, one.id, 2, board.sessions()[-1])
    assert found is not None
    return found


def _typical(made: ChartData, language: str) -> float:
    """Seconds of processor time: the drawing itself, whoever else is at work."""
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        render_chart(made, language)
        times.append(time.process_time() - begin)
    return median(times)
