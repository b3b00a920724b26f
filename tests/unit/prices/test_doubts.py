from __future__ import annotations

import math
import statistics
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.prices.bars import Bars, CorporateAction, Symbol
from bot.prices.peers import peer_median_and_spread
from bot.prices.quality import SuspectPrice, Suspicion, exclude_suspects, find_suspects
from tests.world import World, calm, weekdays

DAYS = weekdays(30, date(2025, 3, 3))
NAMES = tuple(Symbol(name) for name in ("AA", "BB", "CC", "DD", "EE", "FF"))
LAST = len(DAYS) - 1


def bars(**last: float) -> dict[Symbol, Bars]:
    """Six calm symbols; `last` are returns of the last session by symbol."""
    world = World(days=DAYS)
    for seed, name in enumerate(NAMES):
        returns = calm(LAST, seed)
        returns[-1] = last.get(name, returns[-1])
        world.trade(name, returns)
    return world.rows


def changed(rows: dict[Symbol, Bars], symbol: str, **columns: object) -> dict[Symbol, Bars]:
    return {**rows, Symbol(symbol): replace(rows[Symbol(symbol)], **columns)}  # type: ignore[arg-type]


def found(rows: dict[Symbol, Bars], now: datetime | None = None) -> list[tuple[str, date, Suspicion]]:
    return [(one.symbol, one.session, one.kind) for one in find_suspects(rows, [NAMES], World(days=DAYS), now)]


def test_calm_prices_are_believed() -> None:
    assert found(bars()) == []


@pytest.mark.parametrize(
    ("move", "kind"),
    [
        (-0.17, None),
        (-0.25, Suspicion.FAR),
        (0.20, None),
        (0.35, Suspicion.FAR),
        (-0.5, Suspicion.SPLIT),
        (-0.9, Suspicion.SPLIT),
        (-0.902, Suspicion.SPLIT),
        (-1 / 3, Suspicion.SPLIT),
        (-0.75, Suspicion.SPLIT),
        (1.0, Suspicion.SPLIT),
        (0.5, Suspicion.SPLIT),
        (-0.45, Suspicion.FAR),
        (-0.99, Suspicion.ABSURD),
        (99.0, Suspicion.ABSURD),
        (9.0, Suspicion.ABSURD),
        (-0.96, Suspicion.SPLIT),
    ],
)
def test_a_jump_away_from_the_peers(move: float, kind: Suspicion | None) -> None:
    assert found(bars(AA=move)) == ([("AA", DAYS[-1], kind)] if kind else [])


def test_what_all_of_them_do_is_no_doubt() -> None:
    assert found(bars(**dict.fromkeys(NAMES, -0.3))) == []


def test_however_far_the_peers_scatter() -> None:
    """Where three of six truly plunge, their distances would cover any error."""
    wild = dict(zip(NAMES, (-0.42, -0.3, -0.28, 0.01, 0.02, 0.01), strict=True))
    assert found(bars(**wild)) == [("AA", DAYS[-1], Suspicion.FAR)]


def test_the_way_back_is_not_doubtful() -> None:
    rows = bars()
    close = rows[NAMES[0]].close.copy()
    close[-3] *= 0.6
    assert found(changed(rows, "AA", close=close, adjusted=close, low=close, high=close)) == [
        ("AA", DAYS[-3], Suspicion.FAR)
    ]


def test_a_move_over_a_hole_is_no_move() -> None:
    rows = bars(AA=-0.5)
    close = rows[NAMES[0]].close.copy()
    close[-2] = math.nan
    assert found(changed(rows, "AA", close=close, adjusted=close)) == []


def test_seoul_allows_thirty_per_cent() -> None:
    world = World(days=DAYS)
    for seed, (name, last) in enumerate([("AA.KS", -0.295), ("BB.KS", 0.31), ("CC.KS", 0.001), ("DD.KS", 0.001)]):
        world.trade(name, [*calm(LAST - 1, seed), last])
    kinds = {one.symbol: one.kind for one in find_suspects(world.rows, [tuple(world.rows)], world)}
    assert kinds == {"AA.KS": Suspicion.FAR, "BB.KS": Suspicion.LIMIT}


