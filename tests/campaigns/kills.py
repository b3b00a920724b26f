"""What do SIGKILL and SIGTERM at any moment of a drain cost?"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from bot.alerts.rules import Severity
from bot.delivery.attempts import MAX_COPIES
from tests.campaigns.figures import Figure, Told, count_of, mean_and_margin, none_of
from tests.campaigns.invariants import Evidence, broken
from tests.campaigns.rig import SHORT_LEASE, Rig, ended, stop

CHATS = tuple(str(10_000 + number) for number in range(400))
LATENCY = 0.1  # seconds from the taking of a message to the answer, as from Europe to Telegram
LONGEST_LIFE = 0.6  # seconds from the first message to the signal
EARLY = 10  # every tenth signal comes at any moment from the start of the process on, whether it sends already or not
MINOR = 4  # every fourth event is a minor one
ENOUGH = 40  # deliveries that wait; below that there is something new
RIG = SHORT_LEASE
SHARDS = 4  # trials side by side, each with a database and a server of its own


@dataclass
class Trial:
    """What has been counted so far, and at the end the evidence."""

    signals: int = 0
    accepted: int = 0  # messages that were taken before the life of this process
    in_flight: list[int] = field(default_factory=list)  # deliveries that were `sending` after each signal
    doubled: list[int] = field(default_factory=list)  # those of them that a chat had read, and will read again
    seconds: list[float] = field(default_factory=list)  # from the signal to the exit
    exits: Counter[int | None] = field(default_factory=Counter)
    evidence: Evidence | None = None


async def kills(count: int, told: Told, chance: random.Random) -> list[Figure]:
    trials = await _side_by_side(count, told, chance, _kill)
    evidence = [one.evidence for one in trials if one.evidence]
    doubled = [number for one in trials for number in one.doubled]
    mean, margin = mean_and_margin(doubled)
    read = Counter(copies for one in evidence for copies in one.read.values())
    wanted = sum(len(one.wanted) for one in evidence)
    lost = sum(len(one.lost) for one in evidence)
    uncertain = sum(row.state == "uncertain" for one in evidence for row in one.rows)
    minor = sum(row.state == "uncertain" and not row.severe for one in evidence for row in one.rows)
    unread = sum(len(one.wanted - one.read.keys()) for one in evidence)
    faults = [fault for one in evidence for fault in broken(one) if not fault.startswith("I4")]
    events = sum(len(one.keys) for one in evidence)
    return [
        Figure(
            "kill -9 in a drain", len(doubled), "kills", f"{wanted:,} deliveries of {events} events", at_least=count
        ),
        none_of("  lost", lost, count_of(lost, wanted, "deliveries")),
        Figure("  duplicates at one kill, most", max(doubled), "", at_most=8),
        Figure("  under way at one kill, most", max(n for one in trials for n in one.in_flight), "", at_most=8),
        Figure(
            "  duplicates a kill, mean", mean, "", f"+- {margin:.2f} (95 %) over {len(doubled):,} kills", at_most=3.6
        ),
        Figure("  duplicates in all", sum(one.duplicates for one in evidence), "", "as the chats read them"),
        Figure("  copies of one message, most", max(read), "", at_most=3),
        none_of("  events that were created twice", sum(one.twice for one in evidence)),
        Figure("  counted uncertain", uncertain, "", f"{minor} of them minor, which are not repeated"),
        Figure("  of which no copy was read", unread, "", "killed between the claim and the request"),
        Figure(
            "  429s", sum(one.too_fast for one in evidence), "", "a new process does not know what the last one sent"
        ),
        none_of("  invariants broken (but I4)", len(faults), "; ".join(faults[:3])),
    ]


async def stops(count: int, told: Told, chance: random.Random) -> list[Figure]:
    trials = await _side_by_side(count, told, chance, _terminate)
    evidence = [one.evidence for one in trials if one.evidence]
    wanted = sum(len(one.wanted) for one in evidence)
    lost = sum(len(one.lost) for one in evidence)
    twice = sum(one.duplicates for one in evidence)
    faults = [fault for one in evidence for fault in broken(one) if not fault.startswith("I4")]
    exits = sum((one.exits for one in trials), Counter())
    asked = sum(one.signals for one in trials)
    return [
        Figure(
            "SIGTERM in a drain", asked, "stops", f"{wanted:,} deliveries; exit codes {dict(exits)}", at_least=count
        ),
        none_of("  lost", lost, count_of(lost, wanted, "deliveries")),
        none_of("  duplicated", twice, count_of(twice, wanted, "deliveries")),
        none_of("  left under way, most", max(number for one in trials for number in one.in_flight)),
        Figure("  longest exit", max(number for one in trials for number in one.seconds), "s", at_most=25),
        none_of("  invariants broken (but I4)", len(faults), "; ".join(faults[:3])),
    ]


async def unanswered() -> list[Figure]:
    """A stop while no request is answered: the process waits for answers as long as it may."""
    async with _rig() as rig:
        rig.fake.latency = 600.0
        rig.find("unanswered", Severity.SEVERE, CHATS)
        process, trial = rig.start(), Trial()
        await rig.accepts(8)
        await _terminate(rig, process, trial)
    left = f"{trial.in_flight[0]} left under way"
    return [Figure("SIGTERM while no request is answered: exit after", trial.seconds[0], "s", left, at_most=25)]


Signal = Callable[[Rig, BaseProcess, Trial], Awaitable[None]]


async def _side_by_side(count: int, told: Told, chance: random.Random, end: Signal) -> list[Trial]:
    shards = min(SHARDS, count)
    trials = [Trial() for _ in range(shards)]
    shares = [count // shards + (number < count % shards) for number in range(shards)]

    def tell() -> None:
        told(sum(one.signals for one in trials), count)

    work = [
        _trial(share, one, random.Random(chance.random()), tell, end) for share, one in zip(shares, trials, strict=True)
    ]
    await asyncio.gather(*work)
    return trials


async def _trial(count: int, trial: Trial, chance: random.Random, tell: Callable[[], None], end: Signal) -> None:
    """Signal after signal, then a process that nobody disturbs until nothing waits any more."""
    async with _rig() as rig:
        while trial.signals < count:
            if await rig.waiting() < ENOUGH:
                severity = Severity.WARNING if len(rig.news) % MINOR == MINOR - 1 else Severity.SEVERE
                rig.find(f"event {len(rig.news)}", severity, CHATS)
            if end is _terminate:
                rig.fake.latency = chance.choice([0.02, LATENCY, LATENCY, 1.0])
            process = rig.start(news=rig.news[-2:])
            if trial.signals % EARLY:
                await rig.accepts(1)
                await asyncio.sleep(chance.uniform(0, LONGEST_LIFE))
            else:
                await asyncio.sleep(chance.uniform(0.2, 1.0))
            await end(rig, process, trial)
            trial.signals += 1
            tell()
        rig.fake.latency = LATENCY
        process = rig.start()
        await rig.drained(300)
        await stop(process)
        trial.evidence = await rig.evidence()


@asynccontextmanager
async def _rig() -> AsyncIterator[Rig]:
    with tempfile.TemporaryDirectory() as folder:
        async with Rig(Path(folder), latency=LATENCY, **RIG) as rig:
            yield rig


async def _kill(rig: Rig, process: BaseProcess, trial: Trial) -> None:
    process.kill()
    await ended(process)
    await asyncio.sleep(0.02)  # what had left the process reaches the server
    orphans = await rig.database.orphans("telegram")
    arrived = {(one.chat, one.text.partition("\n")[0]) for one in rig.fake.accepted[trial.accepted :]}
    trial.accepted = len(rig.fake.accepted)
    trial.in_flight.append(len(orphans))
    repeated = [one for one in orphans if one.severe and one.unconfirmed < MAX_COPIES - 1]
    trial.doubled.append(sum((one.chat, one.event) in arrived for one in repeated))


async def _terminate(rig: Rig, process: BaseProcess, trial: Trial) -> None:
    clock = rig.clock
    begin = clock.monotonic()
    trial.exits[await stop(process)] += 1
    trial.seconds.append(clock.monotonic() - begin)
    trial.in_flight.append(len(await rig.database.orphans("telegram")))
