"""Which of several processes works, and which stand by?"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from bot.clock import Clock
from bot.errors import LeaseLost, StoreError, StoreLost

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds it ("" = nobody), how often it has changed hands, and how often its holder has renewed it."""

    holder: str
    epoch: int
    beat: int


class LeaseStore(Protocol):
    """Where the lease is kept; every method raises StoreError if it cannot be done."""

    async def read(self) -> Lease | None:
        """The lease as it stands; None = it was never taken."""
        ...

    async def acquire(self, seen: Lease | None, holder: str) -> bool:
        """Take it, if it still stands as `seen`; from then on writes fail with LeaseLost once another has it."""
        ...

    async def renew(self) -> None:
        """Raises LeaseLost if another has it."""
        ...

    async def release(self) -> None:
        """Give it up, if it is still ours; then writes fail as if another had it."""
        ...


class LeaderLease:
    """Holds the lease, or waits for it.

    A lease that has not changed for `patience` seconds of our own monotonic clock has lost its holder: the clocks of
    two machines are never compared. It is renewed every `beat` seconds and looked at every `glance` seconds. `trouble`
    says why the last attempt at that failed ("" = it did not).
    """

    def __init__(
        self,
        leases: LeaseStore,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        beat: float = 5.0,
        glance: float = 1.0,
        patience: float = 15.0,
    ) -> None:
        self._leases = leases
        self._clock = clock
        self._sleep = sleep
        self._beat = beat
        self._glance = glance
        self._patience = patience
        self._holder = secrets.token_hex(8)
        self.trouble = ""

    @asynccontextmanager
    async def hold(self, stop: asyncio.Event) -> AsyncIterator[asyncio.Event | None]:
        """Stand by until the lease is ours; then an event that is set once it is lost. None = `stop` came first.

        At the end it is released; after a loss, ask again. Raises StoreLost, which no waiting helps.
        """
        if not await self._wait(stop):
            yield None
            return
        lost, over = asyncio.Event(), asyncio.Event()
        renewing = asyncio.create_task(self._renew(lost, over))
        try:
            yield lost
        finally:
            over.set()
            await renewing
            if not lost.is_set():
                await self._release()

    async def _wait(self, stop: asyncio.Event) -> bool:
        seen, since, told = None, self._clock.monotonic(), False
        while not stop.is_set():
            try:
                found = await self._leases.read()
                self.trouble = ""
                now = self._clock.monotonic()
                if found != seen:
                    seen, since = found, now
                if (found is None or not found.holder or now - since >= self._patience) and await self._leases.acquire(
                    found, self._holder
                ):
                    return True
                if not told:
                    log.info("another process works: this one stands by")
                    told = True
            except StoreLost:
                raise
            except StoreError as error:
                self.trouble = str(error)
                log.warning("the lease cannot be looked at, the next look tries again: %s", error)
            await self._sleep(self._glance)
        return False

    async def _renew(self, lost: asyncio.Event, over: asyncio.Event) -> None:
        """Until it is `lost` or `over`."""
        wait = self._beat
        while not (lost.is_set() or await self._over_within(wait, over)):
            try:
                await self._leases.renew()
                wait, self.trouble = self._beat, ""
            except (LeaseLost, StoreLost) as error:
                log.warning("%s", error)
                lost.set()
            except StoreError as error:
                log.warning("the lease could not be renewed and is tried again: %s", error)
                wait, self.trouble = self._glance, str(error)

    async def _over_within(self, seconds: float, over: asyncio.Event) -> bool:
        nap = asyncio.ensure_future(self._sleep(seconds))
        waits = [nap, asyncio.ensure_future(over.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()
        return over.is_set()

    async def _release(self) -> None:
        try:
            await self._leases.release()
        except StoreError as error:
            log.warning("the lease could not be released, the next process waits for it to run out: %s", error)
