"""Does every column together cost less than pandas takes for one of them?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.market import BASKETS, YEARS_30, baskets
from benchmarks.timing import Line, side_by_side
from bot.baskets import BasketSeries
from bot.statistics.measure import measure_basket, window_moves
from bot.statistics.verdict import DrawdownThresholds

LINES = DrawdownThresholds()
REPEATS = 7


def run() -> Iterator[Line]:
    market = baskets()
    moves = [window_moves(series.daily_return, 2)[2:] for series in market]
    _agree(market[0], moves[0])
    all_columns = [partial(measure_basket, series, 2, LINES) for series in market]
    ours, theirs = side_by_side([all_columns, [partial(_pandas_rank, column) for column in moves]], REPEATS)
    size = f"{BASKETS} baskets x {YEARS_30:,} sessions"
    yield Line(f"pandas expanding().rank() alone, {size}", theirs * 1000, "ms")
    yield Line(f"all columns of measure(), {size}", ours * 1000, "ms")
    yield Line("all columns of measure() / pandas' rank alone", ours / theirs, "x", at_most=1.0)


def _pandas_rank(moves: np.ndarray) -> np.ndarray:
    return pd.Series(moves).expanding().rank(method="max").to_numpy()


def _agree(series: BasketSeries, moves: np.ndarray) -> None:
    columns = measure_basket(series, 2, LINES)
    shares = 100 * _pandas_rank(moves) / np.arange(1, len(moves) + 1)
    assert np.array_equal(columns.percentile[251:], shares[249:])
