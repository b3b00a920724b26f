"""What happens when the process that works is killed, or stopped like a sleeping laptop's, and another stands by?"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bot.alerts.rules import Severity
from tests import postgres
from tests.campaigns.figures import Figure, Told, none_of
from tests.campaigns.invariants import broken
from tests.campaigns.mines import Mine
from tests.campaigns.rig import Rig, stop

CHATS = tuple(str(10_000 + number) for number in range(150))
LATENCY = 0.1
STOPPED = 30.0  # seconds for which a holder is stopped
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Case:
    """`where` is "SQLite" or "PostgreSQL", `how` what is done to the holder."""

    where: str
    how: str

    @property
    def in_transaction(self) -> bool:
        return "transaction" in self.how

    @property
    def can_be_taken(self) -> bool:
        """A process that is stopped in a transaction keeps SQLite's lock, and nobody can take it away."""
        return not (self.where == "SQLite" and self.in_transaction)


@dataclass(frozen=True, slots=True)
class Outcome:
    case: Case
    seconds: float  # from the signal to the next message
    events: int
    duplicates: int
    lost: int
    faults: tuple[str, ...]


WAYS = ("kill -9", "SIGSTOP", "SIGSTOP in a transaction")


async def takeovers(rounds: int, told: Told) -> list[Figure]:
    """All cases side by side: they wait most of the time."""
    with ExitStack() as stack:
        urls, missing = _databases(stack)
        cases = [Case(where, how) for where in urls for how in WAYS for _ in range(rounds)]
        done: list[Outcome] = []

        async def one(case: Case) -> None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            done.append(await _takeover(case, folder, urls[case.where](folder)))
            told(len(done), len(cases))

        await asyncio.gather(*map(one, cases))
    figures = [Figure(f"takeover on {where}: {reason}", 0) for where, reason in missing]
    for where in urls:
        for how in WAYS:
            figures += _figures([one for one in done if one.case == Case(where, how)])
    return figures


def _databases(stack: ExitStack):
    urls = {"SQLite": lambda folder: f"sqlite:///{folder}/bot.sqlite3"}
    try:
        server = stack.enter_context(postgres.server(durable=True))
    except postgres.NoServer as error:
        return urls, [("PostgreSQL", str(error))]
    numbers = count(1)

    def new(_: Path) -> str:
        name = f"takeover{next(numbers)}"
        server.say(f"CREATE DATABASE {name}")
        return server.url(name)

    return urls | {"PostgreSQL": new}, []


async def _takeover(case: Case, folder: Path, url: str) -> Outcome:
    async with Rig(folder, url, latency=LATENCY) as rig:
        rig.find("fall", Severity.SEVERE, CHATS)
        mine = Mine("claim commits", 40, signal.SIGSTOP) if case.in_transaction else None
        holder = rig.start(mine)
        await rig.accepts(5)
        standby = rig.start()
        await rig.accepts(30)
        if not case.in_transaction:
            holder.kill() if case.how == "kill -9" else _send(holder.pid, signal.SIGSTOP)
        await asyncio.sleep(2 * LATENCY)  # what was under way arrives
        begin, before = rig.clock.monotonic(), len(rig.fake.accepted)
        if case.in_transaction:
            before = await _silence(rig)
            begin = rig.fake.accepted[-1].at
        if case.can_be_taken:
            await rig.accepts(before + 1 - len(rig.fake.accepted), PATIENCE)
            await asyncio.sleep(max(0.0, STOPPED - (rig.clock.monotonic() - begin)))
        else:
            await asyncio.sleep(STOPPED)
        if case.how != "kill -9":
            _send(holder.pid, signal.SIGCONT)
        await rig.drained(PATIENCE)
        for process in (holder, standby):
            if process.exitcode is None:
                await stop(process)
        evidence = await rig.evidence()
        seconds = rig.fake.accepted[before].at - begin
        return Outcome(
            case, seconds, len(evidence.keys), evidence.duplicates, len(evidence.lost), tuple(broken(evidence))
        )


async def _silence(rig: Rig) -> int:
    """How many messages there are once a second has passed without one."""
    while True:
        before = len(rig.fake.accepted)
        await asyncio.sleep(1.0)
        if before and len(rig.fake.accepted) == before:
            return before


def _send(process: int | None, what: signal.Signals) -> None:
    assert process is not None
    os.kill(process, what)


def _figures(outcomes: list[Outcome]) -> list[Figure]:
    case, seconds = outcomes[0].case, [one.seconds for one in outcomes]
    about = f"{len(outcomes)} times; shortest {min(seconds):.1f} s"
    name = f"{case.where}, holder {case.how}"
    faults = [fault for one in outcomes for fault in one.faults]
    if case.can_be_taken:
        first = Figure(f"{name}: next message after, longest", max(seconds), "s", about, at_most=20)
    else:
        first = Figure(
            f"{name}: next message after, longest", max(seconds), "s", f"{about}; it keeps the lock, {STOPPED:.0f} s"
        )
    return [
        first,
        Figure("  events, most", max(one.events for one in outcomes), "", at_most=1),
        Figure("  duplicates, most", max(one.duplicates for one in outcomes), "", at_most=8),
        none_of("  lost", sum(one.lost for one in outcomes), f"of {len(outcomes) * len(CHATS):,} deliveries"),
        none_of("  invariants broken", len(faults), "; ".join(faults[:3])),
    ]
