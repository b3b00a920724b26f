"""One message in one language."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from unicodedata import category

# Control and format signs (line breaks, NUL, zero widths, turns of direction) and halves of signs: nothing to be read.
UNREADABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# UTF-16 units. No sentence of ours is as long; what was put into it may be. A first line that Telegram would not take
# would lose the whole message, and with a note and a foot it still fits under a chart.
LONGEST_LINE = 400


@dataclass(frozen=True, slots=True)
class Message:
    """Lines of plain text, the first complete by itself. `html` is what Telegram gets, `plain` its reading.

    Whatever the lines hold, only what is `printable` stays.
    """

    language: str
    lines: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", tuple(map(printable, self.lines)))

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", printable(self.label).strip() or self.command)


def printable(line: str) -> str:
    """`line` without what nobody can read, and no longer than LONGEST_LINE; names come from outside."""
    if not line.isprintable():
        line = "".join(sign for sign in line if category(sign) not in UNREADABLE)
    if length(line) <= LONGEST_LINE:
        return line
    cut = line.encode("utf-16-le")[: 2 * (LONGEST_LINE - 1)]
    return cut.decode("utf-16-le", "ignore") + "…"


def length(text: str) -> int:
    """In UTF-16 units, as Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
