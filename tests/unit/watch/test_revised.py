"""Closes that are corrected after something was said of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from bot.delivery import Event, Manner
from bot.prices import Revision, Symbol
from bot.watch import correct
from tests.unit.watch.small_world import DAYS, TECH, WARNED, rulebook
from tests.unit.watch.tape import Stage
from tests.world import rule

DAY, NEXT = DAYS[WARNED], DAYS[WARNED + 1]
SEVERE = {"severe": {"move": -0.06}}


def revise(stage: Stage, symbol: str, factor: float) -> None:
    """The vendor says from now on that the close of that day was `factor` times what it said before."""
    rows = stage.tape.world.rows
    own = rows[Symbol(symbol)]
    day = own.dates == np.datetime64(DAY, "D")
    (old,) = own.close[day].tolist()
    close = np.where(day, own.close * factor, own.close)
    change = Revision(own.symbol, DAY, old, old * factor)
    rows[own.symbol] = replace(own, close=close, adjusted=close, revised=(*own.revised, change))


@pytest.fixture
async def told(stage: Stage) -> Stage:
    """The stage after the fall was told."""
    stage.watch.revised = partial(correct, stage.watch)
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAY)
    return stage


def of_tech(stage: Stage) -> list[Event]:
    return [one for one in stage.journal.events.values() if one.baskets == ("tech",) and one.session == DAY]


async def test_a_corrected_close_changes_the_message_in_its_place(told: Stage) -> None:
    (first,) = of_tech(told)
    revise(told, "AA", 0.97)
    await told.after(NEXT)
    _, second = of_tech(told)
    assert (second.manner, second.original, second.withdraws) == (Manner.EDIT, first.key, False)
    headline, corrected, *_ = second.messages[0].lines
    assert headline.startswith("🟠 Tech −7.8 % in two sessions")
    assert corrected == f"Corrected, for a close was revised since. Before: {first.messages[0].lines[0]}"


async def test_a_correction_that_nobody_would_read_says_nothing(told: Stage) -> None:
    revise(told, "EE", 1 + 1e-5)
    await told.after(NEXT)
    assert len(of_tech(told)) == 1


async def test_an_alert_that_does_not_hold_any_more_is_taken_back(told: Stage) -> None:
    for symbol in TECH:
        revise(told, symbol, 1.06)
    await told.after(NEXT)
    first, second = of_tech(told)
    assert (second.manner, second.original, second.withdraws) == (Manner.EDIT, first.key, True)
    assert second.messages[0].lines[0] == "⚪ Corrected: this alert does not hold on the revised closes"
    assert first.messages[0].lines[0] in second.messages[0].lines[1]


async def test_who_saw_a_severe_alert_is_told_of_its_correction(stage: Stage) -> None:
    book = rulebook()
    stage.restart(book=replace(book, rules=(rule("fall", "tech", rungs=SEVERE),)))
    stage.watch.revised = partial(correct, stage.watch)
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAY)
    revise(stage, "AA", 0.97)
    await stage.after(NEXT)
    first, edited, reply = of_tech(stage)
    assert (edited.manner, reply.manner, reply.original) == (Manner.EDIT, Manner.REPLY, first.key)
    assert reply.messages[0].lines == edited.messages[0].lines[:2]


async def test_what_was_never_published_is_not_corrected(stage: Stage) -> None:
    stage.watch.revised = partial(correct, stage.watch)
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAY)
    stage.journal.events.clear()
    revise(stage, "AA", 0.97)
    await stage.after(NEXT)
    assert of_tech(stage) == []
