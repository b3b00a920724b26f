"""Closes that are corrected after something was said of them."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from bot.delivery.model import Notification, SendMode
from bot.engine.incidents import IncidentKind
from bot.engine.schedule import EvaluationTiming
from bot.prices.bars import Symbol
from tests.unit.engine.small_world import DAYS, TECH, WARNED, rulebook
from tests.unit.engine.tape import PowerFailure, Stage
from tests.unit.engine.test_doubtful import HEAVY, QUIET, judge, listening, spoil
from tests.world import rule

BEFORE, DAY, NEXT, LATER = DAYS[WARNED - 1 : WARNED + 3]
SEVERE = {"severe": {"move": -0.06}}
HIDES = 1.07  # a close of DAY that is so much too high hides its fall
REVISED = "From revised data: on the closes as they read before, this was not due"


def revise(stage: Stage, symbol: str, factor: float, day: date = DAY) -> None:
    """The vendor says from now on that the close of that day was `factor` times what it said before."""
    rows = stage.tape.world.rows
    own = rows[Symbol(symbol)]
    close = np.where(own.dates == np.datetime64(day, "D"), own.close * factor, own.close)
    high, low = np.fmax(own.high, close), np.fmin(own.low, close)
    rows[own.symbol] = replace(own, close=close, adjusted=close, high=high, low=low)


@pytest.fixture
async def told(stage: Stage) -> Stage:
    """The stage after the fall was told."""
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAY)
    return stage


@pytest.fixture
async def hidden(stage: Stage) -> Stage:
    """The stage after nothing was told, for the closes of that day were too high."""
    for symbol in TECH:
        revise(stage, symbol, HIDES)
    await stage.after(BEFORE)
    await stage.after(DAY)
    assert of_tech(stage) == []
    return stage


def of_tech(stage: Stage) -> list[Notification]:
    return [one for one in stage.journal.events.values() if one.baskets == ("tech",) and one.session == DAY]


async def test_a_corrected_close_changes_the_message_in_its_place(told: Stage) -> None:
    (first,) = of_tech(told)
    revise(told, "AA", 0.97)
    await told.after(NEXT)
    _, second = of_tech(told)
    assert (second.mode, second.original, second.is_withdrawal) == (SendMode.EDIT, first.key, False)
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
    assert (second.mode, second.original, second.is_withdrawal) == (SendMode.EDIT, first.key, True)
    assert second.messages[0].lines[0] == "⚪ Corrected: this alert does not hold on the revised closes"
    assert first.messages[0].lines[0] in second.messages[0].lines[1]


async def test_who_saw_a_severe_alert_is_told_of_its_correction(stage: Stage) -> None:
    book = rulebook()
    stage.restart(book=replace(book, rules=(rule("fall", "tech", levels=SEVERE),)))
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAY)
    revise(stage, "AA", 0.97)
    await stage.after(NEXT)
    first, edited, reply = of_tech(stage)
    assert (edited.mode, reply.mode, reply.original) == (SendMode.EDIT, SendMode.REPLY, first.key)
    assert reply.messages[0].lines == edited.messages[0].lines[:2]


@pytest.mark.parametrize("factor", [1.06, 0.97], ids=["back", "deeper"])
async def test_a_session_without_a_stored_result_is_not_corrected(
    told: Stage, caplog: pytest.LogCaptureFixture, factor: float
) -> None:
    """An earlier version of the program stored none."""
    caplog.set_level(logging.INFO)
    told.journal.results.clear()
    for symbol in TECH:
        revise(told, symbol, factor)
    await told.after(NEXT)
    assert len(of_tech(told)) == 1
    assert f"no stored result by these rules and closes to compare with: oil {DAY}, tech {DAY}" in caplog.text


async def test_a_session_without_a_stored_result_is_not_told_late(hidden: Stage) -> None:
    hidden.journal.results.clear()
    for symbol in TECH:
        revise(hidden, symbol, 1 / HIDES)
    await hidden.look(hidden.tape.close(NEXT) - timedelta(hours=6))
    assert of_tech(hidden) == []


async def test_a_session_that_was_evaluated_by_other_rules_is_not_corrected(told: Stage) -> None:
    """The next one, by the present rules, is."""
    told.engine.config = replace(told.engine.config, config="another")
    for symbol in TECH:
        revise(told, symbol, 1.06)
    await told.after(NEXT)
    assert len(of_tech(told)) == 1
    for symbol in TECH:
        revise(told, symbol, 0.9, NEXT)
    await told.after(LATER)
    assert len(of_tech(told)) == 1
    of_next = [one for one in told.journal.events.values() if one.baskets == ("tech",) and one.session == NEXT]
    assert [one.messages[0].lines[1] for one in of_next] == [REVISED]


async def test_a_session_that_a_new_rule_learned_in_silence_is_not_told_late(stage: Stage) -> None:
    for symbol in TECH:
        revise(stage, symbol, HIDES)
    await stage.after(NEXT)
    for symbol in TECH:
        revise(stage, symbol, 1 / HIDES)
    await stage.after(LATER)
    assert of_tech(stage) == []


async def test_a_correction_quotes_what_was_posted_and_the_next_one_quotes_the_correction(told: Stage) -> None:
    (first,) = of_tech(told)
    for session in (NEXT, LATER):
        revise(told, "AA", 0.97)
        await told.after(session)
    _, second, third = of_tech(told)
    lines = [one.messages[0].lines for one in (first, second, third)]
    assert [corrected.rpartition("Before: ")[2] for _, corrected, *_ in lines[1:]] == [lines[0][0], lines[1][0]]


async def test_nothing_is_claimed_of_a_session_whose_close_is_gone_while_another_is_revised(told: Stage) -> None:
    rows = told.tape.world.rows
    kept = rows[Symbol("BB")]
    revise(told, "BB", math.nan)
    revise(told, "AA", 0.97)
    await told.after(NEXT)
    assert len(of_tech(told)) == 1
    rows[Symbol("BB")] = kept
    revise(told, "BB", 0.98)
    await told.after(LATER)
    _, edit = of_tech(told)
    assert edit.messages[0].lines[0].startswith("🟠 Tech −8.2 % in two sessions")


async def test_members_whose_alert_was_inhibited_stay_known_after_a_correction(stage: Stage) -> None:
    """Their episodes are open though nothing was posted about them: on the revised closes too, nothing is late."""
    falls = rule("fall", "tech", levels={"warning": {"move": -0.06}})
    plunges = rule("plunge", "tech", members=True, levels={"warning": {"move": -0.06}})
    stage.restart(book=replace(rulebook(), rules=(falls, plunges)))
    await stage.after(BEFORE)
    await stage.after(DAY)
    for day in (DAY, NEXT):
        revise(stage, "AA", 0.97, day)
        await stage.after(LATER if day == NEXT else NEXT)
    assert {one.key.split("/")[0] for one in stage.journal.events.values()} == {"fall"}
    assert [one.mode for one in of_tech(stage)] == [SendMode.SEND, SendMode.EDIT]
    assert [one for one in stage.journal.said() if one[0] > DAY] == []


# What nobody was told of


async def test_a_fall_that_only_the_revised_closes_show_is_told_late_and_once(hidden: Stage) -> None:
    for symbol in TECH:
        revise(hidden, symbol, 1 / HIDES)
    await hidden.after(NEXT)
    (late,) = of_tech(hidden)
    assert (late.mode, late.key.split("/")[-1]) == (SendMode.SEND, "final")
    assert late.messages[0].lines[0].startswith("🟠 Tech −7.3 % in two sessions")
    assert late.messages[0].lines[1] == REVISED
    assert late.created == hidden.tape.close(DAY) + EvaluationTiming().settle  # which marks it late
    assert late.expires == hidden.tape.clock.now() + EvaluationTiming().expiry
    # The fall is within the next window too, and has been told.
    assert [one for one in hidden.journal.said() if one[0] > DAY] == []


async def test_a_restart_before_anything_is_stored_loses_nothing_and_after_it_repeats_nothing(hidden: Stage) -> None:
    for symbol in TECH:
        revise(hidden, symbol, 1 / HIDES)
    for kept in (False, True):
        hidden.journal.fails_at, hidden.journal.kept = len(hidden.journal.commits), kept
        with pytest.raises(PowerFailure):
            await hidden.after(NEXT)
        hidden.restart()
    await hidden.after(NEXT)
    first, *others = of_tech(hidden)
    assert first.mode is SendMode.SEND
    assert all((one.original, one.messages) == (first.key, first.messages) for one in others)
    assert [one for one in hidden.journal.said() if one[0] > DAY] == []


@pytest.mark.parametrize("flips", ["+", "+-", "+-+", "+-+-", "++-", "-+"])
async def test_closes_that_go_back_and_forth_make_one_message_that_ends_true(hidden: Stage, flips: str) -> None:
    hidden.engine.config = replace(hidden.engine.config, timing=EvaluationTiming())
    begin, is_down = hidden.tape.close(NEXT) - timedelta(hours=6), False
    for at, flip in enumerate(flips):
        for symbol in TECH:
            revise(hidden, symbol, {("+", False): 1 / HIDES, ("-", True): HIDES}.get((flip, is_down), 1 + 1e-5))
        is_down = flip == "+"
        await hidden.look(begin + at * timedelta(minutes=5))
    messages = [one for one in of_tech(hidden) if one.mode is SendMode.SEND]
    assert len(messages) == ("+" in flips)
    assert all(one.original == messages[0].key for one in of_tech(hidden)[1:])
    assert of_tech(hidden)[-1].is_withdrawal is not is_down
    await hidden.after(NEXT)
    # Whoever was told nothing that still holds hears of the fall in the next window.
    assert any(one[:2] == (NEXT, "tech") for one in hidden.journal.said()) is not is_down


async def test_a_fall_of_long_ago_is_stored_as_no_news_and_not_remembered_as_told(hidden: Stage) -> None:
    for symbol in TECH:  # what came after hides it too
        revise(hidden, symbol, HIDES, NEXT)
        revise(hidden, symbol, HIDES, LATER)
    await hidden.after(NEXT)
    for symbol in TECH:
        revise(hidden, symbol, 1 / HIDES)
    await hidden.after(LATER)
    (late,) = of_tech(hidden)
    assert late.expires <= hidden.journal.made[late.key]
    assert all(memory.episode is None for subject, memory in hidden.journal.known.items() if subject.basket == "tech")
    for symbol in TECH:
        revise(hidden, symbol, 1 / HIDES, NEXT)
    await hidden.after(DAYS[WARNED + 3])
    assert [one[:2] for one in hidden.journal.said() if one[0] == NEXT] == [(NEXT, "tech"), (NEXT, "tech/oil")]


async def test_a_doubtful_revised_close_makes_no_headline_until_it_is_believed(stage: Stage) -> None:
    day, after = DAYS[QUIET], DAYS[QUIET + 1]
    ear = listening(stage)
    await stage.after(DAYS[QUIET - 1])
    await stage.after(day)
    spoil(stage, "AA", QUIET, 0.6, volume=HEAVY)
    await stage.after(after)
    assert stage.journal.said() == []
    assert ear.troubles(IncidentKind.SUSPECT) == [("AA", False)]
    await stage.look(stage.tape.close(after) + timedelta(minutes=25))
    assert [one[:2] for one in stage.journal.said()] == [(day, "tech"), (day, "tech/oil")]


async def test_what_holds_only_without_a_doubtful_price_is_not_told_late(stage: Stage) -> None:
    """The price of BB is in doubt and hides the fall; that of the others is what was revised."""
    listening(stage)
    for symbol in TECH:
        revise(stage, symbol, HIDES)
    spoil(stage, "BB", WARNED, 1.5)
    await stage.after(BEFORE)
    await judge(stage, WARNED)
    for symbol in TECH:
        if symbol != "BB":
            revise(stage, symbol, 1 / HIDES)
    await stage.after(NEXT)
    assert of_tech(stage) == []


async def test_an_alert_that_holds_only_with_a_doubtful_price_is_neither_corrected_nor_taken_back(stage: Stage) -> None:
    """The price of BB is in doubt and deepens the fall; that of the others is what was revised."""
    listening(stage)
    spoil(stage, "BB", WARNED, 0.6)
    await stage.after(BEFORE)
    await judge(stage, WARNED)
    assert len(of_tech(stage)) == 1
    for symbol in TECH:
        if symbol != "BB":
            revise(stage, symbol, 1.06)
    await stage.after(NEXT)
    assert len(of_tech(stage)) == 1


async def test_another_class_is_a_correction_and_nothing_taken_back(stage: Stage) -> None:
    fall = rule("fall", "tech", levels={"warning": {"move": -0.06}, "severe": {"move": -0.10}})
    stage.restart(book=replace(rulebook(), rules=(fall,)))
    await stage.after(BEFORE)
    await stage.after(DAY)
    for symbol in TECH:
        revise(stage, symbol, 0.95, NEXT)  # of a session that is not over nothing was read before
        revise(stage, symbol, 0.95)
    await stage.after(NEXT)
    first, edited, reply = of_tech(stage)
    assert (first.severity.word, edited.severity.word, edited.is_withdrawal) == ("warning", "severe", False)
    assert (edited.original, reply.original, reply.mode) == (first.key, first.key, SendMode.REPLY)
    assert [one for one in stage.journal.said() if one[0] > DAY] == []  # that it is severe is told


async def test_an_alert_that_is_not_the_first_any_more_still_holds(told: Stage) -> None:
    """The day before fell as well, on its revised closes: what was said of that day is true as before."""
    (first,) = of_tech(told)
    for symbol in TECH:
        revise(told, symbol, 0.935, BEFORE)
    await told.after(NEXT)
    again = [one for one in of_tech(told) if one is not first]
    assert [(one.original, one.is_withdrawal) for one in again] == [(first.key, False)]
