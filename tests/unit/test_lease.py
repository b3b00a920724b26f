"""What becomes of a process whose database may not be written any more?"""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import StoreLost
from bot.lease import LeaderLease, Lease
from tests.virtual import VirtualClock


class Sealed:
    """A database that takes one lease, and after that nothing."""

    taken = False

    async def read(self) -> Lease | None:
        return Lease("ours", 1, 0) if self.taken else None

    async def acquire(self, seen: Lease | None, holder: str) -> bool:
        if self.taken:
            raise StoreLost("it may not be written")
        self.taken = True
        return True

    async def renew(self) -> None:
        raise StoreLost("it may not be written")

    async def release(self) -> None:
        raise StoreLost("it may not be written")


async def test_it_stops_its_work_and_then_ends() -> None:
    clock = VirtualClock()

    async def sleep(seconds: float) -> None:
        clock.seconds += seconds
        await asyncio.sleep(0)

    tenancy = LeaderLease(Sealed(), clock, sleep)
    async with tenancy.held(asyncio.Event()) as lost:
        assert lost is not None
        await asyncio.wait_for(lost.wait(), 10)
    assert clock.seconds == 5
    with pytest.raises(StoreLost):
        async with tenancy.held(asyncio.Event()):
            raise AssertionError("nobody can hold it")
    assert clock.seconds <= 21
