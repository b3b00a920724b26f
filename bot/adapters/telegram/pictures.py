"""Which picture goes with a message, and has Telegram got it already?"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import telegram

from bot.delivery import NoPicture, NotSent, Outcome
from bot.errors import StoreError

MOST_KNOWN = 1000
FILE_NAME = "chart.png"
OF_ONE_CHAT = ("not enough rights", "forbidden")  # it takes no pictures at all

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it goes into a request: Telegram's own name for it or, if it has not got it, the content."""

    name: str
    media: str | bytes


async def none_kept(_name: str) -> bytes | None:
    """Of a bot that keeps no pictures."""
    return None


@dataclass(slots=True)
class Pictures:
    """Uploads a picture once; then its name with Telegram is enough. `kept` finds the content of one."""

    kept: Callable[[str], Awaitable[bytes | None]] = none_kept
    _uploaded: dict[str, str] = field(default_factory=dict)  # by our name; "" = Telegram does not take it

    async def of(self, name: str) -> Picture | None:
        """The picture with this name; None = there is none to be shown, and the text goes alone."""
        if name in self._uploaded:
            known = self._uploaded[name]
            return Picture(name, known) if known else None
        try:
            content = await self.kept(name) if name else None
        except StoreError as error:
            log.warning("a picture cannot be had, its message goes without: %s", error)
            content = None
        return None if content is None else Picture(name, content)

    def arrived(self, picture: Picture, message: telegram.Message | bool) -> None:
        """Remember what Telegram calls it."""
        if len(self._uploaded) >= MOST_KNOWN:
            self._uploaded.clear()
        if isinstance(message, telegram.Message) and message.photo:
            self._uploaded[picture.name] = message.photo[-1].file_id

    def refused(self, picture: Picture, outcome: NoPicture) -> Outcome:
        """What it means for the delivery: a name that is not known any more is no refusal of the picture."""
        log.warning("Telegram does not take a picture: %s", outcome.reason)
        if any(one in outcome.reason.lower() for one in OF_ONE_CHAT):
            return outcome
        if isinstance(picture.media, str):
            self._uploaded.pop(picture.name, None)
            return NotSent(outcome.reason)
        self._uploaded[picture.name] = ""
        return outcome
