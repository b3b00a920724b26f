"""How fast does a backlog go out, and what slows it down?"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from bot.alerts.rules import Severity
from tests.campaigns.figures import Figure, Told, count_of, none_of
from tests.campaigns.invariants import Evidence, broken
from tests.campaigns.rig import Rig, stop
from tests.fake_telegram.answers import flood, refusal

LATENCY = 0.1
SUSTAINED = 28.5  # messages a second
BLOCKED = refusal(403, "Forbidden: bot was blocked by the user")
TOLD_TO_WAIT = 3600
STOPPING = 20  # chats
FLAT_MB = 10
MOST_MB = 300


async def drain(chats: int, told: Told) -> list[Figure]:
    """All chats take what they get."""
    async with _rig() as rig:
        evidence = await _drain(rig, chats, told)
    seconds = rig.fake.accepted[-1].at - rig.fake.accepted[0].at
    longest = max(later.at - one.at for one, later in pairwise(rig.fake.accepted))
    requests = len(rig.fake.requests)
    return [
        Figure(
            f"drain of {chats:,} private chats", (chats - 1) / seconds, "/s", f"in {seconds:.1f} s", at_least=SUSTAINED
        ),
        Figure(
            "  429s",
            100 * rig.fake.violations / requests,
            "%",
            count_of(rig.fake.violations, requests, "requests"),
            at_most=0.1,
        ),
        none_of("  lost", len(evidence.lost), count_of(len(evidence.lost), chats, "deliveries")),
        Figure("  longest gap between two messages", longest, "s"),
        _invariants(evidence),
    ]


async def severe(alerts: int, backlog: int, told: Told) -> list[Figure]:
    """Severe alerts one after the other, each to one chat, over a backlog of minor ones."""
    waits = []
    async with _rig() as rig:
        await rig.tell("minor", Severity.WARNING, _names(backlog))
        process = rig.start(news=())
        await rig.accepts(20)
        for number in range(alerts):
            chat = str(5_000_000 + number)
            await rig.tell(f"severe {number}", Severity.SEVERE, [chat])
            committed = rig.clock.monotonic()
            one = await rig.fake.find(chat).next_message()
            waits.append(one.at - committed)
            told(number + 1, alerts)
            await asyncio.sleep(0.5 + 0.05 * number)
        left = await rig.waiting()
        await stop(process)
    about = f"{alerts} alerts, median {sorted(waits)[alerts // 2]:.2f} s; {left:,} still waited after the last"
    return [Figure(f"severe alert over {backlog:,}: commit to first send, longest", max(waits), "s", about, at_most=1)]


async def dead(chats: int, told: Told) -> list[Figure]:
    """Of all chats 30 % are gone, one is told to be left alone for an hour, and the last ones stop in time."""
    names = _names(chats)
    gone, flooded = {name for at, name in enumerate(names) if at % 10 in (2, 5, 8)}, names[chats // 20]

    async with _rig() as rig:
        for name in gone:
            rig.fake.script(name, BLOCKED)
        rig.fake.script(flooded, flood(TOLD_TO_WAIT))
        stopping = asyncio.create_task(_stop_chats(rig, names[-STOPPING:]))
        evidence = await _drain(rig, chats, told, leave=1)
        await stopping
    begin, end = rig.fake.accepted[0].at, rig.fake.accepted[-1].at
    asked = [one for one in rig.fake.requests if one in gone]
    answered = len(rig.fake.requests)
    read = len(evidence.copies)
    others = answered / (end - begin)
    faults = [one for one in broken(evidence) if f" {flooded} " not in one and not one.startswith(("I4", "I10"))]
    about = f"{end - begin:.1f} s for {read:,} messages and one request for each that is gone"
    what = f"drain of {chats:,} chats, {len(gone):,} of them gone: time for each request"
    beside = "  requests a second beside one chat that is to be left alone"
    most = max(Counter(asked).values())
    return [
        Figure(what, 1000 * (end - begin) / (answered - 1), "ms", about, at_most=1000 / SUSTAINED),
        Figure("  requests for one that is gone, most", most, "", f"{len(asked):,} in all", at_most=1),
        Figure(beside, others, "/s", at_least=27),
        Figure("  requests for that chat", rig.fake.requests.count(flooded), "", "told to wait an hour", at_most=1),
        none_of(
            "  messages for chats that stopped while it waited",
            sum(one.chat in evidence.stopped for one in evidence.copies),
            f"{len(evidence.stopped)} chats",
        ),
        none_of("  invariants broken (but that it waits)", len(faults), "; ".join(faults[:3])),
    ]


async def _stop_chats(rig: Rig, chats: list[str]) -> None:
    """They say /stop while their messages wait."""
    await rig.accepts(5)
    for chat in chats:
        await rig.database.cancel("telegram", chat, "the chat has stopped")
        rig.stopped[chat] = len(rig.fake.accepted)


async def slow(seconds: float, told: Told) -> list[Figure]:
    """Each answer takes two seconds."""
    sizes = []
    async with _rig(latency=2.0) as rig:
        rig.find("slow", Severity.SEVERE, _names(10_000))
        process = rig.start()
        await rig.accepts(16)
        begin, before = rig.clock.monotonic(), len(rig.fake.accepted)
        while (passed := rig.clock.monotonic() - begin) < seconds:
            await asyncio.sleep(1)
            sizes.append(_megabytes(process.pid))
            told(int(passed), int(seconds))
        rate = (len(rig.fake.accepted) - before) / passed
        await stop(process)
        twice = (await rig.evidence()).duplicates
    third = len(sizes) // 3
    growth = max(sizes[-third:]) - max(sizes[:third])
    return [
        Figure(
            "Telegram answers after 2 s: memory grows by",
            growth,
            "MB",
            f"in {seconds:.0f} s, 10,000 chats wait",
            at_most=FLAT_MB,
        ),
        Figure("  memory, most", max(sizes), "MB", at_most=MOST_MB),
        Figure("  messages a second", rate, "/s", "8 under way, 2 s each: 4 a second"),
        none_of("  duplicates", twice),
    ]


def _names(count: int) -> list[str]:
    return [str(10_000 + number) for number in range(count)]


@asynccontextmanager
async def _rig(**about: Any) -> AsyncIterator[Rig]:
    with tempfile.TemporaryDirectory() as folder:
        async with Rig(Path(folder), **{"latency": LATENCY} | about) as rig:
            yield rig


async def _drain(rig: Rig, chats: int, told: Told, leave: int = 0) -> Evidence:
    """One event to so many chats, until no more than `leave` deliveries wait."""
    rig.find("event", Severity.SEVERE, _names(chats))
    process = rig.start()
    async with asyncio.timeout(120 + 2 * chats / SUSTAINED):
        while not (asked := len(rig.fake.requests)) or await rig.waiting() > leave:
            told(min(asked, chats), chats)
            await asyncio.sleep(1)
    await stop(process)
    return await rig.evidence()


def _invariants(evidence: Evidence) -> Figure:
    faults = [fault for fault in broken(evidence) if not fault.startswith("I4")]
    return none_of("  invariants broken (I4 has its own line)", len(faults), "; ".join(faults[:3]))


def _megabytes(process: int | None) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
