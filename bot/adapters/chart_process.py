"""Chart rendering in a child process, which ends when there is nothing to draw: matplotlib takes 100 MB."""

from __future__ import annotations

import asyncio
import signal
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import RLock
from typing import Self

from bot.chart.data import ChartData
from bot.errors import BotError

CHART_TIMEOUT_SECONDS = 60.0  # for one chart, after which the process counts as hung
IDLE_SECONDS = 180.0  # without work, after which the process ends


class ChartFailed(BotError):
    """There is no chart: it took too long, or the process failed or ended."""


class ChartProcess:
    """Draws one chart at a time; `idle` and `deadline` are in seconds."""

    def __init__(self, idle: float = IDLE_SECONDS, deadline: float = CHART_TIMEOUT_SECONDS) -> None:
        self._idle = idle
        self._deadline = deadline
        self._lock = RLock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._closed = False

    def warm_up(self) -> None:
        """Start the process, so that it is ready by the time there is something to draw."""
        if self._lock.acquire(blocking=False):  # otherwise it is drawing
            try:
                self._connect()
            finally:
                self._lock.release()

    async def render(self, facts: ChartData, language: str) -> bytes:
        """The chart as a PNG. Raises ChartFailed."""
        return await asyncio.to_thread(self._draw, facts, language)

    def _draw(self, facts: ChartData, language: str) -> bytes:
        with self._lock:
            if self._closed:
                raise ChartFailed("the bot is stopping")
            try:
                connection = self._connect()
                connection.send((facts, language))
                in_time = connection.poll(self._deadline)
                result = connection.recv() if in_time else f"it took longer than {self._deadline:g} s"
            except (OSError, EOFError):
                result = "the process that draws ended early; the machine may be short of memory"
            if isinstance(result, str):
                self._end()
                raise ChartFailed(f"chart of {facts.basket.id}: {result}")
            return bytes(result)

    def _connect(self) -> Connection:
        """The connection to the process, which is started if there is none."""
        if self._connection is None or self._process is None or not self._process.is_alive():
            self._end()
            spawn = get_context("spawn")
            self._connection, child_end = spawn.Pipe()
            self._process = spawn.Process(target=_serve, args=(child_end, self._idle), daemon=True)
            self._process.start()
            child_end.close()
        return self._connection

    def _end(self) -> None:
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.join()
                self._process.close()
                self._process = None
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        if self._process is not None:
            self._process.kill()  # a thread that waits for it gets an EOFError
        await asyncio.to_thread(self._end)


def _serve(connection: Connection, idle: float) -> None:
    """The main loop of the child process: ends after `idle` seconds without a request, or when the bot is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the bot, which then ends this
    from bot.chart.draw import render_chart  # noqa: PLC0415 - the parent process does without matplotlib

    while connection.poll(idle):
        try:
            facts, language = connection.recv()
        except EOFError:
            return
        try:
            connection.send(render_chart(facts, language))
        except Exception as error:
            connection.send(f"{type(error).__name__}: {error}")
            raise
