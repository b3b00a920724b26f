"""How does a message look in a terminal?"""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from bot.alerts.rules import Severity
from bot.clock import Clock
from bot.delivery import Delivery, NotSent, Outcome, Sent
from bot.messages import Message, reading

COLOURS = {Severity.NOTICE: "cyan", Severity.WARNING: "yellow", Severity.SEVERE: "red", Severity.EXTREME: "magenta"}
WIDEST = 100  # columns; longer lines are hard to read


class Terminal:
    """Shows messages as a chat would: a coloured frame on a terminal, plain lines everywhere else."""

    name = "terminal"

    def __init__(self, out: Console | TextIO, clock: Clock) -> None:
        """`out` as a stream is a terminal if it says so; rich minds NO_COLOR and the width. `clock` dates messages."""
        self._console = out if isinstance(out, Console) else Console(file=out)
        self._clock = clock

    async def send(self, delivery: Delivery, message: Message) -> Outcome:
        when = self._clock.now().strftime("%Y-%m-%d %H:%M UTC")
        header = self._printable(f"{when} · {delivery.chat} · {delivery.severity.word}")
        first, *rest = (self._printable(reading(line, " <{}>")) for line in message.lines)
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
        width = min(WIDEST, self._console.width)
        title = Text(header, style=colour)
        self._console.print(Panel(text, title=title, title_align="left", border_style=colour, width=width))

    def _printable(self, line: str) -> str:
        """`line` without what the terminal's encoding cannot write."""
        encoding = self._console.encoding
        return line.encode(encoding, "replace").decode(encoding)
