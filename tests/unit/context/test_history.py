"""What a basket's past, its states and its counterpart add to an alert, and when they are left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bot.alerts.episodes import Alert, Phase
from bot.alerts.rules import Severity
from bot.context.build import build_context
from bot.context.model import AlertContext
from bot.messages.alert_text import MAX_ALERT_LENGTH, render_alert, trim_to_budget
from bot.messages.message import Message
from bot.pipeline import Rulebook
from bot.statistics.market_stats import MarketStats
from bot.statistics.verdict import DrawdownState
from tests.world import World, basket, book, falling, rule, weekdays

COUNT = 1300
DAYS = weekdays(COUNT)
# Two falls years ago, and one today.
FALLS = {300: -0.13, 700: -0.12, -1: -0.11}


def last(world: World, rulebook: Rulebook, name: str = "fall") -> tuple[MarketStats, Alert, AlertContext]:
    board, found = world.alerts(rulebook)
    alert = [one for one in found if one.rule.name == name][-1]
    assert alert.session == DAYS[-1]
    return board, alert, build_context(board, rulebook.rules, alert)


def falls(severity: str = "severe") -> Any:
    return rule("fall", "memory", levels={severity: {"move": -0.10}})


def lone(severity: str = "severe", **more: Any) -> AlertContext:
    world = World(DAYS).trade("MU", falling(COUNT - 1, FALLS))
    return last(world, book([basket("memory", "MU", **more)], falls(severity)))[2]


@pytest.mark.parametrize(("severity", "followed"), [("notice", False), ("warning", True), ("severe", True)])
def test_what_followed_is_told_by_warnings_and_louder(severity: str, followed: bool) -> None:
    history = lone(severity).history
    assert (history.precedents is not None) is followed
    assert history.round_figure is not None
    assert history.volatility_multiple is not None


def test_a_gain_has_no_past_to_tell() -> None:
    world = World(DAYS).trade("MU", falling(COUNT - 1, {-5: -0.25, -2: 0.03, -1: 0.02}))
    made = book([basket("memory", "MU")], rule("fall", "memory", levels={"severe": {"state": DrawdownState.BEAR}}))
    board, found = world.alerts(made)
    (decision,) = found[-1].decisions
    seen = replace(decision.evidence, verdict=board.of_basket(decision.subject.basket, 2).at(COUNT - 1))
    gain = replace(found[-1], session=DAYS[-1], decisions=(replace(decision, evidence=seen),))
    history = build_context(board, made.rules, gain).history
    assert (history.precedents, history.round_figure, history.volatility_multiple, history.period) == (
        None,
        None,
        None,
        None,
    )
    assert history.next_state is not None


@pytest.mark.parametrize(
    ("prices", "members", "told"),
    [("split-adjusted", ("MU",), True), ("adjusted", ("MU",), False), ("split-adjusted", ("MU", "WDC"), False)],
)
def test_the_level_of_a_line_is_a_price_only_for_one_symbol_without_dividends(
    prices: str, members: tuple[str, ...], told: bool
) -> None:
    world = World(DAYS)
    for seed, symbol in enumerate(members):
        world.trade(symbol, falling(COUNT - 1, {-1: -0.07}, seed))
    asked = rule("fall", "memory", levels={"severe": {"move": -0.06}})
    made = book([basket("memory", *members, prices=prices)], asked)
    board, alert, context = last(world, made)
    assert context.history.next_state is not None
    assert (context.history.close is not None) is told
    text = render_alert(alert, context, (), "en").plain
    assert (" a close at or below " in text) is told
    assert ("; another −" in text) is not told
    if told:
        close = board.close(board.series[alert.subject.basket].basket.calendar, "MU", COUNT - 1)
        assert context.history.close == close


def test_a_state_says_when_it_was_last_entered_and_how_long_after_the_peak() -> None:
    world = World(DAYS).trade("MU", falling(COUNT - 1, {300: -0.25, 301: 0.5, -3: -0.05, -1: -0.18}))
    _, _, context = last(world, book([basket("memory", "MU")], falls()))
    assert context.entered is not None
    assert context.entered.verdict.entered_state is DrawdownState.BEAR
    assert context.entered.before == DAYS[301]
    peak = context.entered.verdict.peak_session
    assert context.entered.after_peak == COUNT - 1 - DAYS.index(peak)


def lows(known: bool, moved: bool = True) -> AlertContext:
    """Two members; the low of one on the last session but one is known or not, and it moved then or not."""
    world = World(DAYS)
    world.trade("MU", falling(COUNT - 1, {-1: -0.14}))
    world.trade("WDC", falling(COUNT - 1, {-2: -0.03 if moved else 0.0, -1: -0.14}, 2))
    low = world.rows["WDC"].low.copy()
    if not known:
        low[-2] = np.nan
    world.rows["WDC"] = replace(world.rows["WDC"], low=low)
    return last(world, book([basket("memory", "MU", "WDC")], falls()))[2]


@pytest.mark.parametrize(("known", "moved", "gap"), [(True, True, False), (False, True, True), (False, False, False)])
def test_a_low_that_is_not_known(known: bool, moved: bool, gap: bool) -> None:
    """A price that did not move may be that of a shut exchange, on which there was no low."""
    assert {one.symbol: one.low_gap for one in lows(known, moved).members} == {"MU": False, "WDC": gap}


@pytest.mark.parametrize(
    ("roles", "other"),
    [
        (("receiver", "payer", ""), "buyers"),
        (("payer", "", "receiver"), "third"),
        (("receiver", "receiver", ""), None),
        (("market", "payer", "receiver"), None),
    ],
)
def test_the_first_basket_of_the_other_role_stands_against_it(roles: tuple[str, str, str], other: str | None) -> None:
    world = World(DAYS)
    for seed, symbol in enumerate("ABC"):
        world.trade(symbol, falling(COUNT - 1, {-1: -0.12} if symbol == "A" else {}, seed))
    names = ("memory", "buyers", "third")
    baskets = [basket(name, symbol, role=role) for name, symbol, role in zip(names, "ABC", roles, strict=True)]
    _, alert, context = last(world, book(baskets, falls()))
    assert (context.contrast.counterpart.id if context.contrast else None) == other
    assert ("Against it" in render_alert(alert, context, (), "en").plain) is (other is not None)


def test_before_the_close_nothing_is_closed_and_no_state_is_entered() -> None:
    world = World(DAYS)
    for seed, symbol in enumerate(("MU", "WDC")):
        world.trade(symbol, falling(COUNT - 1, {300: -0.3, 301: 0.5, -1: -0.22}, seed))
    made = book([basket("memory", "MU", "WDC")], falls())
    board, alert, _ = last(world, made)
    early = replace(alert, phase=Phase.PROVISIONAL)
    text = render_alert(
        early, build_context(board, made.rules, early, datetime(2020, 3, 9, 18, 5, tzinfo=UTC)), (), "en"
    ).plain
    assert text.startswith("🔴 Memory is down 2")
    assert "as of 18:05 UTC" in text
    assert "not final: prices of 18:05 UTC" in text
    assert "Both members are down, 2 by over 10 % so far" in text
    for word in ("closed", "entered", " fell", "at the close"):
        assert word not in text


def test_the_lightest_lines_go_first_whole_and_the_last_one_stays() -> None:
    lines = ["head", *(str(at) * 200 for at in range(6)), "foot"]
    kept = fitted(*lines)
    assert kept == ("head", *lines[1:5], "foot")
    assert len("\n".join(kept)) <= MAX_ALERT_LENGTH < len("\n".join([*kept, lines[5]]))
    assert fitted("x" * 2000, "foot") == ("x" * 399 + "…", "foot")
    assert fitted(*["🔴" * 190] * 3, "foot") == (*["🔴" * 190] * 2, "foot")


def fitted(*lines: str) -> tuple[str, ...]:
    return trim_to_budget(Message("en", lines)).lines


def test_severe_alerts_alone_tell_how_often() -> None:
    rng = np.random.default_rng(4)
    returns = (0.008 * rng.standard_t(3, COUNT * 3 - 1)).clip(-0.3, 0.3).tolist()
    returns[-1] = -0.075
    days = weekdays(COUNT * 3)
    told = {}
    for severity in Severity:
        made = book([basket("memory", "MU")], rule("fall", "memory", levels={severity.word: {"move": -0.06}}))
        board, found = World(days).trade("MU", returns).alerts(made)
        assert found[-1].session == days[-1]
        told[severity] = build_context(board, made.rules, found[-1]).history.period is not None
    assert told == {one: one >= Severity.SEVERE for one in Severity}
