"""What follows from a close that was corrected?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bot.alerts import Subject
from bot.baskets import BasketId
from bot.prices import Revision, Symbol, undone
from bot.statistics import Board
from bot.watch import Published, corrections
from tests.unit.watch.small_world import DAYS, WARNED, rulebook, world
from tests.unit.watch.tape import Stage
from tests.world import World

AA, TECH = Symbol("AA"), BasketId("tech")
BOOK = rulebook()
FALL, GAP = BOOK.rules
BASKET = Published(FALL, Subject("fall", TECH), DAYS[WARNED])
SPREAD = Published(GAP, Subject("gap", TECH, against="oil"), DAYS[WARNED])
MEMBER = Published(FALL, Subject("fall", TECH, "AA"), DAYS[WARNED])
OTHER = Published(FALL, Subject("fall", BasketId("oil")), DAYS[WARNED])
EARLIER = Published(FALL, Subject("fall", TECH), DAYS[WARNED - 10])


def corrected(factor: float) -> tuple[World, Revision]:
    """The small world, in which the close of AA on the day of the fall was `factor` times this."""
    made = world()
    close = float(made.rows[AA].close[WARNED])
    return made, Revision(AA, DAYS[WARNED], close * factor, close)


def both(factor: float) -> tuple[Board, Board]:
    made, change = corrected(factor)
    before = replace(made, rows={**made.rows, AA: undone(made.rows[AA], [change])})
    return before.board(BOOK), made.board(BOOK)


def test_what_reads_otherwise_is_corrected_and_nothing_else() -> None:
    found = corrections(*both(0.9), [BASKET, SPREAD, MEMBER, OTHER, EARLIER])
    assert [one.published for one in found] == [BASKET, SPREAD, MEMBER]
    assert found[0].new is not None
    assert (round(found[0].old.move, 3), round(found[0].new.move, 3)) == (-0.091, -0.073)


def test_what_nobody_would_read_otherwise_is_not() -> None:
    assert corrections(*both(1.00001), [BASKET, SPREAD, MEMBER, OTHER, EARLIER]) == ()


def test_a_session_that_has_no_reading_any_more_is_corrected() -> None:
    made, _ = corrected(1)
    rows = dict(made.rows)
    for symbol in BOOK.baskets[0].symbols[:2]:
        close = np.where(np.arange(len(DAYS)) == WARNED, np.nan, rows[symbol].close)
        rows[symbol] = replace(rows[symbol], close=close, adjusted=close)
    (found,) = corrections(made.board(BOOK), replace(made, rows=rows).board(BOOK), [BASKET])
    assert found.new is None


async def test_the_watch_shows_the_market_before_and_after_a_correction(stage: Stage) -> None:
    heard: list[tuple[Board, Board]] = []

    async def hear(before: Board, after: Board) -> None:
        heard.append((before, after))

    stage.watch.revised = hear
    await stage.after(DAYS[WARNED])
    assert heard == []
    rows = stage.tape.world.rows
    _, change = corrected(0.9)
    rows[AA] = replace(rows[AA], revised=(change,))
    await stage.after(DAYS[WARNED + 1])
    (boards,) = heard
    assert [one.published for one in corrections(*boards, [BASKET, OTHER])] == [BASKET]
