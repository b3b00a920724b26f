"""How is one message sent to one chat of Telegram?"""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import Any, Self

import telegram
from telegram.constants import ParseMode
from telegram.error import TelegramError
from telegram.request import HTTPXRequest

from bot.adapters.telegram.meaning import meaning
from bot.delivery import Delivery, Outcome, Sent
from bot.messages import Message

# Without it the library warns of its own future each time Telegram says retry_after.
os.environ["PTB_TIMEDELTA"] = "true"
PUBLIC_API = "https://api.telegram.org/bot"
CONNECTIONS = 16

# The HTTP status of the answer that the running task got; the library's exceptions do not tell.
_status: ContextVar[int | None] = ContextVar("status", default=None)


class _Request(HTTPXRequest):
    """The library's request, which also notes the status of the answer."""

    __slots__ = ()

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*args, **kwargs)
        _status.set(status)
        return status, payload


class Telegram:
    """A bot that sends; `base_url` is that of the Bot API server, timeouts are in seconds."""

    name = "telegram"

    def __init__(self, token: str, *, base_url: str = PUBLIC_API, connect: float = 10.0, read: float = 30.0) -> None:
        self._secrets = (token, token.partition(":")[2] or token)
        self._request = _Request(
            connection_pool_size=CONNECTIONS,
            connect_timeout=connect,
            read_timeout=read,
            write_timeout=read,
            pool_timeout=connect,
        )
        self._bot = telegram.Bot(token, base_url=base_url, request=self._request, get_updates_request=self._request)
        self._no_preview = telegram.LinkPreviewOptions(is_disabled=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._request.shutdown()

    async def send(self, delivery: Delivery, message: Message) -> Outcome:
        """Send `message` to the delivery's chat; every answer and every failure of the network is an outcome."""
        _status.set(None)
        try:
            sent = await self._bot.send_message(
                delivery.chat,
                message.plain if delivery.plain else message.html,
                parse_mode=None if delivery.plain else ParseMode.HTML,
                link_preview_options=self._no_preview,
            )
        except (TelegramError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError) as error:
            # All but the first come out of the library when an answer has another shape than it expects.
            outcome = meaning(error, _status.get(), self._redact(f"{type(error).__name__}: {error}"))
            if outcome is None:
                raise
            return outcome
        return Sent(sent.message_id)

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[token]")
        return text
