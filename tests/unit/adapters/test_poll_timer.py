"""Does the bell ring, whatever becomes of the date?"""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bot.adapters.timers import PollTimer
from tests.virtual import until


@pytest.mark.parametrize("days", [-1, 1])
async def test_a_clock_that_is_set_does_not_hold_up_the_bell(days: int) -> None:
    rings: list[datetime] = []
    with time_machine.travel(datetime(2026, 7, 2, 12, tzinfo=UTC)) as travel:
        timer = PollTimer(timedelta(milliseconds=20), lambda: rings.append(datetime.now(UTC)))  # noqa: TID251  it is set
        # The loop's own clock goes on: time_machine stops the machine's other clocks only.
        timer.start()
        travel.shift(timedelta(days=days))
        await until(lambda: len(rings) >= 3)
        timer.stop()
        heard = len(rings)
    await asyncio.sleep(0.05)
    assert len(rings) == heard
    assert {one.day for one in rings} == {2 + days}


async def test_it_rings_where_the_loop_runs() -> None:
    threads: list[int] = []
    timer = PollTimer(timedelta(milliseconds=5), lambda: threads.append(threading.get_ident()))
    timer.start()
    await until(lambda: len(threads) >= 3)
    timer.stop()
    assert set(threads) == {threading.get_ident()}
