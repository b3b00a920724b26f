"""What can the answer to a request mean for us?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.delivery.deliveries import Delivery
from bot.messages import Message


@dataclass(frozen=True, slots=True)
class Sent:
    """It arrived; `message_id` is the transport's name for it, if it has one. `pictured`: the text is a caption."""

    message_id: int | None = None
    pictured: bool = False


@dataclass(frozen=True, slots=True)
class NotSent:
    """It certainly did not arrive: nobody was reached or, with `overloaded`, the other side could not work."""

    reason: str
    overloaded: bool = False


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Nobody can say whether it arrived."""

    reason: str


@dataclass(frozen=True, slots=True)
class Flood:
    """Too much at once: nothing for this chat during the next `seconds`."""

    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Moved:
    """The chat is now called `chat`."""

    chat: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The chat refuses for good."""

    reason: str


@dataclass(frozen=True, slots=True)
class Soft:
    """The chat refuses this one; it need not refuse the next."""

    reason: str


@dataclass(frozen=True, slots=True)
class BadFormat:
    """The text was not understood: our bug."""

    reason: str


@dataclass(frozen=True, slots=True)
class BadToken:
    """We are not known there."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoTarget:
    """The message to change is not there any more, or cannot be changed."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoPicture:
    """The picture was not taken; the text would be."""

    reason: str


Outcome = Sent | NotSent | Uncertain | Flood | Moved | Gone | Soft | BadFormat | BadToken | NoTarget | NoPicture
TOKEN_PATIENCE = 600.0  # seconds of BadToken after which the token is taken for wrong


class Transport(Protocol):
    """Whoever can bring a message to a chat."""

    @property
    def name(self) -> str:
        """What destinations call it: "telegram", "terminal"."""
        ...

    async def send(self, delivery: Delivery, message: Message) -> Outcome:
        """Send `message` to the delivery's chat, with markup unless the delivery is `plain`.

        Every failure that the transport knows is an outcome. An exception means that nobody can say what happened.
        """
        ...
