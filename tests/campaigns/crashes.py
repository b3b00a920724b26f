"""What does a kill at each named point of the way leave, at its first pass, its second, and so on?"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bot.alerts.rules import Severity
from tests.campaigns.figures import Figure, Told, none_of
from tests.campaigns.invariants import Evidence, broken
from tests.campaigns.mines import POINTS, Mine
from tests.campaigns.rig import KILLED, Rig, stop, until
from tests.specimens import png

PACE = 10.0  # a repeat comes after 20 s
AT_ONCE = 4
CHATS = ("-5001", "3001", "3002")


@dataclass(frozen=True, slots=True)
class Crash:
    """What became of a kill at one pass of a point; `reached` says whether there was such a pass."""

    point: str
    nth: int
    reached: bool
    evidence: Evidence


async def crashes(told: Told, points: tuple[str, ...] = POINTS, most: int = 100) -> list[Figure]:
    room = asyncio.Semaphore(AT_ONCE)
    done: list[str] = []

    async def one(point: str) -> list[Crash]:
        found = []
        for nth in count(1):
            async with room:
                crash = await crashed(point, nth)
            if not crash.reached or nth > most:
                break
            found.append(crash)
        done.append(point)
        told(len(done), len(points))
        return found

    found = [crash for each in await asyncio.gather(*map(one, points)) for crash in each]
    evidence = [one.evidence for one in found]
    shown = sum("I8" in " ".join(broken(one)) for one in evidence)
    about = f"{len(points)} points, three chats, a severe and a minor event"
    return [
        *(_figure(point, [one for one in found if one.point == point]) for point in points),
        Figure("kills at named points", len(found), "", about),
        none_of("  lost", sum(len(one.lost) for one in evidence)),
        none_of("  events that were created twice", sum(one.twice for one in evidence)),
        none_of("  kills after which a secret stood in what was written at DEBUG", shown),
    ]


async def crashed(point: str, nth: int, chats: tuple[str, ...] = CHATS) -> Crash:
    """A process that is killed at the `nth` pass of `point`, and one more that goes on until nothing waits.

    The severe event is a picture with its text below, the minor one a text.
    """
    with tempfile.TemporaryDirectory() as folder:
        async with Rig(Path(folder), pace=PACE, level="DEBUG") as rig:
            rig.find("severe", Severity.SEVERE, chats, picture=png())
            rig.find("minor", Severity.WARNING, chats)
            victim = rig.start(Mine(point, nth))

            async def is_over() -> bool:
                return victim.exitcode is not None or await _finished(rig)

            await until(is_over, 60, 0.05)
            reached = victim.exitcode == KILLED
            if not reached:
                assert await stop(victim) == 0
            else:
                successor = rig.start()
                await until(lambda: _finished(rig), 60, 0.05)
                await stop(successor)
            return Crash(point, nth, reached, await rig.evidence())


async def _finished(rig: Rig) -> bool:
    """Whether everything was told."""
    evidence = await rig.evidence()
    return len(evidence.rows) == len(evidence.wanted) and all(one.over for one in evidence.rows)


def _figure(point: str, crashes: list[Crash]) -> Figure:
    faults = [f"pass {one.nth}: {fault}" for one in crashes for fault in broken(one.evidence)]
    copies = Counter(one.evidence.duplicates for one in crashes)
    doubled = ", ".join(f"{number} x {times}" for number, times in sorted(copies.items()))
    what = f"kill at '{point}', {len(crashes)} passes: invariants broken"
    return none_of(what, len(faults), "; ".join(faults[:3]) or f"duplicates: {doubled}")
