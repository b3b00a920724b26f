"""What does twice as much cost?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import log2

from benchmarks.market import baskets
from benchmarks.timing import Line, side_by_side
from bot.statistics.measure import measure_basket
from bot.statistics.verdict import DrawdownThresholds

LINES = DrawdownThresholds()
SESSIONS = (3_780, 7_560, 15_120, 30_240, 60_480)
BASKETS = (50, 100, 200, 400)
SLACK = 1.5  # caches and a busy machine


def run() -> Iterator[Line]:
    yield from _in_sessions()
    yield from _in_baskets()


def _in_sessions() -> Iterator[Line]:
    """n log n: the time per session and per log2(sessions) stays the same."""
    few = 4
    markets = [baskets(few, sessions) for sessions in SESSIONS]
    lengths = [[partial(measure_basket, series, 2, LINES) for series in market] for market in markets]
    times = [total / few for total in side_by_side(lengths, 7)]
    for sessions, taken in zip(SESSIONS, times, strict=True):
        yield Line(f"one basket of {sessions:,} sessions", taken * 1000, "ms")
    per = [taken / (sessions * log2(sessions)) for sessions, taken in zip(SESSIONS, times, strict=True)]
    what = f"time / (n log n): {SESSIONS[-1]:,} sessions against {SESSIONS[0]:,}"
    yield Line(what, per[-1] / per[0], "x", at_most=SLACK)


def _in_baskets() -> Iterator[Line]:
    """Linear: the time per basket stays the same."""
    judge = [partial(measure_basket, series, 2, LINES) for series in baskets(max(BASKETS), SESSIONS[0])]
    times = side_by_side([judge[:count] for count in BASKETS], 5)
    for count, taken in zip(BASKETS, times, strict=True):
        yield Line(f"{count} baskets of {SESSIONS[0]:,} sessions", taken * 1000, "ms")
    per = [taken / count for count, taken in zip(BASKETS, times, strict=True)]
    yield Line(f"time / basket: {BASKETS[-1]} against {BASKETS[0]}", per[-1] / per[0], "x", at_most=SLACK)
