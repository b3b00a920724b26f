"""Where are charts drawn? In a process of their own, which ends when nothing is to be drawn: to draw takes 100 MB."""

from __future__ import annotations

import asyncio
import signal
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import Self

from bot.chart.data import ChartData
from bot.errors import BotError

DEADLINE = 60.0  # seconds for one chart, after which the process is taken for hung
IDLE = 180.0  # seconds without work after which the process ends


class NotDrawn(BotError):
    """There is no chart: it took too long, or whoever draws ended or failed."""


class DrawingRoom:
    """Draws one chart at a time; `idle` and `deadline` are in seconds."""

    def __init__(self, idle: float = IDLE, deadline: float = DEADLINE) -> None:
        self._idle = idle
        self._deadline = deadline
        self._at_work = Lock()
        self._process: BaseProcess | None = None
        self._line: Connection | None = None
        self._closed = False

    def open(self) -> None:
        """Have the process ready by the time there is something to draw."""
        if self._at_work.acquire(blocking=False):  # otherwise it is drawing
            try:
                self._opened()
            finally:
                self._at_work.release()

    async def draw(self, facts: ChartData, language: str) -> bytes:
        """The chart as a PNG. Raises NotDrawn."""
        return await asyncio.to_thread(self._draw, facts, language)

    def _draw(self, facts: ChartData, language: str) -> bytes:
        with self._at_work:
            if self._closed:
                raise NotDrawn("the bot is stopping")
            try:
                line = self._opened()
                line.send((facts, language))
                answer = line.recv() if line.poll(self._deadline) else f"it took longer than {self._deadline:g} s"
            except (OSError, EOFError):
                answer = "the process that draws ended early; the machine may be short of memory"
            if isinstance(answer, str):
                self._end()
                raise NotDrawn(f"chart of {facts.basket.id}: {answer}")
            return bytes(answer)

    def _opened(self) -> Connection:
        """The line to the process, which is started if there is none."""
        if self._line is None or self._process is None or not self._process.is_alive():
            self._end()
            spawn = get_context("spawn")
            self._line, theirs = spawn.Pipe()
            self._process = spawn.Process(target=_work, args=(theirs, self._idle), daemon=True)
            self._process.start()
            theirs.close()
        return self._line

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None
        if self._line is not None:
            self._line.close()
            self._line = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        if self._process is not None:
            self._process.kill()  # who waits for it hears of that
        await asyncio.to_thread(self._leave)

    def _leave(self) -> None:
        with self._at_work:
            self._end()


def _work(line: Connection, idle: float) -> None:
    """The life of the process that draws: until nothing came for `idle` seconds, or nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the bot, which then ends this
    from bot.chart.draw import render_chart  # noqa: PLC0415 - the parent process does without matplotlib

    while line.poll(idle):
        try:
            facts, language = line.recv()
        except EOFError:
            return
        try:
            line.send(render_chart(facts, language))
        except Exception as error:
            line.send(f"{type(error).__name__}: {error}")
            raise
