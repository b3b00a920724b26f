"""What ends a process whose event loop stands still, so that its supervisor starts it anew?"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import sys
import threading
from typing import Self

LIMIT = 120.0  # seconds
CHECKS = 24  # in LIMIT
LAST_WORDS = 5.0  # seconds; whoever should read them may be the one who blocks us
EXIT_CODE = 70

log = logging.getLogger(__name__)


class Watchdog:
    """Ends the process with `EXIT_CODE` once the running loop has not ticked for `limit` seconds.

    It counts its own waits and reads no clock: a process that was stopped, or a machine that slept, has not hung.
    """

    def __init__(self, limit: float = LIMIT) -> None:
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
        last = threading.Thread(target=self._say, daemon=True)
        last.start()
        last.join(LAST_WORDS)
        os._exit(EXIT_CODE)

    def _say(self) -> None:
        log.critical(
            "the event loop has stood still for %g s: the process ends, and is to be started anew. Where it stood:",
            self._limit,
        )
        faulthandler.dump_traceback(sys.stderr)
