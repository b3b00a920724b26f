"""Does the bell ring, whatever becomes of the date?"""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bot.adapters.timers import PollTimer
from tests.virtual import until


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_set_does_not_hold_up_the_bell(hours: int) -> None:
    rings: list[datetime] = []
    with time_machine.travel(datetime(2026, 7, 2, 12, tzinfo=UTC)) as travel:
        ticker = PollTimer(timedelta(milliseconds=100), lambda: rings.append(datetime.now(UTC)))  # noqa: TID251  it is set
        # The loop's own clock goes on: time_machine stops the machine's other clocks only.
        ticker.start()
        try:
            travel.shift(timedelta(hours=hours))
            await until(lambda: len(rings) >= 3)
        finally:
            # It ends in the loop's next turn, before the true date is back: APScheduler lists every ring it has missed.
            ticker.stop()
            await asyncio.sleep(0)
        heard = len(rings)
        await asyncio.sleep(0.15)
    assert len(rings) == heard
    assert {one.hour for one in rings} == {12 + hours}


async def test_it_rings_where_the_loop_runs() -> None:
    threads: list[int] = []
    timer = PollTimer(timedelta(milliseconds=5), lambda: threads.append(threading.get_ident()))
    timer.start()
    await until(lambda: len(threads) >= 3)
    timer.stop()
    assert set(threads) == {threading.get_ident()}
