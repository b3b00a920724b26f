"""How long does one poll take, from new prices of all symbols to a verdict on every basket?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.market import BASKETS, YEARS_30, baskets
from benchmarks.timing import Line, fastest
from bot.statistics.measure import measure_basket
from bot.statistics.next_session import SettledHistory
from bot.statistics.verdict import DrawdownThresholds, Verdict

LINES = DrawdownThresholds()
SYMBOLS = 2000
MEMBERS = 30


def run() -> Iterator[Line]:
    market = baskets()
    columns = [measure_basket(series, 2, LINES) for series in market]
    before = YEARS_30 - 2
    pasts = [SettledHistory.of(one, before, LINES) for one in columns]
    for past, one in zip(pasts, columns, strict=True):
        assert past.next(one.day(before + 1), float(one.daily_return[-1]), 1.0) == one.at(before + 1)
    rng = np.random.default_rng(2)
    weights = np.zeros((BASKETS, SYMBOLS))
    for row in weights:
        row[rng.choice(SYMBOLS, MEMBERS, replace=False)] = 1.0
    closes = rng.uniform(10, 500, SYMBOLS)
    prices = closes * (1 + 0.03 * rng.standard_normal(SYMBOLS))
    prices[::50] = np.nan
    session = columns[0].day(before + 1)

    def poll() -> list[Verdict | None]:
        returns = prices / closes - 1
        here = ~np.isnan(returns)
        present = weights @ here
        daily = weights @ np.where(here, returns, 0.0) / present
        coverage = present / MEMBERS
        return [
            past.next(session, one, share)
            for past, one, share in zip(pasts, daily.tolist(), coverage.tolist(), strict=True)
        ]

    assert all(verdict is not None for verdict in poll())
    what = f"prices of {SYMBOLS:,} symbols to the verdicts of {BASKETS} baskets"
    yield Line(what, fastest(poll, 60) * 1000, "ms", at_most=5)
    settle = partial(SettledHistory.of, columns[0], before, LINES)
    yield Line("one basket's past settled, once a session", fastest(settle, 30) * 1000, "ms")
