"""What becomes of an alert of a session under way when the configuration is another before its close?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.alerts.rules import Rule
from bot.baskets import Basket, BasketId
from bot.delivery.model import SendMode
from bot.engine.schedule import EvaluationTiming
from bot.prices.bars import Bars, Symbol
from tests.unit.engine.small_world import DAYS, RUNGS, TECH, WARNED
from tests.unit.engine.tape import Stage
from tests.unit.engine.test_live import BEFORE, DAY, first_lines, noon, told
from tests.world import basket, contrast, rule

TECHS = basket("tech", *TECH)
OIL = basket("oil", "XX", "YY")
FALL = rule("fall", "tech", "oil", levels=RUNGS)
GAP = contrast("gap", "tech", "oil", {"warning": {"move": -0.06}})
PLUNGE = rule("plunge", "tech", levels=RUNGS, members=True)


def configure(stage: Stage, baskets: list[Basket], *rules: Rule, **more: Any) -> None:
    book = replace(stage.book, baskets=tuple(baskets), rules=rules)
    stage.engine.config = replace(stage.engine.config, rulebook=book, **more)


async def evening(stage: Stage, change: Callable[[Stage], None], *rules: Rule) -> None:
    """The fall is told at noon; then the configuration is changed, and a restart comes in between."""
    stage.restart(timing=EvaluationTiming())
    configure(stage, [TECHS, OIL], *rules, charts=True)
    await stage.after(BEFORE)
    stage.journal.events.clear()
    await noon(stage, looks=2)
    change(stage)
    await noon(stage, looks=2, start=timedelta(hours=-2))
    await stage.after(DAY)
    await stage.after(DAYS[WARNED + 1])


def without_basket(stage: Stage) -> None:
    configure(stage, [OIL], rule("fall", "oil", levels=RUNGS))


def without_rule(stage: Stage) -> None:
    configure(stage, [TECHS, OIL], rule("fall", "oil", levels=RUNGS))


@pytest.mark.parametrize("change", [without_basket, without_rule])
async def test_what_is_asked_about_no_more_is_taken_back_once(stage: Stage, change: Callable[[Stage], None]) -> None:
    await evening(stage, change, FALL)
    first, edit, reply = told(stage)
    assert [(one.mode, one.original, one.is_withdrawal) for one in (edit, reply)] == [
        (SendMode.EDIT, first.key, True),
        (SendMode.REPLY, first.key, True),
    ]
    assert set(first_lines([edit, reply])) == {"⚪ Withdrawn: tech is no longer watched for this"}
    assert [one.provisional for one in stage.journal.known.values() if one.provisional is not None] == []


async def test_a_rule_by_another_name_is_another_rule(stage: Stage) -> None:
    await evening(stage, lambda stage: configure(stage, [TECHS, OIL], replace(FALL, name="drop")), FALL)
    assert [(one.key.partition("/")[0], one.mode, one.is_withdrawal) for one in told(stage)] == [
        ("fall", SendMode.SEND, False),
        ("fall", SendMode.EDIT, True),
        ("fall", SendMode.REPLY, True),
        ("drop", SendMode.SEND, False),
        ("drop", SendMode.EDIT, False),
    ]


async def test_what_was_told_long_ago_is_left_as_it_is(stage: Stage) -> None:
    stage.restart(timing=EvaluationTiming())
    configure(stage, [TECHS, OIL], FALL)
    await stage.after(BEFORE)
    stage.journal.events.clear()
    await noon(stage, looks=2)
    without_rule(stage)
    await stage.after(DAYS[WARNED + 3])
    assert len(told(stage)) == 1


@pytest.mark.parametrize("rungs", [{"notice": {"move": -0.09}}, {"notice": {"move": -0.03}, "severe": {"move": -0.05}}])
async def test_another_threshold_speaks_of_it_in_its_place(stage: Stage, rungs: dict[str, Any]) -> None:
    await evening(stage, lambda stage: configure(stage, [TECHS, OIL], rule("fall", "tech", "oil", levels=rungs)), FALL)
    first, *later = told(stage)
    assert [one for one in later if one.mode is SendMode.SEND] == []
    assert first.key in {one.original for one in later}
    assert later[-1].is_withdrawal is ("severe" not in rungs)


@pytest.mark.parametrize("members", [(*TECH, "XX"), TECH[:-1]], ids=["more", "fewer"])
async def test_other_members_are_told_in_its_place(stage: Stage, members: tuple[str, ...]) -> None:
    await evening(stage, lambda stage: configure(stage, [basket("tech", *members), OIL], FALL), FALL)
    first, last = told(stage)
    assert (last.mode, last.original, last.is_withdrawal) == (SendMode.EDIT, first.key, False)


async def test_a_member_that_was_told_of_and_is_gone_is_taken_back(stage: Stage) -> None:
    """The others were told of in the same message."""
    await evening(stage, lambda stage: configure(stage, [basket("tech", "XX", "YY"), OIL], PLUNGE), PLUNGE)
    first, edit, _ = told(stage)
    assert (edit.original, edit.is_withdrawal) == (first.key, True)
    assert "AA: no reading at the close of 3 Jul 2025" in edit.messages[0].lines


async def test_a_contrast_with_another_basket_takes_the_old_one_back(stage: Stage) -> None:
    other = contrast("gap", "tech", "gas", {"warning": {"move": -0.5}})
    gas = basket("gas", "XX")
    await evening(stage, lambda stage: configure(stage, [TECHS, gas], other), GAP)
    events = list(stage.journal.events.values())
    assert [(one.mode, one.is_withdrawal) for one in events] == [
        (SendMode.SEND, False),
        (SendMode.EDIT, True),
        (SendMode.REPLY, True),
    ]


async def test_a_look_that_is_under_way_is_by_one_configuration(stage: Stage) -> None:
    """It is read anew while prices are fetched; the next look goes by it."""
    configure(stage, [TECHS, OIL], FALL, config="old")
    await stage.after(BEFORE)
    stage.journal.events.clear()
    fetch = stage.tape.bars

    def bars(symbol: Symbol) -> Bars:
        configure(stage, [TECHS], replace(FALL, name="drop", baskets=(BasketId("tech"),)), config="new")
        return fetch(symbol)

    stage.engine.source = type("Slow", (), {"bars": staticmethod(bars)})()
    await stage.after(DAY)
    assert [(one.key.partition("/")[0], one.config) for one in told(stage)] == [("fall", "old")]


@pytest.mark.parametrize("back", [timedelta(hours=2), timedelta(days=1), timedelta(days=4)], ids=str)
async def test_a_clock_that_is_set_back_repeats_and_loses_nothing(stage: Stage, back: timedelta) -> None:
    stage.restart(timing=EvaluationTiming())
    await stage.after(BEFORE)
    stage.journal.events.clear()
    await noon(stage, looks=2)
    await noon(stage, looks=3, start=timedelta(hours=-2) - back)
    await noon(stage, looks=2, start=timedelta(hours=-1))
    await stage.after(DAY)
    first, last = told(stage)
    assert (last.mode, last.original, last.is_withdrawal) == (SendMode.EDIT, first.key, False)
    assert stage.journal.judged("tech").count(DAY) == 1