def test_adjusted_closes_that_jump_alone_are_doubtful() -> None:
    rows = bars()
    adjusted = rows[NAMES[0]].close * np.where(np.arange(len(DAYS)) < LAST, 0.5, 1.0)
    assert found(changed(rows, "AA", adjusted=adjusted)) == [("AA", DAYS[-1], Suspicion.SPLIT)]


def test_a_payment_that_the_adjusted_closes_know_of_is_no_doubt() -> None:
    rows = bars(AA=-0.25)
    close = rows[NAMES[0]].close
    adjusted = close * np.where(np.arange(len(DAYS)) < LAST, 0.75, 1.0)
    assert found(changed(rows, "AA", adjusted=adjusted)) == [("AA", DAYS[-1], Suspicion.FAR)]
    paid = CorporateAction(DAYS[-1], dividend=float(close[-2]) / 4)
    assert found(changed(rows, "AA", adjusted=adjusted, actions=(paid,))) == []


def test_a_payment_that_the_adjusted_closes_do_not_know_of_is_doubtful_though_the_move_is_not() -> None:
    rows = bars(AA=-0.15)
    close = float(rows[NAMES[0]].close[-2])
    for share, kinds in ((0.25, [Suspicion.UNDONE]), (0.1, [])):
        paid = CorporateAction(DAYS[-1], dividend=share * close)
        assert [kind for *_, kind in found(changed(rows, "AA", actions=(paid,)))] == kinds


@pytest.mark.parametrize(
    ("move", "kinds"), [(-1 / 3, [Suspicion.UNDONE]), (-0.2, [Suspicion.UNDONE]), (0.5, [Suspicion.UNDONE]), (-0.1, [])]
)
def test_a_split_that_is_told_of_and_not_taken_out_is_doubtful_wherever_the_peers_went(
    move: float, kinds: list[Suspicion]
) -> None:
    rows = bars(**dict.fromkeys(NAMES, move))
    assert [kind for *_, kind in found(changed(rows, "AA", actions=(CorporateAction(DAYS[-1], 1.5),)))] == kinds


@pytest.mark.parametrize(
    ("off", "kinds"), [(1.03, [Suspicion.OUTSIDE]), (0.97, [Suspicion.OUTSIDE]), (1.01, []), (np.nan, [])]
)
def test_a_close_at_which_the_session_never_traded(off: float, kinds: list[Suspicion]) -> None:
    rows = bars()
    high, low = (rows[NAMES[0]].close.copy() for _ in range(2))
    high[-1] *= min(1.0, 1 / off)
    low[-1] *= max(1.0, 1 / off)
    assert [kind for *_, kind in found(changed(rows, "AA", high=high, low=low))] == kinds


def test_what_is_impossible_is_so_wherever_the_session_traded() -> None:
    rows = bars(AA=99.0)
    high = rows[NAMES[0]].close * np.where(np.arange(len(DAYS)) < LAST, 1.0, 0.01)
    assert found(changed(rows, "AA", high=high, low=high)) == [("AA", DAYS[-1], Suspicion.ABSURD)]


@pytest.mark.parametrize(
    ("close", "low", "kinds"),
    [
        (0.0, -0.5, [Suspicion.LOW]),
        (0.0, -0.09, [Suspicion.LOW]),
        (0.0, -0.07, []),
        (-0.06, -0.12, []),  # it closed not far above its low
        (0.12, 0.0, []),  # it opened at its low, and rose
        (-0.4, -0.5, [Suspicion.FAR]),
    ],
)
def test_a_low_far_below_both_closes(close: float, low: float, kinds: list[Suspicion]) -> None:
    rows = bars(AA=close + 1e-4)
    lowest = rows[NAMES[0]].low.copy()
    lowest[-1] = rows[NAMES[0]].close[-2] * (1 + low)
    assert found(changed(rows, "AA", low=lowest)) == [("AA", DAYS[-1], kind) for kind in kinds]


def test_lows_of_a_day_when_everybody_was_low_are_no_doubt() -> None:
    rows = bars()
    assert (
        found({name: replace(one, low=np.append(one.low[:-1], one.low[-1] * 0.8)) for name, one in rows.items()}) == []
    )


def test_of_a_doubtful_low_nothing_else_is_missing() -> None:
    rows = bars()
    left = exclude_suspects(rows, [SuspectPrice(NAMES[0], DAYS[-1], Suspicion.LOW, "")])[NAMES[0]]
    assert np.flatnonzero(np.isnan(left.low)).tolist() == [LAST]
    assert left.close.tolist() == rows[NAMES[0]].close.tolist()


