"""Leader lease: one of several processes is the leader, the others stand by."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Protocol

from bot.clock import Clock
from bot.errors import LeaseLost, StoreError, StoreLost

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """The holder ("" = none), the number of changes of holder, and the number of renewals by the holder."""

    holder: str
    epoch: int
    beat: int


class LeaseStore(Protocol):
    """The stored lease; every method raises StoreError on failure."""

    async def read(self) -> Lease | None:
        """The stored lease; None = never acquired."""
        ...

    async def acquire(self, seen: Lease | None, holder: str) -> bool:
        """Take the lease if the stored lease equals `seen`; after a later takeover all writes raise LeaseLost."""
        ...

    async def renew(self) -> None:
        """Raises LeaseLost if another process has the lease."""
        ...

    async def release(self) -> None:
        """Free the lease if still held by the process; later writes raise LeaseLost."""
        ...


@dataclass(slots=True)
class LeaderLease:
    """Holder of the lease, or standby.

    A lease unchanged for `ttl` seconds of the local monotonic clock has expired: clocks of two machines are never
    compared. The holder renews every `renew_every` seconds, a standby reads every `poll_every` seconds. `last_error` is
    the error of the last attempt ("" = none).
    """

    leases: LeaseStore
    clock: Clock
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _: KW_ONLY
    renew_every: float = 5.0
    poll_every: float = 1.0
    ttl: float = 15.0
    holder: str = field(default_factory=partial(secrets.token_hex, 8), init=False)
    last_error: str = field(default="", init=False)

    @asynccontextmanager
    async def held(self, stop: asyncio.Event) -> AsyncIterator[asyncio.Event | None]:
        """Stand by until the lease is acquired, then an event, set at the loss of the lease. None = `stop` came first.

        Released on exit, unless lost. Raises StoreLost: waiting does not help then.
        """
        if not await self._acquire(stop):
            yield None
            return
        lost, exiting = asyncio.Event(), asyncio.Event()
        renewing = asyncio.create_task(self._renew(lost, exiting))
        try:
            yield lost
        finally:
            exiting.set()
            await renewing
            if not lost.is_set():
                try:
                    await self.leases.release()
                except StoreError as error:
                    log.warning("the lease could not be released, the next process waits for it to run out: %s", error)

    async def _acquire(self, stop: asyncio.Event) -> bool:
        seen, since, logged = None, self.clock.monotonic(), False
        while not stop.is_set():
            try:
                lease = await self.leases.read()
                self.last_error = ""
                now = self.clock.monotonic()
                if lease != seen:
                    seen, since = lease, now
                free = lease is None or not lease.holder or now - since >= self.ttl
                if free and await self.leases.acquire(lease, self.holder):
                    return True
                if not logged:
                    log.info("another process works: this one stands by")
                    logged = True
            except StoreLost:
                raise
            except StoreError as error:
                self.last_error = str(error)
                log.warning("the lease cannot be looked at, the next look tries again: %s", error)
            await self.sleep(self.poll_every)
        return False

    async def _renew(self, lost: asyncio.Event, exiting: asyncio.Event) -> None:
        wait = self.renew_every
        while not lost.is_set():
            waits = [asyncio.ensure_future(self.sleep(wait)), asyncio.ensure_future(exiting.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()
            if exiting.is_set():
                return
            try:
                await self.leases.renew()
                wait, self.last_error = self.renew_every, ""
            except (LeaseLost, StoreLost) as error:
                log.warning("%s", error)
                lost.set()
            except StoreError as error:
                log.warning("the lease could not be renewed and is tried again: %s", error)
                wait, self.last_error = self.poll_every, str(error)
