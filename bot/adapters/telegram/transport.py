"""How is one message sent to one chat of Telegram, changed, or answered, with a picture or without?"""

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
from bot.adapters.telegram.pictures import FILE_NAME, Picture, Pictures
from bot.adapters.telegram.updates import LINK_GAP, LINKED, readable
from bot.clock import ahead_of_us
from bot.delivery import TOPIC, Delivery, Kind, Manner, Moved, NoPicture, Outcome, Sent, keys
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
    ahead of this machine's at its last answer. `pictures` are those of deliveries.
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
        self.pictures = Pictures()
        self._no_preview = telegram.LinkPreviewOptions(is_disabled=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._requests:
            await one.shutdown()

    async def send(self, delivery: Delivery, message: Message) -> Outcome:
        """Send `message` to the delivery's chat; every answer and every failure of the network is an outcome."""
        buttons, plain, links = keys(delivery), delivery.plain, delivery.kind is Kind.CHANNEL
        picture = await self.pictures.of(delivery.shown)
        try:
            if delivery.changes:
                await self._change(delivery, message, picture)
                return Sent(delivery.target, delivery.target_pictured)
            target = delivery.target if delivery.manner is Manner.REPLY else None
            sent = await self.post(
                delivery.chat, message, buttons, picture=picture, target=target, plain=plain, links=links
            )
            return Sent(sent, pictured=picture is not None)
        except Refused as refused:
            if picture is not None and isinstance(refused.outcome, NoPicture):
                return self.pictures.refused(picture, refused.outcome)
            return _in_topic(delivery, refused.outcome)

    async def post(
        self,
        chat: str,
        message: Message,
        buttons: Rows = (),
        *,
        picture: Picture | None = None,
        target: int | None = None,
        plain: bool = False,
        links: bool = False,
    ) -> int:
        """Send a message, as an answer to `target` if there is one; the answer is its number. Raises Refused.

        `links` turns buttons into links to the bot, for chats in which nobody can be asked who presses them.
        """
        group, _, topic = chat.partition(TOPIC)
        text = message.plain if plain else message.html
        about: dict[str, Any] = {
            "message_thread_id": int(topic) if topic else None,
            "parse_mode": None if plain else ParseMode.HTML,
            "reply_parameters": answer_to(target),
            "reply_markup": self.keyboard(buttons, links=links),
        }
        if picture is None:
            work = self.bot.send_message(group, text, link_preview_options=self._no_preview, **about)
            return (await self.call(work)).message_id
        sent = await self.call(
            self.bot.send_photo(group, picture.media, text, filename=FILE_NAME, **about), pictured=True
        )
        self.pictures.arrived(picture, sent)
        return sent.message_id

    async def _change(self, delivery: Delivery, message: Message, picture: Picture | None) -> None:
        """Put `message` in the place of the delivery's target. Raises Refused; with Sent if it says that already.

        A text stays a text; below a picture the caption is changed, and with a new `picture` that as well.
        """
        text, mode = (message.plain, None) if delivery.plain else (message.html, ParseMode.HTML)
        about: dict[str, Any] = {
            "chat_id": delivery.chat.partition(TOPIC)[0],
            "message_id": delivery.target,
            "reply_markup": self.keyboard(keys(delivery), links=delivery.kind is Kind.CHANNEL),
        }
        if picture is not None:
            media = telegram.InputMediaPhoto(picture.media, text, mode, filename=FILE_NAME)
            sent = await self.call(self.bot.edit_message_media(media, **about), pictured=True)
            self.pictures.arrived(picture, sent)
        elif delivery.target_pictured:
            await self.call(self.bot.edit_message_caption(caption=text, parse_mode=mode, **about))
        else:
            preview = self._no_preview
            await self.call(self.bot.edit_message_text(text, parse_mode=mode, link_preview_options=preview, **about))

    async def call(self, work: Awaitable[T], *, pictured: bool = False) -> T:
        """The answer to a request, `pictured` if a picture is in it; raises Refused with what its failure means."""
        _status.set(None)
        try:
            return await work
        except FAILURES as error:
            outcome = meaning(error, _status.get(), self.redact(f"{type(error).__name__}: {error}"), pictured=pictured)
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
            return Sent(delivery.target, delivery.target_pictured)
        case Moved(chat):
            return Moved(f"{chat}{mark}{topic}")
        case _:
            return outcome


def answer_to(number: int | None) -> telegram.ReplyParameters | None:
    """What makes a message an answer to the one with this number, if that is still there; None = to none."""
    return None if number is None else telegram.ReplyParameters(number, allow_sending_without_reply=True)
