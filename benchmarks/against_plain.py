"""How much faster than looking through the past anew on every session?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.market import BASKETS, YEARS_30, baskets
from benchmarks.timing import Line, side_by_side
from bot.statistics.measure import measure_basket, window_moves
from bot.statistics.verdict import DrawdownThresholds

LINES = DrawdownThresholds()
SERIES = 3
REPEATS = 5
EVERY = 20  # of the sessions the plain way is taken on: one in EVERY, evenly over the years


def run() -> Iterator[Line]:
    market = baskets(SERIES)
    moves = [window_moves(series.daily_return, 2)[2:] for series in market]
    chosen = range(0, len(moves[0]), EVERY)
    columns = measure_basket(market[0], 2, LINES)
    answers = [(columns.rank[at + 2], max(columns.worst_at[at + 2] - 2, -1)) for at in chosen]
    assert _plainly(moves[0], chosen) == answers
    all_columns = [partial(measure_basket, series, 2, LINES) for series in market]
    ours, sampled = side_by_side([all_columns, [partial(_plainly, column, chosen) for column in moves]], REPEATS)
    theirs = sampled * EVERY
    whole = BASKETS / SERIES
    size = f"{BASKETS} x {YEARS_30:,}"
    yield Line(f"sort and scan each session's past, {size} (from {SERIES}, 1 in {EVERY})", theirs * whole, "s")
    yield Line("the plain way / all columns of measure()", theirs / ours, "x", at_least=20)


def _plainly(moves: np.ndarray, sessions: range) -> list[tuple[int, int]]:
    """Rank and worst-since of some sessions, each from its own past."""
    answers = []
    for at in sessions:
        past = moves[:at]
        rank = 1 + int(np.sort(past).searchsorted(moves[at]))
        as_low = np.flatnonzero(past <= moves[at])
        answers.append((rank, int(as_low[-1]) if len(as_low) else -1))
    return answers
