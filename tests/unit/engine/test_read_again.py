"""Closes that a vendor revises, between the cache on the disk and a process that may die at any moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from bot.adapters.price_files import PriceCache
from bot.delivery.model import Notification
from bot.engine.loop import Engine
from bot.prices.bars import Bars, Symbol
from bot.prices.quality_filter import QualityFilter
from tests.unit.engine.small_world import DAYS, TECH, WARNED
from tests.unit.engine.tape import PowerFailure, Stage, Tape
from tests.unit.engine.test_revised import revise

BEFORE, DAY, NEXT, LATER = DAYS[WARNED - 1 : WARNED + 3]
AGAIN = timedelta(minutes=25)
FIGURES = ("close", "adjusted", "high", "low")


@dataclass
class Vendor:
    """The tape as a source that gives the newest rows alone, too."""

    tape: Tape

    def bars(self, symbol: Symbol) -> Bars:
        return self.tape.bars(symbol)

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        whole = self.tape.bars(symbol)
        new = whole.dates >= np.datetime64(day)
        return replace(whole, **{name: getattr(whole, name)[new] for name in ("dates", *FIGURES)})


def start(stage: Stage, folder: Path) -> None:
    """A new process: what it knows is in the journal and in the folder."""
    stage.restart()
    cache = PriceCache(folder, Vendor(stage.tape))
    parts = (stage.tape, stage.engine.config, stage.journal, stage.tape.clock)
    stage.engine = Engine(cache, *parts, load_history=cache.cached, quality_filter=QualityFilter())


@pytest.fixture
async def told(stage: Stage, tmp_path: Path) -> Stage:
    """The stage after the fall was told."""
    start(stage, tmp_path)
    await stage.after(BEFORE)
    await stage.after(DAY)
    return stage


def fall(stage: Stage) -> list[Notification]:
    return [one for one in stage.journal.events.values() if one.baskets == ("tech",) and one.session == DAY]


def corrections(stage: Stage) -> list[str]:
    """The second lines of what took the place of the fall that was told."""
    return [one.messages[0].lines[1] for one in fall(stage) if one.original]


@pytest.mark.parametrize("kept", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("looks", [[], [NEXT]], ids=["overnight", "days later"])
async def test_a_process_that_dies_over_a_revised_close_tells_of_it_once(
    told: Stage, tmp_path: Path, looks: list[date], kept: bool
) -> None:
    for day in looks:
        await told.after(day)
    revise(told, "AA", 0.97)
    told.journal.fails_at, told.journal.kept = len(told.journal.commits), kept
    day = LATER if looks else NEXT
    with pytest.raises(PowerFailure):
        await told.after(day)
    for wait in (AGAIN, 2 * AGAIN):
        start(told, tmp_path)
        await told.after(day, wait=wait)
    (line,) = corrections(told)
    assert line.startswith("Corrected, for a close was revised since. Before: 🟠 Tech −7.3 %")


async def test_a_doubt_outlasts_the_process_and_what_it_kept_back_is_told_once_it_is_settled(
    told: Stage, tmp_path: Path
) -> None:
    """The close of AA is revised to what looks like a crash of its own; the vendor takes that back to a smaller one."""
    revise(told, "AA", 0.6)
    await told.after(NEXT)
    start(told, tmp_path)
    await told.after(NEXT, wait=AGAIN)
    assert corrections(told) == []
    start(told, tmp_path)
    revise(told, "AA", 0.97 / 0.6)
    await told.after(LATER)
    (line,) = corrections(told)
    assert line.startswith("Corrected, ")


@pytest.mark.parametrize("whole", [False, True], ids=["no price", "no row"])
async def test_a_session_whose_prices_come_two_days_late_is_compared_with_what_was_said(
    stage: Stage, tmp_path: Path, whole: bool
) -> None:
    """Without a row the frame looks clean. One that comes so late is stored, and no news."""
    start(stage, tmp_path)
    rows = stage.tape.world.rows
    right = {symbol: rows[symbol] for symbol in map(Symbol, TECH)}
    for symbol, own in right.items():
        there = own.dates != np.datetime64(DAY)
        columns = {name: np.where(there, getattr(own, name), np.nan) for name in FIGURES}
        if whole:
            columns = {name: getattr(own, name)[there] for name in ("dates", *FIGURES)}
        rows[symbol] = replace(own, **columns)
    await stage.after(BEFORE)
    await stage.after(DAY, wait=timedelta(hours=12, minutes=1))
    await stage.after(NEXT)
    assert fall(stage) == []
    start(stage, tmp_path)
    rows.update(right)
    await stage.after(LATER)
    (late,) = fall(stage)
    assert late.messages[0].lines[0].startswith("🟠 Tech −7.3 % in two sessions")
    assert late.expires < stage.journal.made[late.key]
