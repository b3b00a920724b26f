"""Fault cases of the vendor's data, as far as they are the watch's own.

Which test shows what each comes to (`fuzz` = tests/faults/test_fuzz.py and test_shipped_rules.py, each error by itself
and on top of a true fall; `doubtful`, `live`, `revised`, `when` = beside this file; `yahoo` = tests/e2e/test_yahoo.py):

25 a split nobody adjusted for: doubtful, fuzz; told by the feed: yahoo
26 adjusted twice: fuzz; on some days only: unit/adapters/test_price_cache.py
27 a rally that looks like splits: yahoo (it is not repaired), fuzz
28 another unit or currency: here, yahoo, fuzz
29 a bad tick: doubtful (close, and the day's low), fuzz; two looks at one price: doubtful
30 what is no price: unit/prices/test_screen.py, faults/test_payloads.py, fuzz
31 rows twice, in disorder, of another day: yahoo, test_screen.py, fuzz; from the future: doubtful
32 a feed that stands still: doubtful
33 failures of every kind, caps, deadline: yahoo; the breaker: unit/adapters/test_breaker.py
34 all "possibly delisted": here, doubtful, yahoo
35 one member gone or halted: here, when, fuzz
36 corrected closes: revised, and here that each is told of once
37 late data: read_again; a second vendor, to disagree with, there is none
38 a payment of a quarter: yahoo, fuzz
39 a crash of all: here
40 a crash of one: doubtful
41 an error on top of a true fall: fuzz
42 flapping: here
43 another configuration in mid-event: here, unit/chat/test_operating.py
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.model import SendMode
from bot.engine.incidents import IncidentKind
from bot.engine.schedule import EvaluationTiming
from bot.errors import NoData, SourceUnreachable
from bot.prices.bars import Bars, Symbol
from tests.unit.engine.small_world import AGAIN, DAYS, TECH, WARNED, rulebook, world
from tests.unit.engine.tape import Notebook, Stage, Tape
from tests.unit.engine.test_doubtful import EVERY, MINUTE, QUIET, TOLD, Ear, judge, listening, spoil
from tests.unit.engine.test_revised import revise
from tests.virtual import VirtualClock
from tests.world import basket

AA = Symbol("AA")


@pytest.fixture
def ear(stage: Stage) -> Ear:
    return listening(stage)


def unknown(stage: Stage, *symbols: str) -> None:
    """The source says from now on that there are no such symbols."""
    asked, known = stage.tape.bars, stage.tape.world.until(DAYS[WARNED - 1]).rows

    def bars(symbol: Symbol) -> Bars:
        if symbol in symbols:
            raise NoData(f"{symbol}: possibly delisted")
        return asked(symbol)

    stage.engine.source, stage.engine.load_history = type("Limited", (), {"bars": staticmethod(bars)})(), known.get


async def test_28_a_price_in_another_currency_is_none_until_it_is_back(stage: Stage, ear: Ear) -> None:
    rows = stage.tape.world.rows
    rows[AA] = replace(rows[AA], currency="GBP")
    await stage.after(DAYS[WARNED - 1])
    right = rows[AA]
    spoil(stage, "AA", WARNED, 0.9)
    rows[AA] = replace(rows[AA], currency="EUR")
    assert await judge(stage, WARNED, [20]) == [TOLD]
    (told, _) = (one for one in stage.journal.events.values() if one.session == DAYS[WARNED])
    assert "−7.3 % in two sessions" in told.messages[0].plain
    assert "4 of 5 prices" in told.messages[0].plain
    (notice,) = (one for one in map(str, ear.heard) if "currency" in one)
    assert "in EUR, and before in GBP; if that is right, restart the bot" in notice
    rows[AA] = right
    await stage.after(DAYS[WARNED + 1])
    assert ear.troubles(IncidentKind.SUSPECT) == [("AA", False), ("AA", True)]


async def test_34_all_unknown_at_once_is_an_outage_and_nobody_is_gone(stage: Stage, ear: Ear) -> None:
    await stage.after(DAYS[WARNED - 1])
    unknown(stage, *EVERY)
    with pytest.raises(SourceUnreachable):
        await stage.after(DAYS[WARNED])
    assert ear.troubles(IncidentKind.OUTAGE) == [("", False)]
    assert ear.troubles(IncidentKind.UNKNOWN_SYMBOL) == []
    assert stage.journal.judged("tech")[-1] == DAYS[WARNED - 1]


async def test_35_one_that_is_gone_costs_coverage_and_the_operators_are_asked_once(stage: Stage, ear: Ear) -> None:
    await stage.after(DAYS[WARNED - 1])
    unknown(stage, "AA")
    assert await judge(stage, WARNED, [20]) == [TOLD]
    text = next(one for one in stage.journal.events.values() if one.session == DAYS[WARNED]).messages[0].plain
    assert "4 of 5 prices" in text
    await stage.after(DAYS[WARNED + 1])
    assert ear.troubles(IncidentKind.UNKNOWN_SYMBOL) == [("AA", False)]
    stage.engine.source = stage.tape
    await stage.after(DAYS[WARNED + 2])
    assert ear.troubles(IncidentKind.UNKNOWN_SYMBOL) == [("AA", False), ("AA", True)]


async def test_35_below_four_fifths_nothing_is_confirmed(stage: Stage, ear: Ear) -> None:
    """One is gone and another halted, in a market so large that two are no outage."""
    await stage.after(DAYS[WARNED - 1])
    unknown(stage, "AA")
    stage.tape.late = {("BB", DAYS[WARNED]): stage.tape.close(DAYS[WARNED + 1])}
    assert await judge(stage, WARNED, [20, 60]) == [[], []]
    assert ear.troubles(IncidentKind.INSUFFICIENT_DATA) == [("tech", False)]


async def test_35_an_outage_does_not_bring_back_one_that_is_gone(stage: Stage, ear: Ear) -> None:
    await stage.after(DAYS[WARNED - 1])
    unknown(stage, "AA")
    await stage.after(DAYS[WARNED])
    stage.tape.down = {"BB", "CC"}
    await stage.after(DAYS[WARNED + 1])
    assert ear.troubles(IncidentKind.OUTAGE) == [("", False)]
    assert ear.troubles(IncidentKind.UNKNOWN_SYMBOL) == [("AA", False)]


async def test_36_a_correction_is_told_once_however_often_it_is_looked_at(stage: Stage) -> None:
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAYS[WARNED])
    revise(stage, "AA", 0.97)
    await stage.after(DAYS[WARNED + 1])
    for day in DAYS[WARNED + 2 : WARNED + 5]:
        await stage.after(day)
    edits = [one for one in stage.journal.events.values() if one.mode is SendMode.EDIT and one.baskets == ("tech",)]
    assert [one.session for one in edits] == [DAYS[WARNED]]


async def test_39_a_crash_of_all_is_told_at_the_first_look(clock: VirtualClock) -> None:
    falls = {symbol: {QUIET - 1: -0.09, QUIET: -0.1} for symbol in TECH}
    stage = Stage(Tape(world(falls), clock), rulebook(), Notebook(clock))
    ear = listening(stage)
    await stage.after(DAYS[QUIET - 2])
    await stage.after(DAYS[QUIET - 1])
    told, spread = (one for one in await one_look(stage, QUIET))
    assert (told, spread) == ((DAYS[QUIET], "tech", "warning"), (DAYS[QUIET], "tech/oil", "warning"))
    text = next(one for one in stage.journal.events.values() if one.session == DAYS[QUIET]).messages[0].plain
    assert "−18.1 % in two sessions" in text
    assert ear.heard == []


async def one_look(stage: Stage, at: int) -> list[tuple[object, str, str]]:
    (said,) = await judge(stage, at, [20])
    return list(said)


async def test_42_flapping_fifty_times_is_one_event(stage: Stage) -> None:
    stage.restart(timing=EvaluationTiming())
    await stage.after(DAYS[WARNED - 1])
    stage.journal.events.clear()
    close = stage.tape.close(DAYS[WARNED])
    for look in range(200):  # two looks on either side of the rung, and so on
        factor = 1.0 if look // 2 % 2 else 1.06
        stage.tape.live = {(symbol, DAYS[WARNED]): factor for symbol in TECH}
        await stage.look(close - timedelta(hours=5) + look * MINUTE)
    found = [one for one in stage.journal.events.values() if one.baskets == ("tech",)]
    assert len({one.id for one in found}) == 1
    assert [one.mode for one in found] == [SendMode.SEND]
    await stage.after(DAYS[WARNED])
    assert [one.mode for one in stage.journal.events.values() if one.baskets == ("tech",)] == [
        SendMode.SEND,
        SendMode.EDIT,
    ]


async def test_43_another_membership_in_mid_event_fires_no_second_time(stage: Stage) -> None:
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAYS[WARNED])
    said = stage.journal.said()
    baskets = tuple(basket("tech", *TECH[:-1]) if one.id == "tech" else one for one in stage.book.baskets)
    stage.engine.config = replace(stage.engine.config, rulebook=replace(stage.book, baskets=baskets))
    for minutes in (25, 30, 60):
        await stage.look(stage.tape.close(DAYS[WARNED]) + minutes * MINUTE)
    assert stage.journal.said() == said
    await stage.after(DAYS[WARNED + 1])
    assert stage.journal.judged("tech")[-1] == DAYS[WARNED + 1]


async def test_43_each_event_names_the_configuration_that_it_was_judged_by(stage: Stage) -> None:
    said = {}
    for config, day in (("before", DAYS[AGAIN]), ("after", DAYS[WARNED])):
        stage.engine.config = replace(stage.engine.config, config=config)
        await stage.after(DAYS[DAYS.index(day) - 1])
        await stage.after(day)
        said[day] = config
    stored = stage.journal.events.values()
    assert {one.session: one.config for one in stored} == said
    assert stage.engine.last_check is not None
    assert stage.engine.last_check.facts()["config"] == "after"
