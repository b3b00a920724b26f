"""How is one message sent to one chat of Telegram, changed, or answered?"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Sequence
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Self, TypeVar

import httpx
import telegram
from telegram.constants import ParseMode
from telegram.request import HTTPXRequest

from bot.adapters.telegram.meaning import FAILURES, meaning
from bot.adapters.telegram.updates import LINK_GAP, LINKED, readable
from bot.clock import ahead_of_us
from bot.delivery import TOPIC, Delivery, Kind, Manner, Moved, Outcome, Sent, keys
from bot.messages import Button, Message

# Without it the library warns of its own future each time Telegram says retry_after.
os.environ["PTB_TIMEDELTA"] = "true"
PUBLIC_API = "https://api.telegram.org/bot"
CONNECTIONS = 16

T = TypeVar("T")
Rows = Sequence[Sequence[Button]]

# The HTTP status of the answer that the running task got; the library's exceptions do not tell.
_status: ContextVar[int | None] = ContextVar("status", default=None)


class _Request(HTTPXRequest):
    """The library's request, which also notes the status of the answer."""

    __slots__ = ()

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*args, **kwargs)
        _status.set(status)
        return status, payload


class _Hearing(_Request):
    """The same for what is heard."""

    __slots__ = ()

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*args, **kwargs)
        return status, readable(payload)


class Refused(Exception):
    """A request that came to nothing, and what that means."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(str(outcome))


class Telegram:
    """A bot that sends; `base_url` is that of the Bot API server, timeouts are in seconds.

    `name_of_bot` is the bot's own name once it is known; links to it need that. `ahead` is how far Telegram's clock was
    ahead of this machine's at its last answer.
    """

    name = "telegram"

    def __init__(self, token: str, *, base_url: str = PUBLIC_API, connect: float = 10.0, read: float = 30.0) -> None:
        self._secrets = (token, token.partition(":")[2] or token)
        # To wait for what is heard takes a connection of its own: it is busy nearly always.
        sending, hearing = (
            request(
                connection_pool_size=size,
                connect_timeout=connect,
                read_timeout=read,
                write_timeout=read,
                pool_timeout=connect,
                httpx_kwargs={"event_hooks": {"response": [self._note]}},
            )
            for request, size in ((_Request, CONNECTIONS), (_Hearing, 1))
        )
        self._requests = (sending, hearing)
        self.bot = telegram.Bot(token, base_url=base_url, request=sending, get_updates_request=hearing)
        self.name_of_bot = ""
        self.ahead: timedelta | None = None
        self._no_preview = telegram.LinkPreviewOptions(is_disabled=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        for one in self._requests:
            await one.shutdown()

    async def send(self, delivery: Delivery, message: Message) -> Outcome:
        """Send `message` to the delivery's chat; every answer and every failure of the network is an outcome."""
        buttons, plain, links = keys(delivery), delivery.plain, delivery.kind is Kind.CHANNEL
        try:
            if delivery.changes:
                assert delivery.target is not None
                await self.change(delivery.chat, delivery.target, message, buttons, plain=plain, links=links)
                return Sent(delivery.target)
            target = delivery.target if delivery.manner is Manner.REPLY else None
            return Sent(await self.post(delivery.chat, message, buttons, target=target, plain=plain, links=links))
        except Refused as refused:
            return _in_topic(delivery, refused.outcome)

    async def post(
        self,
        chat: str,
        message: Message,
        buttons: Rows = (),
        *,
        target: int | None = None,
        plain: bool = False,
        links: bool = False,
    ) -> int:
        """Send a message, as an answer to `target` if there is one; the answer is its number. Raises Refused.

        `links` turns buttons into links to the bot, for chats in which nobody can be asked who presses them.
        """
        group, _, topic = chat.partition(TOPIC)
        sent = await self.call(
            self.bot.send_message(
                group,
                message.plain if plain else message.html,
                message_thread_id=int(topic) if topic else None,
                parse_mode=None if plain else ParseMode.HTML,
                link_preview_options=self._no_preview,
                reply_parameters=answer_to(target),
                reply_markup=self.keyboard(buttons, links=links),
            )
        )
        return sent.message_id

    async def change(
        self,
        chat: str,
        number: int,
        message: Message,
        buttons: Rows = (),
        *,
        plain: bool = False,
        links: bool = False,
    ) -> None:
        """Put `message` in the place of the one with this number. Raises Refused; with Sent if it says that already."""
        await self.call(
            self.bot.edit_message_text(
                message.plain if plain else message.html,
                chat.partition(TOPIC)[0],
                number,
                parse_mode=None if plain else ParseMode.HTML,
                link_preview_options=self._no_preview,
                reply_markup=self.keyboard(buttons, links=links),
            )
        )

    async def call(self, work: Awaitable[T]) -> T:
        """The answer to a request; raises Refused with what its failure means."""
        _status.set(None)
        try:
            return await work
        except FAILURES as error:
            outcome = meaning(error, _status.get(), self.redact(f"{type(error).__name__}: {error}"))
            if outcome is None:
                raise
            raise Refused(outcome) from error

    async def _note(self, answer: httpx.Response) -> None:
        self.ahead = ahead_of_us(answer.headers.get("date")) or self.ahead

    def redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[token]")
        return text

    def keyboard(self, buttons: Rows, *, links: bool = False) -> telegram.InlineKeyboardMarkup | None:
        """Rows of buttons, or None if there are none to show."""
        if not buttons or (links and not self.name_of_bot):
            return None
        shown = [[one for one in row if not links or one.command.partition(" ")[0] in LINKED] for row in buttons]
        return telegram.InlineKeyboardMarkup([[self._key(one, links=links) for one in row] for row in shown])

    def _key(self, button: Button, *, links: bool) -> telegram.InlineKeyboardButton:
        if links:
            payload = button.command.replace(" ", LINK_GAP)
            return telegram.InlineKeyboardButton(button.label, url=f"https://t.me/{self.name_of_bot}?start={payload}")
        return telegram.InlineKeyboardButton(button.label, callback_data=button.command)


def _in_topic(delivery: Delivery, outcome: Outcome) -> Outcome:
    """What a refusal means for this delivery: what says it already is sent, and a group that moves keeps its topics."""
    _, mark, topic = delivery.chat.partition(TOPIC)
    match outcome:
        case Sent():
            return Sent(delivery.target)
        case Moved(chat):
            return Moved(f"{chat}{mark}{topic}")
        case _:
            return outcome


def answer_to(number: int | None) -> telegram.ReplyParameters | None:
    """What makes a message an answer to the one with this number, if that is still there; None = to none."""
    return None if number is None else telegram.ReplyParameters(number, allow_sending_without_reply=True)
