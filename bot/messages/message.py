"""One message in one language."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from unicodedata import category

# Control and format signs (line breaks, NUL, zero widths, turns of direction) and halves of signs: nothing to be read.
UNREADABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Message:
    """Lines of plain text, the first complete by itself. `html` is what Telegram gets, `plain` its reading."""

    language: str
    lines: tuple[str, ...]

    @property
    def plain(self) -> str:
        return "\n".join(self.lines)

    @property
    def html(self) -> str:
        """The only place where text becomes markup: every line is escaped whole, the first is bold."""
        first, *rest = (escape(line, quote=False) for line in self.lines)
        return "\n".join((f"<b>{first}</b>", *rest))


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a message: what it says, and the command that it stands for."""

    label: str
    command: str


def printable(line: str) -> str:
    """`line` without what nobody can read; names come from outside."""
    if line.isprintable():
        return line
    return "".join(sign for sign in line if category(sign) not in UNREADABLE)
