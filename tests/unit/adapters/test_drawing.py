"""The process that draws: the same bytes, and no harm from whatever becomes of it."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from bot.adapters.drawing import DrawingRoom, NotDrawn
from bot.chart.draw import render_chart
from tests.unit.chart.test_draw import specimen


def process(room: DrawingRoom) -> int:
    assert room._process is not None
    assert room._process.pid is not None
    return room._process.pid


async def test_it_draws_the_same_bytes_for_all_who_ask_at_once_and_outlives_a_kill() -> None:
    facts = specimen("a month")
    async with DrawingRoom() as room:
        room.open()
        first = process(room)
        room.open()
        english, chinese = await asyncio.gather(room.draw(facts, "en"), room.draw(facts, "zh"))
        assert (english, chinese) == (render_chart(facts, "en"), render_chart(facts, "zh"))
        assert process(room) == first
        os.kill(first, signal.SIGKILL)
        room._process.join()  # type: ignore[union-attr]  it is there
        assert await room.draw(facts, "en") == english
        second = process(room)
        assert second != first
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)
    with pytest.raises(NotDrawn, match="stopping"):
        await room.draw(facts, "en")


async def test_a_chart_that_fails_or_takes_too_long_says_so_and_the_next_one_is_drawn() -> None:
    facts = specimen("a month")
    async with DrawingRoom(idle=0.0) as room:  # it ends before it was asked
        room.open()
        room._process.join()  # type: ignore[union-attr]  it is there
        room._idle = 60.0
        with pytest.raises(NotDrawn, match="chart of memory: "):
            await room.draw(replace(facts, moves=()), "en")
        room._deadline = 0.0
        with pytest.raises(NotDrawn, match="longer than 0 s"):
            await room.draw(facts, "en")
        room._deadline = 60.0
        assert await room.draw(facts, "en") == render_chart(facts, "en")
