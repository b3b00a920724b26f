"""How long does a year of polls take, and does what they leave behind grow?"""

from __future__ import annotations

import gc
import logging
import resource
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.clock import SystemClock
from bot.engine.loop import Engine
from tests.campaigns.figures import Figure, Told, none_of
from tests.simulation.life import Order, live
from tests.simulation.sessions import Life, verdict

BEGIN, END = datetime(2025, 7, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
POLL = timedelta(minutes=5)
MOST_SECONDS = 60
MOST_GROWTH_MB = 3.0


@dataclass(frozen=True, slots=True)
class Reading:
    """How the process stands: resident memory, open files, and objects that the collector knows."""

    resident_mb: float
    files: int
    objects: int

    @classmethod
    def now(cls) -> Reading:
        gc.collect()
        status = Path("/proc/self/status").read_text(encoding="ascii")
        resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
        return cls(resident, sum(1 for _ in Path("/proc/self/fd").iterdir()), len(gc.get_objects()))


@dataclass
class Observer:
    """Reads the process at the beginning of every tenth part of the year."""

    parts: Iterator[int]
    readings: list[Reading]
    turns: int = 0
    looks: int = 0

    def tick(self, watch: Engine) -> None:
        self.turns += 1
        self.looks += watch.checked_at == watch.clock.now()
        if self.turns == self.due:
            self.readings.append(Reading.now())
            self.due = next(self.parts, 0)

    def __post_init__(self) -> None:
        self.due = next(self.parts)


async def year(calendars: Path, told: Told, codes: tuple[str, ...] = ("XNYS",), end: datetime = END) -> list[Figure]:
    """A year in one process, a turn every five minutes, with open sessions and doubts."""
    logging.disable(logging.CRITICAL)
    total = (end - BEGIN) // POLL
    observer = Observer(iter([max(1, total * part // 40) for part in (1, *range(10, 41, 3))]), [])
    with tempfile.TemporaryDirectory() as folder:
        order = Order(Path(folder), calendars, codes, BEGIN, end, POLL)
        await order.create()
        clock = SystemClock()
        began, worked = clock.monotonic(), _processor_seconds()
        await live(order, ticked=observer.tick)
        seconds, processor = clock.monotonic() - began, _processor_seconds() - worked
        found = verdict(Life(order))
    return _figures(codes, observer, seconds, processor, found.faults)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _figures(
    codes: Sequence[str], observer: Observer, seconds: float, processor: float, faults: Sequence[str]
) -> list[Figure]:
    first, warm, last = observer.readings[0], observer.readings[1], observer.readings[-1]
    what = f"a year of five-minute polls, {', '.join(codes)}: processor time"
    about = f"{observer.turns:,} turns, {observer.looks:,} looks; {seconds:.0f} s by the clock"
    stands = f"{first.resident_mb:.1f} at first, {warm.resident_mb:.1f} warm, {last.resident_mb:.1f} MB at the end"
    return [
        Figure(what, processor, "s", about, at_most=MOST_SECONDS),
        none_of("  sessions not judged exactly once", len(faults), "; ".join(faults[:3])),
        Figure(
            "  resident memory grows over its last three quarters by",
            max(0.0, last.resident_mb - warm.resident_mb),
            "MB",
            stands,
            at_most=MOST_GROWTH_MB,
        ),
        Figure("  open files more than at first", max(0, last.files - first.files), "", f"{first.files}", at_most=0),
        Figure("  objects more in the last three quarters", last.objects - warm.objects, "", f"{warm.objects:,}"),
    ]
