"""How long does `tune` take, against the straightforward pandas way, as a person types it, and for twice as much?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.market import YEARS_30, baskets
from benchmarks.replay import write_baskets, write_prices
from benchmarks.timing import Line, seconds, side_by_side
from bot.alerts.conditions import CONDITIONS
from bot.alerts.rules import Level, Rule, Severity
from bot.alerts.targets import RuleTarget
from bot.baskets import BasketSeries
from bot.prices.bars import Dates
from bot.prices.table import Flags
from bot.statistics.market_stats import MarketStats
from bot.statistics.verdict import DrawdownThresholds
from bot.tuning.fit import GRIDS, times_reached
from bot.tuning.history import subject_series

CLOSE_AFTER = 5
PERCENTILE = Rule("percentile", (), (Level(Severity.WARNING, percentile=1.0),))
MOVE = Rule("move", (), (Level(Severity.WARNING, move=-0.05),))
MONTHS = Rule("months", (), (Level(Severity.NOTICE, worst_in_months=3),))
FIFTH_RULE = """
[[rules]]
name = "five-session fall"
baskets = ["*"]
window = 5
[rules.levels]
notice = { move = -7.0 }
severe = { percentile = 0.5 }
"""


def run() -> Iterator[Line]:
    yield from _against_pandas()
    yield from _typed("20 baskets x 30 years x 5 rules", 60, 20, 5, seconds_at_most=5)
    yield from _typed("500 members in each of 200 baskets x 30 years x 5 rules", 500, 200, 500, seconds_at_most=60)
    yield from _in_baskets()


def _against_pandas(count: int = 3) -> Iterator[Line]:
    """The number of episodes at every candidate of three kinds of rung, by columns and by pandas, which must agree."""
    market = baskets(count)
    ours = [partial(_by_columns, series) for series in market]
    theirs = [partial(_by_pandas, series) for series in market]
    for mine, other in zip(ours, theirs, strict=True):
        for left, right in zip(mine(), other(), strict=True):
            assert np.array_equal(left, right)
    columns, plain = side_by_side([ours, theirs], 1)
    candidates = sum(map(len, _grids()))
    what = f"episodes at {candidates} candidate rungs, {count} baskets x {YEARS_30:,} sessions"
    yield Line(f"{what}, pandas", plain * 1000, "ms")
    yield Line(f"{what}, columns", columns * 1000, "ms")
    yield Line("columns are faster than pandas", plain / columns, "x", at_least=20)


def _grids() -> tuple[np.ndarray, ...]:
    return GRIDS["percentile"], GRIDS["fraction"], GRIDS["months"]


def _by_columns(series: BasketSeries) -> list[np.ndarray]:
    board = MarketStats({series.basket.id: series}, DrawdownThresholds(), {})
    found = []
    for rule, key in ((PERCENTILE, "percentile"), (MOVE, "move"), (MONTHS, "worst_in")):
        condition = CONDITIONS[key]
        subjects = tuple(subject_series(board, RuleTarget(rule, series.basket.id), {}))
        found.append(times_reached(rule, 0, condition, subjects, CLOSE_AFTER, _every, GRIDS[condition.unit]))
    return found


def _every(sessions: Dates) -> Flags:
    return np.ones(len(sessions), dtype=np.bool_)


def _by_pandas(series: BasketSeries) -> list[np.ndarray]:
    """As one would write it: a column of moves, a walk for "as bad since", and for each candidate its episodes."""
    daily = pd.Series(series.daily_return, index=pd.DatetimeIndex(series.sessions))
    moves = ((1 + daily) * (1 + daily.shift(1)) - 1).dropna()
    share = 100 * moves.expanding(250).rank(method="max") / np.arange(1, len(moves) + 1)
    share = share.where(moves < 0)
    months = _months_since_as_bad(moves, daily.first_valid_index()).where(moves < 0)
    return [
        np.array([_episodes(share <= limit) for limit in GRIDS["percentile"]]),
        np.array([_episodes(moves <= limit) for limit in GRIDS["fraction"]]),
        np.array([_episodes(months >= -limit) for limit in GRIDS["months"]]),
    ]


def _months_since_as_bad(moves: pd.Series, first: pd.Timestamp) -> pd.Series:
    days, values = moves.index, moves.to_numpy()
    found = np.empty(len(values))
    for at, value in enumerate(values):
        as_bad = np.flatnonzero(values[:at] <= value)
        early, late = days[as_bad[-1]] if len(as_bad) else first, days[at]
        found[at] = (late.year - early.year) * 12 + late.month - early.month - (late.day < early.day)
    return pd.Series(found, index=days)


def _episodes(holds: pd.Series) -> int:
    rows = pd.Series(np.flatnonzero(holds))
    return int((rows.diff().fillna(CLOSE_AFTER + 1) > CLOSE_AFTER).sum())


def _typed(what: str, symbols: int, count: int, members: int, seconds_at_most: float) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        config, prices = Path(folder, "config"), Path(folder, "prices")
        write_prices(prices, symbols)
        shutil.copytree("config", config, ignore=shutil.ignore_patterns("demo"))
        write_baskets(config / "baskets.toml", count, symbols, members)
        rules = (config / "bot.toml").read_text(encoding="utf-8")
        for name, basket in (("equipment", "b0"), ("hyperscalers", "b1"), ("memory", "b2")):
            rules = rules.replace(f'"{name}"', f'"{basket}"')
        (config / "bot.toml").write_text(rules + FIFTH_RULE, encoding="utf-8")
        environ = dict(os.environ) | {"BOT_STORAGE__DATA_DIR": str(Path(folder, "data"))}
        command = [sys.executable, "-m", "bot", "tune", "--config", str(config), "--prices", str(prices), "--jobs"]
        warm = [sys.executable, "-m", "bot", "verdicts", "b0", "--config", str(config), "--prices", str(prices)]
        subprocess.run(warm, env=environ, capture_output=True, check=True)  # works out the calendar, once
        for jobs in (1, 2):
            before = os.times()
            taken = seconds(partial(_quietly, [*command, str(jobs)], environ))
            after = os.times()
            busy = after.children_user + after.children_system - before.children_user - before.children_system
            yield Line(f"tune of {what}, --jobs {jobs}", taken, "s")
            # Where others use the machine too, one waits; on idle cores it takes the processor time over their number.
            yield Line("  its processor time, over the jobs", busy / jobs, "s", seconds_at_most)
        peak = int(
            subprocess.run(
                [sys.executable, "-c", PEAK, *command, "1"], env=environ, capture_output=True, check=True
            ).stdout
        )
        yield Line("  resident at most, --jobs 1", peak / 1024, "MB", 500)


PEAK = """\
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, capture_output=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _quietly(command: list[str], environ: dict[str, str]) -> None:
    subprocess.run(command, env=environ, capture_output=True, check=True)


def _in_baskets() -> Iterator[Line]:
    """Linear: the time a basket stays the same."""
    counts = (25, 50, 100)
    counting = [partial(_by_columns, series) for series in baskets(max(counts))]
    times = side_by_side([counting[:count] for count in counts], 3)
    for count, taken in zip(counts, times, strict=True):
        yield Line(f"candidates of {count} baskets", taken * 1000, "ms")
    per = [taken / count for count, taken in zip(counts, times, strict=True)]
    yield Line(f"time / basket: {counts[-1]} against {counts[0]}", per[-1] / per[0], "x", at_most=1.5)
