"""What does a person do in a chat with the bot?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.fake_telegram.chats import Chat
from tests.fake_telegram.ledger import Accepted

ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}


@dataclass(eq=False)
class Person:
    """Somebody in one chat (`at` gives the same person in another)."""

    chat: Chat
    number: int
    name: str = "Kim"
    language: str = "en"

    def at(self, chat: Chat, standing: str = "member") -> Person:
        chat.members[self.number] = standing
        return Person(chat, self.number, self.name, self.language)

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"id": self.number, "is_bot": False, "first_name": self.name}
        return {**told, "language_code": self.language} if self.language else told

    async def say(self, text: str, *, anonymous: bool = False, forwarded: bool = False, topic: int = 0) -> int:
        """The number of the message. Who writes to a bot in private lets it write back, even after a block."""
        if self.chat.kind == "private" and self.chat.refuses is not None:
            if self.chat.bot == "kicked":
                self.chat.admit(self)
            self.chat.refuses = None
        about: dict[str, Any] = {"text": text}
        if anonymous:
            about |= {"from": ANONYMOUS, "sender_chat": self.chat.as_json()}
        if forwarded:
            about["forward_origin"] = {"type": "user", "date": self.chat.telegram.date(), "sender_user": self.as_json()}
        if topic:
            about |= {"message_thread_id": topic, "is_topic_message": True}
        return self.chat.telegram.hear(self.chat, self, **about)

    async def change(self, number: int, text: str) -> None:
        """Edit one's own message."""
        now = self.chat.telegram.date()
        self.chat.telegram.hear(self.chat, self, "edited_message", message_id=number, text=text, edit_date=now)

    async def press(self, button: str) -> str:
        """Press the newest button with this text; the number of the query, to look up in `telegram.queries`."""
        for one in reversed(self.chat.sent):
            for key in [key for row in one.keyboard for key in row if key["text"] == button and not one.deleted]:
                assert "callback_data" in key, f"{button!r} opens an address: {key}"
                return self.forge(key["callback_data"], one)
        shown = [one.buttons for one in self.chat.sent if one.keyboard]
        raise AssertionError(f"no button {button!r} in chat {self.chat.key}, only {shown}")

    def forge(self, data: str, on: Accepted) -> str:
        """Press what may no longer be there, or never was: any data on any message of the bot."""
        return self.chat.telegram.press(self, data, on)

    async def block(self) -> None:
        self.chat.block(self)
