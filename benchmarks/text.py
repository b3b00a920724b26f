"""How long after the decision are an alert's texts ready in every language, and how long its charts?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.timing import Line, seconds
from bot.adapters.chart_process import ChartProcess
from bot.alerts.episodes import Alert
from bot.alerts.rules import Severity
from bot.cli.market import MeasuredMarket
from bot.languages import languages
from bot.pipeline import chart_for, compose
from tests.history import real

NOW = datetime(2020, 3, 9, 21, tzinfo=UTC)


def run() -> Iterator[Line]:
    """Severe alerts of 33 years of recorded prices: they have the most to work out."""
    opened = real.demo().opened()
    found = [one for one in real.posted(opened) if one.severity >= Severity.SEVERE]

    def texts(at: int) -> None:
        compose(opened.board, opened.rulebook, found[at], languages(), NOW, NOW + timedelta(hours=12))

    taken = [seconds(lambda at=at: texts(at)) * 1000 for at in range(len(found))]
    yield Line(
        f"texts of a severe alert in {len(languages())} languages, median of {len(found)}", median(taken), "ms", 300
    )
    yield Line("the same, the slowest", max(taken), "ms")
    yield from _charts(opened, [one for one in found if not one.subject.against])


def _charts(opened: MeasuredMarket, found: Sequence[Alert]) -> Iterator[Line]:
    """Texts and charts, one alert after the other."""
    taken = asyncio.run(_ready(opened, found))
    what = f"texts and charts of a severe alert in {len(languages())} languages, one core"
    yield Line(f"{what}, median of {len(found)}", median(taken), "ms", 300)
    yield Line("the same, the slowest", max(taken), "ms")


async def _ready(opened: MeasuredMarket, found: Sequence[Alert]) -> list[float]:
    """Milliseconds from each decision; the process that draws is there, as after a look at the market.

    It is processor time, of both processes, and so what it takes on one core with nothing else to do.
    """
    taken = []
    async with ChartProcess() as room:
        for at, alert in enumerate((found[0], *found)):
            begin = _used(room)
            compose(opened.board, opened.rulebook, alert, languages(), NOW, NOW + timedelta(hours=12))
            facts = chart_for(opened.board, alert.subjects, alert.rule.window, alert.session)
            assert facts is not None
            for language in languages():
                await room.render(facts, language)
            if at:
                taken.append((_used(room) - begin) * 1000)
    return taken


def _used(room: ChartProcess) -> float:
    """Seconds of processor time of this process and of the one that draws, as far as there is one."""
    beside = 0
    if room._process is not None:  # noqa: SLF001 - to be measured, not to be used
        beside = int(Path(f"/proc/{room._process.pid}/schedstat").read_text(encoding="utf-8").split()[0])  # noqa: SLF001
    return time.process_time() + beside / 1e9
