"""What stands in the chats?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fake_telegram.texts import Keyboard


@dataclass(frozen=True)
class File:
    """What came with a message."""

    name: str
    body: bytes


@dataclass(frozen=True)
class Call:
    """A request as it came."""

    method: str
    form: dict[str, str]
    files: dict[str, File]


@dataclass
class Accepted:
    """A message of the bot. Text (or caption) and keyboard are what they are now, `form` is that of the sending."""

    id: int
    chat: str
    text: str
    form: dict[str, str]
    at: float
    date: int = 1
    method: str = "sendMessage"
    file: File | None = None
    media: dict[str, Any] = field(default_factory=dict)
    keyboard: Keyboard = field(default_factory=list)
    source: tuple[str, ...] = ()  # the text as it was written, and how it is read
    history: list[str] = field(default_factory=list)  # earlier texts, the oldest first
    deleted: bool = False

    @property
    def buttons(self) -> list[str]:
        """What is written on the buttons, row after row."""
        return [button["text"] for row in self.keyboard for button in row]

    def as_json(self, chat: dict[str, Any], author: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {"message_id": self.id, "date": self.date, "chat": chat}
        shown["sender_chat" if chat["type"] == "channel" else "from"] = chat if chat["type"] == "channel" else author
        shown |= {**self.media, "caption": self.text} if self.media else {"text": self.text}
        if self.keyboard:
            shown["reply_markup"] = {"inline_keyboard": self.keyboard}
        if self.history:
            shown["edit_date"] = self.date
        return shown
