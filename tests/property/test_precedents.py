"""Cases, what followed them, round figures and swings, against tests/hindsight.py."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.statistics.measure import VerdictColumns, measure_basket
from bot.statistics.precedents import (
    HORIZONS,
    ROUND_FALLS,
    ForwardPath,
    decluster,
    find_precedents,
    round_figure_falls,
    worst_moves,
)
from bot.statistics.rarity import volatility_multiple
from bot.statistics.verdict import DrawdownThresholds
from tests import hindsight
from tests.property import builders

START = date(1999, 3, 1)


def years(seed: int, count: int = 900) -> tuple[VerdictColumns, list[float | None], list[float | None]]:
    """The columns of a series of years, its returns and its moves; every second seed has big steps and ties."""
    returns = builders.wild_returns(seed, count) if seed % 2 else builders.random_returns(seed, count)
    columns = measure_basket(
        builders.series(builders.weekdays(START, count), returns), 1 + seed % 3, DrawdownThresholds()
    )
    return columns, returns, builders.numbers(columns.move)


@given(st.lists(st.sampled_from([-0.5, -0.3, -0.2, -0.1, 0.0, 0.1]), max_size=40), st.integers(1, 8), st.data())
def test_thinned(moves: list[float], sessions: int, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.booleans(), min_size=len(moves), max_size=len(moves)))
    found = decluster(np.array(moves), np.array(wanted, dtype=np.bool_), sessions)
    assert sorted(found) == hindsight.apart(moves, [at for at, one in enumerate(wanted) if one], sessions)
    assert [moves[at] for at in found] == sorted(moves[at] for at in found)
    assert decluster(np.array(moves), np.array(wanted, dtype=np.bool_), sessions, 2) == found[:2]


@pytest.mark.parametrize("seed", range(10))
def test_comparable_episodes_and_what_followed(seed: int) -> None:
    columns, returns, moves = years(seed)
    path = ForwardPath.of(columns.daily_return)
    for t in range(0, len(moves), 7):
        found = find_precedents(columns, path, t)
        if moves[t] is None or moves[t] >= 0:
            assert found is None
            continue
        assert found is not None
        expected = hindsight.comparable(moves, t)
        assert found.sessions == tuple(columns.day(s) for s in expected)
        assert found.moves == tuple(moves[s] for s in expected)
        assert found.alone == (not any(one is not None and one <= 0.8 * moves[t] for one in moves[:t]))
        for aftermath, horizon in zip(found.aftermath, HORIZONS, strict=True):
            later = [hindsight.afterwards(returns, s, horizon, t) for s in expected]
            known = sorted(one for one in later if one is not None)
            assert aftermath.returns == pytest.approx(known, abs=1e-9)
            assert aftermath.known == len(known)
            assert aftermath.higher == sum(one > 1e-9 for one in known)


@pytest.mark.parametrize("seed", range(10))
def test_the_nth_time_beyond_a_round_figure(seed: int) -> None:
    columns, _, moves = years(seed)
    for t in range(0, len(moves), 7):
        beyond = [limit for limit in ROUND_FALLS if moves[t] is not None and moves[t] < -limit]
        found = round_figure_falls(columns, t, 4)
        others = hindsight.others_beyond(moves, t, beyond[-1]) if beyond else []
        same = beyond and any(one is not None and one < -beyond[-1] for one in moves[max(t - 19, 0) : t])
        if not beyond or len(others) > 4 or same:
            assert found is None
            continue
        assert found is not None
        assert found.limit == beyond[-1]
        assert [one.session for one in found.earlier] == [columns.day(s) for s in others]
        assert found.time == len(others) + 1


@pytest.mark.parametrize("seed", range(10))
def test_the_worst_moves_do_not_overlap(seed: int) -> None:
    columns, _, moves = years(seed, 300)
    for t in range(0, 300, 29):
        there = [s for s in range(t + 1) if moves[s] is not None]
        expected = sorted(hindsight.apart(moves, there, columns.window), key=lambda s: (moves[s], s))[:5]
        assert [one.session for one in worst_moves(columns, t, 5)] == [columns.day(s) for s in expected]


@pytest.mark.parametrize("seed", range(10))
def test_a_move_in_multiples_of_the_usual_swing(seed: int) -> None:
    columns, returns, moves = years(seed)
    for t in range(0, len(moves), 7):
        if moves[t] is not None:
            found = volatility_multiple(columns.daily_return, moves[t], t, columns.window)
            expected = hindsight.swing(returns, moves[t], t, columns.window)
            assert found == (None if expected is None else pytest.approx(expected, rel=1e-9))


def test_no_swing_where_nothing_moved() -> None:
    still = np.zeros(300)
    assert volatility_multiple(still, -0.1, 299, 2) is None


@pytest.mark.parametrize("seed", range(4))
def test_what_came_later_changes_nothing(seed: int) -> None:
    returns = builders.random_returns(seed, 700)
    whole = builders.series(builders.weekdays(START, 700), returns)
    columns, path = measure_basket(whole, 2, DrawdownThresholds()), ForwardPath.of(whole.daily_return)
    for t in range(100, 700, 37):
        early = builders.cut(whole, t + 1)
        cut = measure_basket(early, 2, DrawdownThresholds())
        assert find_precedents(columns, path, t) == find_precedents(cut, ForwardPath.of(early.daily_return), t)
        assert round_figure_falls(columns, t, 5) == round_figure_falls(cut, t, 5)
        assert worst_moves(columns, t, 5) == worst_moves(cut, t, 5)
