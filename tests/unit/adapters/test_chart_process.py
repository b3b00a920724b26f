"""The process that draws: the same bytes, and no harm from whatever becomes of it."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from bot.adapters.chart_process import ChartFailed, ChartProcess
from bot.chart.draw import render_chart
from tests.unit.chart.test_draw import specimen


def process(charts: ChartProcess) -> int:
    assert charts._process is not None
    assert charts._process.pid is not None
    return charts._process.pid


async def test_it_draws_the_same_bytes_for_all_who_ask_at_once_and_outlives_a_kill() -> None:
    facts = specimen("a month")
    async with ChartProcess() as charts:
        charts.warm_up()
        first = process(charts)
        charts.warm_up()
        english, chinese = await asyncio.gather(charts.render(facts, "en"), charts.render(facts, "zh"))
        assert (english, chinese) == (render_chart(facts, "en"), render_chart(facts, "zh"))
        assert process(charts) == first
        os.kill(first, signal.SIGKILL)
        charts._process.join()  # type: ignore[union-attr]  it is there
        assert await charts.render(facts, "en") == english
        second = process(charts)
        assert second != first
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)
    with pytest.raises(ChartFailed, match="stopping"):
        await charts.render(facts, "en")


async def test_a_chart_that_fails_or_takes_too_long_says_so_and_the_next_one_is_drawn() -> None:
    facts = specimen("a month")
    async with ChartProcess(idle=0.0) as charts:  # it ends before it was asked
        charts.warm_up()
        charts._process.join()  # type: ignore[union-attr]  it is there
        charts._idle = 60.0
        with pytest.raises(ChartFailed, match="chart of memory: "):
            await charts.render(replace(facts, moves=()), "en")
        charts._deadline = 0.0
        with pytest.raises(ChartFailed, match="longer than 0 s"):
            await charts.render(facts, "en")
        charts._deadline = 60.0
        assert await charts.render(facts, "en") == render_chart(facts, "en")
