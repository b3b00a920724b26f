"""What happens when PostgreSQL goes down in the middle of a drain, as by a power cut, and comes back?"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bot.alerts.rules import Severity
from tests import postgres
from tests.campaigns.figures import Figure, Told, none_of
from tests.campaigns.invariants import broken
from tests.campaigns.rig import Rig, stop

CHATS = tuple(str(10_000 + number) for number in range(200))
DOWN = 3.0  # seconds


async def restart(told: Told) -> list[Figure]:
    try:
        with postgres.server(durable=True) as server, tempfile.TemporaryDirectory() as folder:
            return await _restart(server, Path(folder), told)
    except postgres.NoServer as error:
        return [Figure(f"no figures of a restart of PostgreSQL: {error}", 0)]


async def _restart(server: postgres.Server, folder: Path, told: Told) -> list[Figure]:
    async with Rig(folder, server.url("postgres"), latency=0.1) as rig:
        rig.find("fall", Severity.SEVERE, CHATS)
        process = rig.start()
        await rig.accepts(50)
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(DOWN)
        before = len(rig.fake.accepted)
        await asyncio.to_thread(server.start)
        begin = rig.clock.monotonic()
        await rig.accepts(before + 1 - len(rig.fake.accepted))
        seconds = rig.clock.monotonic() - begin
        await rig.drained()
        await stop(process)
        evidence = await rig.evidence()
        told(1, 1)
    faults = broken(evidence)
    return [
        Figure("PostgreSQL down for some seconds in a drain: next message after", seconds, "s", "", at_most=10),
        none_of("  lost", len(evidence.lost), f"of {len(CHATS)} deliveries"),
        Figure("  duplicates", evidence.duplicates, "", at_most=8),
        none_of("  invariants broken", len(faults), "; ".join(faults[:3])),
    ]
