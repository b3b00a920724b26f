"""What does a person do in a chat with the bot, on the independent server?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.clock import SystemClock
from tests.fake_telegram.entities import commands_in

if TYPE_CHECKING:
    from tests.peer.server import Peer


@dataclass(frozen=True)
class PeerMessage:
    """A message of the bot as it reads now."""

    id: int
    text: str
    keyboard: list[list[dict[str, Any]]]

    @property
    def buttons(self) -> list[str]:
        return [button["text"] for row in self.keyboard for button in row]


@dataclass
class PeerChat:
    """The chat of one person with the bot."""

    peer: Peer
    number: int
    _read: int = 0
    _seen: dict[int, PeerMessage] = field(default_factory=dict)  # as they were when they were last looked at

    async def messages(self) -> list[PeerMessage]:
        """All of the bot's, in the order of arrival."""
        told = await self.peer.tell("/getUpdatesHistory", token=self.peer.token)
        own = [one for one in told if one.get("message", {}).get("chat_id") == str(self.number)]
        return [_message(one) for one in sorted(own, key=lambda one: one["messageId"])]

    async def texts(self) -> list[str]:
        return [one.text for one in await self.messages()]

    async def next_message(self, seconds: float = 10.0) -> PeerMessage:
        """The first message of the bot that was not asked for yet; TimeoutError when none comes."""
        async with asyncio.timeout(seconds):
            after = 0
            while len(messages := await self.messages()) <= self._read:
                after = await self.peer.changes(after)
        self._read += 1
        found = messages[self._read - 1]
        self._seen[found.id] = found
        return found

    async def next_edit(self, seconds: float = 10.0) -> PeerMessage:
        """The first message that reads otherwise than when it was last given out here."""
        async with asyncio.timeout(seconds):
            after = 0
            while (found := self._changed(await self.messages())) is None:
                after = await self.peer.changes(after)
        self._seen[found.id] = found
        return found

    def _changed(self, messages: list[PeerMessage]) -> PeerMessage | None:
        return next((one for one in messages if one != self._seen.get(one.id, one)), None)


@dataclass
class PeerPerson:
    """Somebody in private with the bot."""

    peer: Peer
    number: int
    name: str
    language: str

    def __post_init__(self) -> None:
        self.chat = PeerChat(self.peer, self.number)

    async def say(self, text: str) -> None:
        entities = commands_in(text)
        path, more = ("/sendCommand", {"entities": entities}) if entities else ("/sendMessage", {})
        await self.peer.tell(path, text=text, **self._common(), **more)

    async def press(self, button: str) -> None:
        """Press the newest button with this text."""
        messages = await self.chat.messages()
        for one in reversed(messages):
            for key in [key for row in one.keyboard for key in row if key["text"] == button]:
                assert "callback_data" in key, f"{button!r} opens an address: {key}"
                common = self._common()
                shown = {"message_id": one.id, "text": one.text, "chat": common["chat"], "date": common["date"]}
                shown["reply_markup"] = {"inline_keyboard": one.keyboard}
                await self.peer.tell("/sendCallback", **common, message=shown, data=key["callback_data"])
                return
        raise AssertionError(f"no button {button!r}, only {[one.buttons for one in messages if one.keyboard]}")

    def _common(self) -> dict[str, Any]:
        return {
            "botToken": self.peer.token,
            "from": {"id": self.number, "is_bot": False, "first_name": self.name, "language_code": self.language},
            "chat": {"id": self.number, "type": "private", "first_name": self.name},
            "date": int(SystemClock().now().timestamp()),
        }


def _message(stored: dict[str, Any]) -> PeerMessage:
    told = stored["message"]
    keyboard = (told.get("reply_markup") or {}).get("inline_keyboard", [])
    return PeerMessage(stored["messageId"], told["text"], keyboard)
