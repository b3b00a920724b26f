"""Terminal transport: coloured frames or plain lines, charts as files."""

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
MAX_WIDTH = 100  # columns


@dataclass(slots=True)
class ChartFolder:
    """The folder of the charts of messages; `kept` loads the content of a chart by name, `hung` counts them."""

    folder: Path
    kept: Callable[[str], Awaitable[bytes | None]]
    hung: int = 0

    async def hang(self, delivery: Delivery) -> list[str]:
        """Write the chart of the delivery as SESSION-BASKET-EVENT.png; a line with its path, or [] without a chart."""
        content = await self.kept(delivery.photo_name) if delivery.photo_name else None
        if content is None:
            return []
        path = self.folder / f"{delivery.session}-{delivery.baskets[0]}-{delivery.event_id}.png"
        await asyncio.to_thread(path.write_bytes, content)
        self.hung += 1
        return [f"[{path}]"]


class TerminalTransport:
    """Messages as coloured frames on a terminal, as plain lines in any other stream."""

    name = "terminal"

    def __init__(self, out: Console | TextIO, clock: Clock, wall: ChartFolder | None = None) -> None:
        """`clock` dates the messages; without a `wall` there are no charts. rich obeys NO_COLOR and the width."""
        self._console = out if isinstance(out, Console) else Console(file=out)
        self._clock = clock
        self._wall = wall

    async def send(self, delivery: Delivery, message: Message) -> SendOutcome:
        time = self._clock.now().strftime("%Y-%m-%d %H:%M UTC")
        header = self._printable(f"{time} · {delivery.chat} · {delivery.severity.word}")
        chart = await self._wall.hang(delivery) if self._wall else []
        lines = [*(visible_text(line, " <{}>") for line in message.lines), *chart]
        first, *rest = map(self._printable, lines)
        try:
            if self._console.is_terminal:
                text = Text("\n").join((Text(first, style="bold"), *map(Text, rest)))
                width, colour = min(MAX_WIDTH, self._console.width), COLOURS[delivery.severity]
                title = Text(header, style=colour)
                self._console.print(Panel(text, title=title, title_align="left", border_style=colour, width=width))
            else:
                self._console.file.write("\n".join((header, first, *rest, "", "")))
                self._console.file.flush()
        except OSError as error:
            return NotSent(f"the terminal is closed: {error}")
        return Sent()

    def _printable(self, line: str) -> str:
        """`line` with "?" for characters outside the encoding of the terminal."""
        encoding = self._console.encoding
        return line.encode(encoding, "replace").decode(encoding)
