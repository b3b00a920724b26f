"""The facts of a chart against the oracle, and against the data as they stood on its session."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from functools import cache

import pytest

from bot.chart.data import ChartData, chart_data
from bot.pipeline import Rulebook
from bot.statistics.market_stats import MarketStats
from tests import oracle
from tests.property.builders import numbers
from tests.property.worlds import any_world
from tests.world import World, basket, book, calm, weekdays

SEEDS = range(14)
WINDOWS = (1, 2, 20)


@cache
def told(seed: int) -> tuple[World, Rulebook, MarketStats, list[ChartData]]:
    """A world and a few dozen charts of it."""
    world, rulebook = any_world(seed)
    board = world.board(rulebook)
    rng = random.Random(seed)
    days = board.sessions()
    asked = [(name, window, day) for name in board.series for window in WINDOWS for day in rng.sample(days, 8)]
    found = [chart_data(board, *one) for one in asked]
    for (name, window, day), facts in zip(asked, found, strict=True):
        at = board.position(name, day)
        assert (facts is None) == (at is None or board.of_basket(name, window).at(at) is None)
    return world, rulebook, board, [facts for facts in found if facts is not None]


def test_there_are_charts_of_many_kinds() -> None:
    charts = [facts for seed in SEEDS for facts in told(seed)[3]]
    assert len(charts) > 400
    assert sum(None in facts.levels for facts in charts) > 20
    assert sum(len(facts.worst) < 5 for facts in charts) > 20
    assert len({state for facts in charts for state in facts.states}) == 5
    assert sum(facts.verdict.session not in {day for day, _ in facts.worst} for facts in charts) > 100


def lowest(days: list[date], moves: list[float | None], window: int) -> list[tuple[date, float]]:
    """Take the lowest move that is left, five times over, and cross out all that share a session with it."""
    left = {at: move for at, move in enumerate(moves) if move is not None}
    answer = []
    while left and len(answer) < 5:
        best = min(left, key=lambda at: (left[at], at))
        answer.append((days[best], left[best]))
        ours = set(range(best - window + 1, best + 1))
        left = {at: move for at, move in left.items() if ours.isdisjoint(range(at - window + 1, at + 1))}
    return answer


@pytest.mark.parametrize("seed", SEEDS)
def test_facts_are_what_a_plain_calculation_finds(seed: int) -> None:
    _, rulebook, board, charts = told(seed)
    lines = {name: getattr(rulebook.drawdown_thresholds, name) for name in ("pullback", "correction", "bear", "crash")}
    for facts in charts:
        series, window = board.series[facts.basket.id], facts.verdict.window
        end = facts.sessions[-1]
        days = [day for day in series.sessions.tolist() if day <= end]
        returns = numbers(series.daily_return[: len(days)])
        moves = oracle.moves(returns, window)
        assert facts.verdict.session == end
        assert facts.verdict.rank == 1 + sum(move < facts.verdict.move for move in facts.moves)
        assert facts.moves == tuple(move for move in moves if move is not None)
        assert list(facts.worst) == lowest(days, moves, window)

        first = next(at for at, one in enumerate(returns) if one is not None)
        year = [at for at, day in enumerate(days) if day >= end - timedelta(days=365)]
        begin = max(min(year[0], len(days) - 1 - window), first - 1, 0)
        assert list(facts.sessions) == days[begin:]
        down = oracle.drawdowns(returns, lines, rulebook.drawdown_thresholds.lookback)
        assert [state.word for state in facts.states] == [one["state"] if one else "none" for one in down[begin:]]

        level = 100.0
        for at, shown in zip(range(begin, len(days)), facts.levels, strict=True):
            if at > begin and returns[at] is not None:
                level *= 1 + returns[at]
            if returns[at] is None and at != first - 1:
                assert shown is None
            else:
                assert math.isclose(shown or 0.0, level, rel_tol=1e-12)


def test_a_year_is_shown() -> None:
    one = basket("duo", "AA")
    days = weekdays(800)
    board = World(days).trade("AA", calm(799)).board(book([one]))
    for end in days[-5:]:
        facts = chart_data(board, one.id, 2, end)
        assert facts is not None
        assert facts.sessions[0] == min(day for day in days if day >= end - timedelta(days=365))


@pytest.mark.parametrize("seed", SEEDS)
def test_facts_do_not_look_ahead(seed: int) -> None:
    world, rulebook, _, charts = told(seed)
    for facts in random.Random(seed).sample(charts, min(6, len(charts))):
        end = facts.verdict.session
        then = world.until(end).board(rulebook)
        assert chart_data(then, facts.basket.id, facts.verdict.window, end) == facts
