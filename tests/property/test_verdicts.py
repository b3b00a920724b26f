"""Every column against the oracle, and what must hold whatever the data."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.baskets import value_basket
from bot.context.build import contributions
from bot.statistics.measure import VerdictColumns, measure_basket, measure_spread
from bot.statistics.verdict import DrawdownThresholds
from tests import oracle
from tests.property import builders

ALL = DrawdownThresholds()
windows = st.integers(1, 4)


def by_name(chosen: DrawdownThresholds) -> dict[str, float]:
    return {name: getattr(chosen, name) for name in ("pullback", "correction", "bear", "crash")}


def rows(found: VerdictColumns) -> dict[int, dict[str, object]]:
    return {at: builders.row(verdict) for at, verdict in enumerate(found.rows()) if verdict is not None}


def compare(days: list[date], returns: list[float | None], window: int, chosen: DrawdownThresholds) -> None:
    found = rows(measure_basket(builders.series(days, returns), window, chosen))
    coverage: list[float | None] = [1.0] * len(days)
    expected = oracle.verdicts(days, returns, coverage, window, lines=by_name(chosen), lookback=chosen.lookback)
    assert found == expected


@given(builders.stretches(), windows, builders.lines())
def test_every_column_of_any_series(
    stretch: tuple[list[date], list[float | None]], window: int, chosen: DrawdownThresholds
) -> None:
    compare(*stretch, window, chosen)


@pytest.mark.parametrize("seed", range(12))
def test_every_column_of_years(seed: int) -> None:
    """Long enough for percentiles and for anniversaries."""
    returns = builders.random_returns(seed, 1300)
    lead = [0, 0, 400][seed % 3]
    days = builders.weekdays(date(2003, 11, 3), lead + len(returns))
    compare(days, [None] * lead + returns, 1 + seed % 3, DrawdownThresholds(lookback=[None, 252][seed % 2]))


@pytest.mark.parametrize(
    "lines",
    [ALL, DrawdownThresholds(-0.02, -0.05, -0.1, -0.2), DrawdownThresholds(-0.1, -0.2, -0.25, -0.5, lookback=60)],
)
@pytest.mark.parametrize("seed", range(6))
def test_every_state_of_a_wild_series(seed: int, lines: DrawdownThresholds) -> None:
    returns = builders.wild_returns(seed, 800)
    compare(builders.weekdays(date(2003, 11, 3), len(returns)), returns, 1, lines)


@given(st.integers(0, 10**9), windows)
@settings(max_examples=60)
def test_from_prices_to_the_last_column(seed: int, window: int) -> None:
    case = builders.case(seed)
    table = case.table()
    home = case.home(table)
    found = value_basket(table, case.basket)
    expected = oracle.basket(home, case.members, case.basket.min_coverage)
    assert builders.numbers(found.daily_return) == expected.returns
    assert builders.numbers(found.coverage) == expected.coverage
    assert found.shares().tolist() == expected.shares
    for at, move in enumerate(oracle.moves(expected.returns, window)):
        if move is not None:
            parts = contributions(found, at, window)
            assert parts == pytest.approx(oracle.contributions(expected, at, window), abs=1e-12)
            assert sum(parts) == pytest.approx(move, abs=1e-12)
    assert rows(measure_basket(found, window, ALL)) == oracle.verdicts(
        home.sessions, expected.returns, expected.coverage, window
    )


@given(st.integers(0, 10**9), windows, st.integers(0, 10**9), builders.lookbacks)
@settings(max_examples=60)
def test_what_comes_later_changes_nothing(seed: int, window: int, place: int, lookback: int | None) -> None:
    """The prices are cut after some session: every figure up to there stays the same to the last bit."""
    case = builders.case(seed)
    whole = case.table()
    end = 1 + place % len(whole.sessions)
    part = case.table(until=whole.sessions[end - 1].item())
    chosen = DrawdownThresholds(lookback=lookback)
    late = rows(measure_basket(value_basket(whole, case.basket), window, chosen))
    early = rows(measure_basket(value_basket(part, case.basket), window, chosen))
    assert early == {at: row for at, row in late.items() if at < len(part.sessions)}


@pytest.mark.parametrize("seed", range(4))
def test_what_comes_later_changes_nothing_in_years(seed: int) -> None:
    returns = builders.random_returns(seed, 1500)
    whole = builders.series(builders.weekdays(date(2015, 1, 2), len(returns)), returns)
    late = rows(measure_basket(whole, 2, ALL))
    for end in (1, 2, 255, 256, 777, 1024, 1499):
        early = rows(measure_basket(builders.cut(whole, end), 2, ALL))
        assert early == {at: row for at, row in late.items() if at < end}


@given(builders.stretches(), windows)
def test_what_always_holds(stretch: tuple[list[date], list[float | None]], window: int) -> None:
    found = measure_basket(builders.series(*stretch), window, ALL)
    before = 0
    for verdict in found.rows():
        if verdict is None:
            continue
        assert verdict.sample == before + 1
        assert 1 <= verdict.rank <= verdict.sample
        assert verdict.record == (verdict.worst_since is None) == (verdict.sessions_since_worst is None)
        assert not verdict.record or verdict.rank == 1
        assert verdict.worst_in_years is None or verdict.worst_in_years >= 1
        assert verdict.drawdown <= 0
        assert verdict.since <= verdict.session
        assert verdict.entered_state <= verdict.state
        before = verdict.sample


@pytest.mark.parametrize("seed", range(4))
def test_percentile_and_rank_agree(seed: int) -> None:
    """Rank counts what is lower, the percentile what is at or below: between them are the ties."""
    found = measure_basket(builders.series(*_years(seed)), 2, ALL)
    known = ~np.isnan(found.percentile)
    assert known.sum() == max(0, found.defined.sum() - 249)
    share = found.percentile[known] / 100 * found.sample[known]
    assert (share >= found.rank[known] - 1e-9).all()
    assert (found.percentile[known] <= 100).all()


def _years(seed: int) -> tuple[list[date], list[float | None]]:
    returns = builders.random_returns(seed, 900)
    return builders.weekdays(date(2010, 1, 4), len(returns)), returns


@given(builders.stretches(), st.integers(0, 10**9), windows)
def test_a_spread_is_the_difference_of_the_moves_on_common_sessions(
    one: tuple[list[date], list[float | None]], seed: int, window: int
) -> None:
    rng = random.Random(seed)
    shared = [day for day in one[0] if rng.random() < 0.9] or one[0]
    other = shared, [None if rng.random() < 0.1 else rng.choice(builders.STEPS) for _ in shared]
    first, second = dict(zip(*one, strict=True)), dict(zip(*other, strict=True))
    moves = [dict(zip(days, oracle.moves(returns, window), strict=True)) for days, returns in (one, other)]
    common = sorted(set(first) & set(second))
    daily = [_minus(first[day], second[day]) for day in common]
    found = measure_spread(builders.series(*one, 0.9), builders.series(*other), window, ALL)
    assert rows(found) == oracle.verdicts(
        common,
        daily,
        [0.9] * len(common),
        window,
        move=[_minus(moves[0][day], moves[1][day]) for day in common],
        fallen=[None if one is None else 0.0 for one in daily],
    )


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


@pytest.mark.parametrize("seed", range(3))
def test_scaling_all_moves_changes_no_rank(seed: int) -> None:
    days, returns = _years(seed)
    halved = [None if one is None else one / 2 for one in returns]
    left, right = (measure_basket(builders.series(days, some), 1, ALL) for some in (returns, halved))
    assert left.rank.tolist() == right.rank.tolist()
    assert left.worst_at.tolist() == right.worst_at.tolist()
    assert math.isclose(np.nansum(left.percentile), np.nansum(right.percentile))


def test_a_worse_day_is_always_the_record() -> None:
    days, returns = _years(1)
    found = measure_basket(builders.series([*days, days[-1] + timedelta(days=1)], [*returns, -0.95]), 1, ALL)
    last = found.at(len(days))
    assert last is not None
    assert last.record
    assert (last.rank, last.worst_since) == (1, None)
