"""One message in one language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from unicodedata import category

# Control and format characters (line breaks, NUL, zero widths, changes of direction) and halves of characters.
UNREADABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# UTF-16 units. Our phrases are shorter; the values put into them may not be. A first line that Telegram rejects
# would lose the whole message, and with a note and a footer it still fits under a chart.
MAX_LINE_LENGTH = 400
# A link in a line: STX, its text, US, its address, ETX. `sanitize` removes these characters from outside text.
ADDRESS = r"https://[A-Za-z0-9.-]+(?::[0-9]+)?(?:[/?#][^\x00-\x20\"'<>\\`\x7f-\U0010ffff]*)?"
LINK = re.compile(rf"\x02([^\x02\x1f\x03]*)\x1f({ADDRESS})\x03")
MAX_URL_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Message:
    """Lines of text, the first complete by itself; `html` for Telegram, `plain` for reading.

    A line may hold links, made by `make_link`; code that measures or shows a line uses `visible_text`. The rest of a
    line is sanitized.
    """

    language: str
    lines: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", tuple(map(_sanitized_with_links, self.lines)))

    @property
    def plain(self) -> str:
        return visible_text("\n".join(self.lines))

    @property
    def html(self) -> str:
        """The only place where text becomes markup: every line is escaped whole, the first is bold, links are links."""
        first, *rest = (LINK.sub(r'<a href="\2">\1</a>', escape(line, quote=False)) for line in self.lines)
        return "\n".join((f"<b>{first}</b>", *rest))


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a message: its label and its command."""

    label: str
    command: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", sanitize(self.label).strip() or self.command)


def sanitize(line: str) -> str:
    """`line` without unreadable characters, at most MAX_LINE_LENGTH long; names come from outside."""
    if line.isprintable() and 2 * len(line) <= MAX_LINE_LENGTH:  # nearly every value
        return line
    if not line.isprintable():
        line = "".join(character for character in line if category(character) not in UNREADABLE)
    if utf16_length(line) <= MAX_LINE_LENGTH:
        return line
    cut = line.encode("utf-16-le")[: 2 * (MAX_LINE_LENGTH - 1)]
    return cut.decode("utf-16-le", "ignore") + "…"


def utf16_length(text: str) -> int:
    """In UTF-16 units, as Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def make_link(text: str, address: str) -> str:
    """`text` as a link, or `text` alone if `address` is not https or too long. Both come from outside."""
    valid = len(address) <= MAX_URL_LENGTH and re.fullmatch(ADDRESS, address)
    return f"\x02{sanitize(text)}\x1f{address}\x03" if valid else sanitize(text)


def visible_text(line: str, address: str = "") -> str:
    """The line without markup; `address` is the format of a link's address after its text, as " <{}>"."""
    return LINK.sub(lambda match: match[1] + address.format(match[2]), line)


def _sanitized_with_links(line: str) -> str:
    """`line` sanitized, with its links; a line over the limit loses them."""
    if "\x02" not in line:
        return sanitize(line)
    if utf16_length(visible_text(line)) > MAX_LINE_LENGTH:
        return sanitize(visible_text(line))
    before, *links = LINK.split(line)
    parts = zip(links[::3], links[1::3], links[2::3], strict=True)
    return sanitize(before) + "".join(make_link(text, address) + sanitize(after) for text, address, after in parts)
