"""Is every session of every exchange judged exactly once, in order, whenever the process is killed?"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from bot.adapters.calendars import CachedCalendars
from bot.clock import SystemClock
from bot.prices.calendars import CalendarCode
from tests.campaigns.figures import Figure, Told, count_of, none_of
from tests.simulation.life import TIMING, Fuse, Order, PowerFailure, live, main
from tests.simulation.market import sessions

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.simulation.life"])
LATE = 600  # seconds after which a message says that it is late
# How long a dead process stays dead, and how often of a hundred.
DOWN = ((60, timedelta(hours=1)), (30, timedelta(hours=30)), (10, timedelta(days=10)))


@dataclass
class Life:
    """What became of one world: its order, and when its process was dead."""

    order: Order
    gaps: list[tuple[datetime, datetime]] = field(default_factory=list)
    where: list[str] = field(default_factory=list)

    def die(self, chance: random.Random) -> None:
        """The clock goes on without the process."""
        before = self.order.now
        (longest,) = chance.choices([span for _, span in DOWN], [weight for weight, _ in DOWN])
        after = min(before + longest * chance.random(), self.order.end - self.order.step)
        self.order.set_clock(max(before, after))
        self.gaps.append((before, after))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The calendar's sessions that became final, beside what was judged; `faults` are told in words."""

    expected: int
    missed_while_down: int
    faults: tuple[str, ...]
    messages: int
    late: int
    copies: int


def verdict(life: Life) -> Verdict:
    """Compare what the database and the chat hold with the calendar's own list."""
    order, found = life.order, life.order.finals()
    calendars = CachedCalendars(order.calendars, SystemClock())
    faults: list[str] = []
    expected = missed = 0
    for code in order.codes:
        calendar = calendars.get(CalendarCode(code))
        judged = [day for name, day in found if name == code.lower()]
        wanted = sessions(calendar, order.begin, order.end - order.step, TIMING.settle)
        faults += _compared(code, judged, wanted)
        expected += len(wanted)
        missed += sum(len(sessions(calendar, *gap, TIMING.settle)) for gap in life.gaps)
    rows = [row.split("\t") for row in (order.folder / "read.tsv").read_text(encoding="utf-8").splitlines()]
    late = [row for row in rows if int(row[1]) - int(row[0]) > LATE]
    faults += [f"{row[2]} says nothing of being late" for row in late if "Late: " not in row[3]]
    faults += [f"{row[2]} says that it is late" for row in rows if row not in late and "Late: " in row[3]]
    return Verdict(expected, missed, tuple(faults), len(rows), len(late), len(rows) - len({row[2] for row in rows}))


def _compared(code: str, judged: Sequence[date], wanted: Sequence[date]) -> list[str]:
    """What is wrong with the sessions that were judged; those before the first one wanted were learned."""
    lived = [day for day in judged if wanted and day >= wanted[0]]
    faults = [f"{code} {day}: judged {judged.count(day)} times" for day in sorted({*judged}) if judged.count(day) > 1]
    faults += [f"{code} {day}: never judged" for day in wanted if day not in lived]
    faults += [f"{code} {day}: is no session, or not over" for day in lived if day not in wanted]
    return faults + ([f"{code}: out of order"] if judged != sorted(judged) else [])


def killed(order: Order, chance: random.Random, mean_seconds: float, most: float = math.inf) -> Life:
    """Live through a world in processes that are killed (SIGKILL) at random moments of the machine's own time.

    The order's database is there already. After the `most` kills the last process lives to the end.
    """
    life = Life(order)
    while True:
        process = FORKS.Process(target=main, args=(order,))
        process.start()
        process.join(chance.expovariate(1 / mean_seconds) if len(life.gaps) < most else None)
        if process.exitcode is None:
            process.kill()
            process.join()
        if process.exitcode == 0:
            return life
        assert process.exitcode == -9, f"the process ended by itself: {process.exitcode}"
        life.die(chance)


async def failing(order: Order, chance: random.Random, mean_passes: float) -> Life:
    """The same in this process: everything it has is dropped at a random pass of the points of a Fuse."""
    life = Life(order)
    while True:
        fuse = Fuse(1 + int(chance.expovariate(1 / mean_passes)))
        try:
            await live(order, fuse)
        except PowerFailure:
            life.where += fuse.where
            life.die(chance)
        else:
            return life


async def campaign(
    codes: tuple[str, ...], years: tuple[int, int], calendars: Path, chance: random.Random, told: Told, shards: int = 2
) -> list[Figure]:
    """All sessions of these years, in as many worlds as there are shards of them."""
    first, last = years
    edges = [datetime(first + (last + 1 - first) * at // shards, 1, 1, tzinfo=UTC) for at in range(shards + 1)]
    seeds = [chance.randrange(10**6) for _ in range(shards)]
    with tempfile.TemporaryDirectory() as folder:
        orders = []
        for at, (begin, end) in enumerate(pairwise(edges)):
            (place := Path(folder, str(at))).mkdir()
            orders.append(Order(place, calendars, codes, begin, end, timedelta(hours=1), seeds[at]))
        for one in orders:  # alembic knows one migration at a time in a process
            await one.create()
        lives = [asyncio.to_thread(killed, one, random.Random(one.seed), 3.0) for one in orders]
        watching = asyncio.create_task(_watched(orders, told))
        done = await asyncio.gather(*lives)
        watching.cancel()
        found = [verdict(one) for one in done]
    return _figures(codes, years, sum(len(one.gaps) for one in done), found)


async def _watched(orders: Sequence[Order], told: Told) -> None:
    while True:
        lived = sum((one.now - one.begin).days for one in orders)
        told(lived, sum((one.end - one.begin).days for one in orders))
        await asyncio.sleep(1)


def _figures(codes: tuple[str, ...], years: tuple[int, int], kills: int, found: Sequence[Verdict]) -> list[Figure]:
    faults = [fault for one in found for fault in one.faults]
    expected = sum(one.expected for one in found)
    first, last = years
    return [
        Figure(f"sessions of {', '.join(codes)}, {first} to {last}", expected, "", f"{kills} kills (SIGKILL)"),
        none_of(
            "  not judged exactly once and in order, or not marked as late as they were",
            len(faults),
            "; ".join(faults[:3]) or count_of(0, expected, "sessions"),
        ),
        Figure("  that ended while the process was dead", sum(one.missed_while_down for one in found)),
        Figure("  messages", sum(one.messages for one in found), "", f"{sum(one.late for one in found)} late"),
        Figure("  copies too many", sum(one.copies for one in found), "", "at most one a kill", at_most=kills),
    ]
