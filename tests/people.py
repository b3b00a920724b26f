"""What both stand-ins for Telegram offer to a test: a person who writes to the bot, and reads what it writes."""

from __future__ import annotations

from typing import Protocol


class Message(Protocol):
    """A message of the bot; `buttons` are their texts, row after row."""

    @property
    def id(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def buttons(self) -> list[str]: ...


class Chat(Protocol):
    """Where the person and the bot write; TimeoutError when nothing comes in so many seconds."""

    async def next_message(self, seconds: float = 10.0) -> Message:
        """The first message of the bot that was not asked for yet."""
        ...

    async def next_edit(self, seconds: float = 10.0) -> Message:
        """The first message that the bot has edited since it was asked for."""
        ...


class Person(Protocol):
    """Somebody in a chat with the bot."""

    @property
    def chat(self) -> Chat: ...

    async def say(self, text: str) -> object: ...

    async def press(self, button: str) -> object:
        """Press the newest button with this text."""
        ...


class Rig(Protocol):
    """A server that plays Telegram for one bot."""

    @property
    def base_url(self) -> str: ...
    @property
    def token(self) -> str: ...

    def person(self, number: int = 1001, name: str = "Kim", language: str = "en") -> Person:
        """Somebody in private with the bot."""
        ...
