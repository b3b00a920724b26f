"""How does a message look in a terminal?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from bot.alerts.rules import Severity
from bot.clock import Clock
from bot.delivery.attempts import NotSent, SendOutcome, Sent
from bot.delivery.model import Delivery
from bot.messages.message import Message, visible_text

COLOURS = {Severity.NOTICE: "cyan", Severity.WARNING: "yellow", Severity.SEVERE: "red", Severity.EXTREME: "magenta"}
MAX_WIDTH = 100  # columns; longer lines are hard to read


@dataclass(slots=True)
class ChartFolder:
    """The folder into which pictures go; `kept` finds the content of one."""

    folder: Path
    kept: Callable[[str], Awaitable[bytes | None]]
    hung: int = 0

    async def hang(self, delivery: Delivery) -> list[str]:
        """Write the delivery's picture as SESSION-BASKET-EVENT.png; the line that says so, if there is a picture."""
        content = await self.kept(delivery.photo_name) if delivery.photo_name else None
        if content is None:
            return []
        path = self.folder / f"{delivery.session}-{delivery.baskets[0]}-{delivery.event_id}.png"
        await asyncio.to_thread(path.write_bytes, content)
        self.hung += 1
        return [f"[{path}]"]


class TerminalTransport:
    """Shows messages as a chat would: a coloured frame on a terminal, plain lines everywhere else."""

    name = "terminal"

    def __init__(self, out: Console | TextIO, clock: Clock, wall: ChartFolder | None = None) -> None:
        """`out` as a stream is a terminal if it says so; rich minds NO_COLOR and the width. `clock` dates messages.

        Without a `wall` there are no pictures.
        """
        self._console = out if isinstance(out, Console) else Console(file=out)
        self._clock = clock
        self._wall = wall

    async def send(self, delivery: Delivery, message: Message) -> SendOutcome:
        when = self._clock.now().strftime("%Y-%m-%d %H:%M UTC")
        header = self._printable(f"{when} · {delivery.chat} · {delivery.severity.word}")
        shown = await self._wall.hang(delivery) if self._wall else []
        lines = [*(visible_text(line, " <{}>") for line in message.lines), *shown]
        first, *rest = map(self._printable, lines)
        try:
            if self._console.is_terminal:
                self._frame(COLOURS[delivery.severity], header, first, rest)
            else:
                self._console.file.write("\n".join((header, first, *rest, "", "")))
                self._console.file.flush()
        except OSError as error:
            return NotSent(f"the terminal is closed: {error}")
        return Sent()

    def _frame(self, colour: str, header: str, first: str, rest: list[str]) -> None:
        text = Text("\n").join((Text(first, style="bold"), *map(Text, rest)))
        width = min(MAX_WIDTH, self._console.width)
        title = Text(header, style=colour)
        self._console.print(Panel(text, title=title, title_align="left", border_style=colour, width=width))

    def _printable(self, line: str) -> str:
        """`line` without what the terminal's encoding cannot write."""
        encoding = self._console.encoding
        return line.encode(encoding, "replace").decode(encoding)
