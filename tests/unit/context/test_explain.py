"""What stands around an alert: days, members, yardstick, entries, the other side."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from bot.alerts.episodes import Alert
from bot.baskets import Member
from bot.context.build import build_context
from bot.context.model import AlertContext, MemberContribution
from bot.pipeline import Rulebook
from bot.prices.bars import Symbol
from bot.statistics.verdict import DrawdownState
from tests.world import World, basket, book, calm, contrast, falling, rule, weekdays

DAYS = weekdays(300)
LAST = DAYS[-1]
BIG_FALLS = {"notice": {"move": -0.08}}


def last_alert(world: World, rulebook: Rulebook, name: str = "fall") -> tuple[Alert, AlertContext]:
    board, found = world.alerts(rulebook)
    alert = [one for one in found if one.rule.name == name][-1]
    return alert, build_context(board, rulebook.rules, alert)


def memory(world: World, *members: str | Member, **more: Any) -> Rulebook:
    return book([basket("memory", *members, **more)], rule("fall", "memory", levels=BIG_FALLS))


def test_a_member_that_is_back_at_its_price_did_not_fall() -> None:
    """By the compounded returns it is 1e-16 below."""
    world = World(DAYS).trade("A", calm(299)).trade("B", falling(299, {-1: -0.3}))
    own = world.rows[Symbol("A")]
    close = np.append(own.close[:-3] * 2 / own.close[-4], [2.000868, 2.03862, 2.000868])
    world.rows[Symbol("A")] = replace(own, close=close, adjusted=close, high=close, low=close)
    _, context = last_alert(world, memory(world, "A", "B"))
    assert {one.symbol: one.move for one in context.members}[Symbol("A")] == pytest.approx(0, abs=1e-15)
    assert context.fell == 1


def test_the_days_of_the_window_and_the_members_by_weight() -> None:
    world = World(DAYS)
    for symbol, falls in {"A": (-0.05, -0.10), "B": (-0.01, -0.30), "C": (0.0, 0.05)}.items():
        world.trade(symbol, falling(299, {-2: falls[0], -1: falls[1]}), lows={-1: falls[1] - 0.02, -2: -0.12})
    alert, context = last_alert(world, memory(world, "A", "B", "C"))
    assert alert.session == LAST
    assert [day for day, _ in context.days] == DAYS[-2:]
    assert [move for _, move in context.days] == pytest.approx([-0.02, -0.35 / 3], abs=1e-14)
    assert [one.symbol for one in context.members] == ["B", "A", "C"]
    assert [one.move for one in context.members] == pytest.approx([0.99 * 0.7 - 1, 0.95 * 0.9 - 1, 0.05], abs=1e-14)
    assert [one.day_low for one in context.members] == pytest.approx([-0.32, -0.12, -0.12], abs=1e-14)
    parts = [one.contribution for one in context.members]
    assert parts == sorted(parts)
    assert sum(parts) == pytest.approx(context.sides[0][1], abs=1e-15)
    assert (context.listed, context.present, context.known, context.fell) == (3, 3, 3, 2)
    assert [one.plunged for one in context.members] == [True, True, True]
    assert [one.fell_far for one in context.members] == [True, True, False]


def test_plunged_is_more_than_the_line() -> None:
    lows = [-0.10, -0.1000001, None, 0.01]
    assert [MemberContribution(Symbol("M"), -0.05, -0.01, low).plunged for low in lows] == [False, True, False, False]
    assert [MemberContribution(Symbol("M"), low, -0.01, None).fell_far for low in lows] == [False, True, False, False]


def test_who_lacks_a_price_has_no_move_and_still_a_part() -> None:
    world = World(DAYS)
    for symbol in "ABCD":
        world.trade(symbol, falling(299, {-2: -0.1, -1: -0.1}))
    world.trade("E", [*falling(299, {-2: -0.1})[:-1], None])
    _, context = last_alert(world, memory(world, "A", "B", "C", "D", "E"))
    lacking = next(one for one in context.members if one.symbol == "E")
    assert lacking.move is None
    assert lacking.contribution == pytest.approx(-0.02 * 0.9, abs=1e-14)
    assert (context.listed, context.present, context.known, context.fell) == (5, 4, 4, 4)


def test_who_left_within_the_window_had_a_part_and_is_not_listed() -> None:
    world = World(DAYS)
    for symbol in "ABC":
        world.trade(symbol, falling(299, {-2: -0.1, -1: -0.1}))
    _, context = last_alert(world, memory(world, "A", "B", Member(Symbol("C"), until=DAYS[-2])))
    assert sorted(one.symbol for one in context.members) == ["A", "B", "C"]
    assert context.listed == 2
    assert sum(one.contribution for one in context.members) == pytest.approx(0.9 * 0.9 - 1, abs=1e-14)


def test_the_yardstick_is_the_latest_move_as_bad_and_the_runner_up_the_worst_since() -> None:
    returns = falling(299, {100: -0.05, 101: -0.05, 150: -0.12, 200: -0.085, 201: 0.0, -1: -0.09})
    world = World(DAYS).trade("A", returns)
    _, context = last_alert(world, memory(world, "A"))
    assert context.reference is not None
    assert context.reference.session == DAYS[152]  # the window of the fall's session and the next one
    assert context.reference.move == pytest.approx((1 - 0.12) * (1 + returns[151]) - 1, abs=1e-14)
    assert context.reference.runner_up == pytest.approx((1 - 0.085) * (1 + returns[199]) - 1, abs=1e-14)
    assert context.traded_then == 1


def test_the_yardstick_of_a_record_is_the_worst_before_it() -> None:
    returns = falling(299, {100: -0.07, 200: -0.05, -1: -0.09})
    _, context = last_alert(World(DAYS).trade("A", returns), memory(World(DAYS), "A"))
    assert context.reference is not None
    assert context.reference.move == pytest.approx(
        min((1 - 0.07) * (1 + returns[99]), (1 - 0.07) * (1 + returns[101])) - 1, abs=1e-14
    )
    assert context.reference.session in {DAYS[101], DAYS[102]}


def test_there_is_no_yardstick_without_an_earlier_move() -> None:
    world = World(DAYS).trade("A", [-0.05, -0.05])
    _, context = last_alert(world, memory(world, "A"))
    assert context.reference is None
    assert context.traded_then is None


def test_those_of_todays_members_who_belonged_then() -> None:
    world = World(DAYS)
    for symbol in "AC":
        world.trade(symbol, falling(299, {100: -0.15, -1: -0.12}))
    world.trade("B", falling(99, {-1: -0.12}), listed=200)
    gone = Member(Symbol("C"), until=DAYS[150])
    _, context = last_alert(world, memory(world, "A", "B", gone))
    assert context.reference is not None
    assert context.reference.session < DAYS[150]
    assert (context.listed, context.traded_then) == (2, 1)  # C was there then and is no member today


def test_members_that_enter_a_bear_market_on_the_very_session() -> None:
    world = World(DAYS)
    world.trade("IN", falling(299, {-1: -0.22}))
    world.trade("DEEP", falling(299, {-1: -0.40}))
    world.trade("BEFORE", falling(299, {-8: -0.25, -1: -0.05}))
    world.trade("NOT", falling(299, {-1: -0.15}))
    world.trade("GONE", falling(299, {-1: -0.22}))
    gone = Member(Symbol("GONE"), until=DAYS[-2])
    _, context = last_alert(world, memory(world, "IN", "DEEP", "BEFORE", "NOT", gone))
    assert {one.symbol: one.verdict.entered_state for one in context.entries} == {
        "IN": DrawdownState.BEAR,
        "DEEP": DrawdownState.CRASH,
    }


def test_a_lone_symbol_has_no_entries_beside_its_own() -> None:
    world = World(DAYS).trade("A", falling(299, {-1: -0.22}))
    _, context = last_alert(world, memory(world, "A"))
    assert context.entries == ()


def two_sides(rules: list[Any]) -> AlertContext:
    world = World(DAYS).trade("A", falling(299, {-1: -0.10})).trade("B", falling(299, {-1: 0.02}, seed=5))
    baskets = [basket("memory", "A"), basket("buyers", "B")]
    return last_alert(world, book(baskets, rule("fall", "memory", levels=BIG_FALLS), *rules))[1]


@pytest.mark.parametrize(("one", "other"), [("memory", "buyers"), ("buyers", "memory")])
def test_the_other_side_whichever_way_the_rule_has_it(one: str, other: str) -> None:
    found = two_sides([contrast("gap", one, other, {"warning": {"percentile": 99.5}})]).contrast
    assert found is not None
    assert found.counterpart.id == "buyers"
    assert found.counterpart_move > 0
    assert found.gap.move == pytest.approx(-0.10 - 0.02, abs=0.01)
    assert found.gap.record


def test_no_other_side_without_a_rule_that_names_one() -> None:
    assert two_sides([]).contrast is None
    assert two_sides([contrast("gap", "buyers", "elsewhere", {"warning": {"percentile": 99.5}})]).contrast is None


@pytest.mark.parametrize("upward", [True, False])
def test_a_contrast_has_two_sides_and_a_yardstick_of_its_own(upward: bool) -> None:
    fall, rise = {100: -0.10, 150: -0.06, -1: -0.09}, {100: 0.05, 150: 0.0, -1: 0.03}
    world = World(DAYS).trade("A", falling(299, fall)).trade("B", falling(299, rise, seed=5))
    baskets = [basket("memory", "A"), basket("buyers", "B")]
    pair = ("buyers", "memory") if upward else ("memory", "buyers")
    rungs = {"warning": {"percentile": 98.0 if upward else 2.0}}
    alert, context = last_alert(world, book(baskets, contrast("gap", *pair, rungs)), "gap")
    assert alert.session == LAST
    assert [side.id for side, _ in context.sides] == list(pair)
    assert context.reference is not None
    sign = 1 if upward else -1
    assert context.reference.session in DAYS[101:103]
    assert context.reference.move == pytest.approx(sign * 0.15, abs=0.01)
    assert context.reference.runner_up == pytest.approx(sign * 0.06, abs=0.01)
    assert context.members == context.days == ()


def test_a_calm_market_says_nothing() -> None:
    world = World(DAYS).trade("A", calm(299))
    assert world.alerts(memory(world, "A"))[1] == []


def test_dates_are_dates() -> None:
    world = World(DAYS).trade("A", falling(299, {100: -0.2, -1: -0.09}))
    _, context = last_alert(world, memory(world, "A"))
    assert context.reference is not None
    assert type(context.reference.session) is date
    assert all(type(day) is date for day, _ in context.days)
