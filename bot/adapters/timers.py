"""Poll timer, heartbeat ping and event-loop watchdog."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Self

import httpx
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

PING_TIMEOUT_SECONDS = 10.0

WATCHDOG_LIMIT_SECONDS = 120.0
CHECKS = 24  # within the limit
DUMP_TIMEOUT_SECONDS = 5.0  # whoever reads the log may be what blocks the process
WATCHDOG_EXIT_CODE = 70

log = logging.getLogger(__name__)


class PollTimer:
    """Calls `ring` once a period, in memory only. A missed call costs nothing: the calendar decides about due sessions.

    APScheduler waits for a date, and is silent after the clock was set back until the date comes again. A timer of the
    event loop guards the schedule: after two periods without a call, the schedule begins anew.
    """

    def __init__(self, every: timedelta, ring: Callable[[], None]) -> None:
        self._every = every.total_seconds()
        self._ring = ring
        self._rang = False
        self._guard: asyncio.TimerHandle | None = None
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        trigger = IntervalTrigger(seconds=self._every, timezone=UTC)
        self._job = self._scheduler.add_job(
            self._on_time, trigger, max_instances=1, coalesce=True, misfire_grace_time=None
        )

    def start(self) -> None:
        """The first call is after one period. To be called in the loop."""
        self._scheduler.start()
        self._set_guard()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)
        if self._guard is not None:
            self._guard.cancel()

    async def _on_time(self) -> None:  # APScheduler would call any other function in a thread, outside the loop
        self._rang = True
        self._ring()

    def _set_guard(self) -> None:
        self._rang = False
        self._guard = asyncio.get_running_loop().call_later(2 * self._every, self._check)

    def _check(self) -> None:
        if not self._rang:
            self._job.reschedule(IntervalTrigger(seconds=self._every, timezone=UTC))
            self._ring()
        self._set_guard()


class Heartbeat:
    """Pings `url` in the background, one ping at a time.

    The address is a secret and never logged. Failing pings are logged once, and so is their end.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._ping: asyncio.Task[None] | None = None
        self._failure = ""

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(timeout=PING_TIMEOUT_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ping is not None:
            self._ping.cancel()
            await asyncio.wait([self._ping])
        await self._client.aclose()

    def beat(self) -> None:
        """Start a ping."""
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(self._send())

    async def _send(self) -> None:
        try:
            async with asyncio.timeout(PING_TIMEOUT_SECONDS):
                status = (await self._client.get(self._url)).status_code
            failure = "" if httpx.codes.is_success(status) else f"the answer was {status}"
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            failure = type(error).__name__
        if failure and failure != self._failure:
            log.warning("the heartbeat does not arrive: %s", failure)
        elif self._failure and not failure:
            log.info("the heartbeat arrives again")
        self._failure = failure


class Watchdog:
    """Ends the process with WATCHDOG_EXIT_CODE once the running loop has not ticked for `limit` seconds.

    Counts waits and reads no clock: a stopped process or a sleeping machine has not hung.
    """

    def __init__(self, limit: float = WATCHDOG_LIMIT_SECONDS) -> None:
        self._limit = limit
        self._ticked = True
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._guard, name="watchdog", daemon=True)

    async def __aenter__(self) -> Self:
        self._ticking = asyncio.create_task(self._tick())
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        self._ticking.cancel()
        await asyncio.wait([self._ticking])

    async def _tick(self) -> None:
        while True:
            self._ticked = True
            await asyncio.sleep(self._limit / CHECKS / 2)

    def _guard(self) -> None:
        silent = 0
        while not self._over.wait(self._limit / CHECKS):
            silent = 0 if self._ticked else silent + 1
            self._ticked = False
            if silent >= CHECKS:
                self._end()

    def _end(self) -> None:
        dump = threading.Thread(target=self._dump, daemon=True)
        dump.start()
        dump.join(DUMP_TIMEOUT_SECONDS)
        os._exit(WATCHDOG_EXIT_CODE)

    def _dump(self) -> None:
        log.critical(
            "the event loop has stood still for %g s: the process ends, and is to be started anew. Where it stood:",
            self._limit,
        )
        faulthandler.dump_traceback(sys.stderr)