def test_a_row_that_repeats_the_one_before() -> None:
    rows = bars(AA=0.0)
    assert found(rows) == [("AA", DAYS[-1], Suspicion.FROZEN)]
    high = rows[NAMES[0]].high.copy()
    high[-1] += 0.01
    assert found(changed(rows, "AA", high=high)) == []
    assert found(bars(**dict.fromkeys(NAMES, 0.0))) == []


def test_a_past_that_was_rewritten_by_one_factor_without_a_split() -> None:
    rows = bars()
    assert found(changed(rows, "AA", rescaled=0.5)) == [("AA", DAYS[-1], Suspicion.REWRITTEN)]
    assert found(changed(rows, "AA", rescaled=0.99)) == []
    assert found(changed(rows, "AA", rescaled=0.5, actions=(CorporateAction(DAYS[-1], 2.0),))) == []


# The time of the newest price

CLOSE = datetime(DAYS[-1].year, DAYS[-1].month, DAYS[-1].day, 21, tzinfo=UTC)


def timed(*minutes: float) -> dict[Symbol, Bars]:
    """The newest prices are so many minutes older than the close."""
    times = [CLOSE - timedelta(minutes=one) for one in minutes]
    return {name: replace(one, as_of=time) for (name, one), time in zip(bars().items(), times, strict=True)}


@pytest.mark.parametrize(
    ("minutes", "now", "kinds"),
    [
        ([0] * 6, 20, []),
        ([10, 20, 29, 0, 5, 15], 20, []),
        ([40, 0, 0, 0, 0, 0], 20, [("AA", Suspicion.FROZEN)]),
        ([40] * 6, 20, [(name, Suspicion.STALE) for name in NAMES]),
        ([120] * 6, -100, []),
        ([120] * 6, -80, [(name, Suspicion.STALE) for name in NAMES]),
        ([9 * 60, 0, 0, 0, 0, 0], 20, [("AA", Suspicion.TIME)]),
        ([-60, 0, 0, 0, 0, 0], 20, [("AA", Suspicion.TIME)]),
        ([-60, 0, 0, 0, 0, 0], 60, []),
    ],
)
def test_prices_of_the_wrong_time(minutes: list[float], now: float, kinds: list[tuple[str, Suspicion]]) -> None:
    told = found(timed(*minutes), CLOSE + timedelta(minutes=now))
    assert [(symbol, kind) for symbol, _, kind in told] == kinds


# What is left


def test_a_doubtful_price_is_missing_and_nothing_else_is() -> None:
    rows = bars()
    left = exclude_suspects(rows, [SuspectPrice(NAMES[0], DAYS[-2], Suspicion.FAR, "")])
    for name in ("close", "adjusted", "high", "low"):
        values = getattr(left[NAMES[0]], name)
        assert np.flatnonzero(np.isnan(values)).tolist() == [LAST - 1]
        assert np.array_equal(np.delete(values, LAST - 1), np.delete(getattr(rows[NAMES[0]], name), LAST - 1))
    assert all(left[name] is rows[name] for name in NAMES[1:])


# Peers, against brute force

SOME = st.one_of(st.just(math.nan), st.floats(-1, 1))


@given(st.lists(st.tuples(*[SOME] * 6), min_size=1, max_size=4), st.lists(st.sets(st.sampled_from(NAMES))))
def test_the_middle_of_the_peers(rows: list[tuple[float, ...]], circles: list[set[Symbol]]) -> None:
    centre, spread = peer_median_and_spread(np.array(rows), NAMES, circles)
    for row, moves in enumerate(rows):
        for at, symbol in enumerate(NAMES):
            near = {one for circle in circles if symbol in circle for one in circle}
            groups = [[moves[NAMES.index(one)] for one in near], list(moves)]
            known = [[move for move in group if not math.isnan(move)] for group in groups]
            others = [move for place, move in enumerate(moves) if place != at and not math.isnan(move)]
            group = next((one for one in known if len(one) >= 4), others)
            middle = statistics.median(group) if group else 0.0
            width = statistics.median([abs(one - middle) for one in group]) if len(group) >= 4 else 0.0
            assert centre[row, at] == pytest.approx(middle)
            if group is not others:
                assert spread[row, at] == pytest.approx(width)
