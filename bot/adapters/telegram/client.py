"""Transport: send, edit, reply, uploaded photos."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self, TypeVar

import httpx
import telegram
from telegram.constants import ParseMode
from telegram.request import HTTPXRequest

from bot.adapters.telegram.outcomes import FAILURES, outcome_of
from bot.adapters.telegram.updates import LINK_GAP, LINKED, drop_unreadable
from bot.clock import server_clock_offset
from bot.delivery.attempts import ChatMoved, NotSent, PhotoRejected, SendOutcome, Sent
from bot.delivery.formatting import alert_buttons
from bot.delivery.model import TOPIC, ChatKind, Delivery, SendMode
from bot.errors import StoreError
from bot.messages.message import Button, Message

# Without it the library warns of its own future each time Telegram says retry_after.
os.environ["PTB_TIMEDELTA"] = "true"
PUBLIC_API = "https://api.telegram.org/bot"
CONNECTIONS = 16

T = TypeVar("T")
Rows = Sequence[Sequence[Button]]

# The HTTP status of the answer that the running task got; the library's exceptions do not tell.
_status: ContextVar[int | None] = ContextVar("status", default=None)


class _StatusRecordingRequest(HTTPXRequest):
    """The library's request, which also notes the status of the answer."""

    __slots__ = ()

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*args, **kwargs)
        _status.set(status)
        return status, payload


class _UpdateRequest(_StatusRecordingRequest):
    """The same for what is heard."""

    __slots__ = ()

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*args, **kwargs)
        return status, drop_unreadable(payload)


class RequestFailed(Exception):
    """A request that came to nothing, and what that means."""

    def __init__(self, outcome: SendOutcome) -> None:
        self.outcome = outcome
        super().__init__(str(outcome))


class TelegramClient:
    """A bot that sends; `base_url` is that of the Bot API server, timeouts are in seconds.

    `name_of_bot` is the bot's own name once it is known; links to it need that. `ahead` is how far Telegram's clock was
    ahead of this machine's at its last answer. `pictures` are those of deliveries.
    """

    name = "telegram"

    def __init__(
        self,
        token: str,
        *,
        base_url: str = PUBLIC_API,
        connect: float = 10.0,
        read: float = 30.0,
        stored_chart: Callable[[str], Awaitable[bytes | None]] | None = None,
    ) -> None:
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
            for request, size in ((_StatusRecordingRequest, CONNECTIONS), (_UpdateRequest, 1))
        )
        self._requests = (sending, hearing)
        self.bot = telegram.Bot(token, base_url=base_url, request=sending, get_updates_request=hearing)
        self.name_of_bot = ""
        self.ahead: timedelta | None = None
        self.pictures = PhotoCache(stored_chart or no_stored_chart)
        self._no_preview = telegram.LinkPreviewOptions(is_disabled=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._requests:
            await one.shutdown()

    async def send(self, delivery: Delivery, message: Message) -> SendOutcome:
        """Send `message` to the delivery's chat; every answer and every failure of the network is an outcome."""
        buttons, plain, links = alert_buttons(delivery), delivery.without_markup, delivery.kind is ChatKind.CHANNEL
        picture = await self.pictures.of(delivery.photo_name)
        try:
            if delivery.is_edit:
                await self._change(delivery, message, picture)
                return Sent(delivery.target, delivery.target_has_photo)
            target = delivery.target if delivery.mode is SendMode.REPLY else None
            sent = await self.post(
                delivery.chat, message, buttons, picture=picture, target=target, plain=plain, links=links
            )
            return Sent(sent, has_photo=picture is not None)
        except RequestFailed as refused:
            if picture is not None and isinstance(refused.outcome, PhotoRejected):
                return self.pictures.refused(picture, refused.outcome)
            return _in_topic(delivery, refused.outcome)

    async def post(
        self,
        chat: str,
        message: Message,
        buttons: Rows = (),
        *,
        picture: Photo | None = None,
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
            "reply_parameters": reply_parameters(target),
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

    async def _change(self, delivery: Delivery, message: Message, picture: Photo | None) -> None:
        """Put `message` in the place of the delivery's target. Raises Refused; with Sent if it says that already.

        A text stays a text; below a picture the caption is changed, and with a new `picture` that as well.
        """
        text, mode = (message.plain, None) if delivery.without_markup else (message.html, ParseMode.HTML)
        about: dict[str, Any] = {
            "chat_id": delivery.chat.partition(TOPIC)[0],
            "message_id": delivery.target,
            "reply_markup": self.keyboard(alert_buttons(delivery), links=delivery.kind is ChatKind.CHANNEL),
        }
        if picture is not None:
            media = telegram.InputMediaPhoto(picture.media, text, mode, filename=FILE_NAME)
            sent = await self.call(self.bot.edit_message_media(media, **about), pictured=True)
            self.pictures.arrived(picture, sent)
        elif delivery.target_has_photo:
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
            outcome = outcome_of(
                error, _status.get(), self.redact(f"{type(error).__name__}: {error}"), pictured=pictured
            )
            if outcome is None:
                raise
            raise RequestFailed(outcome) from error

    async def _note(self, answer: httpx.Response) -> None:
        self.ahead = server_clock_offset(answer.headers.get("date")) or self.ahead

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


def _in_topic(delivery: Delivery, outcome: SendOutcome) -> SendOutcome:
    """What a refusal means for this delivery: what says it already is sent, and a group that moves keeps its topics."""
    _, mark, topic = delivery.chat.partition(TOPIC)
    match outcome:
        case Sent():
            return Sent(delivery.target, delivery.target_has_photo)
        case ChatMoved(chat):
            return ChatMoved(f"{chat}{mark}{topic}")
        case _:
            return outcome


def reply_parameters(number: int | None) -> telegram.ReplyParameters | None:
    """What makes a message an answer to the one with this number, if that is still there; None = to none."""
    return None if number is None else telegram.ReplyParameters(number, allow_sending_without_reply=True)


MAX_PHOTOS = 1000
FILE_NAME = "chart.png"
OF_ONE_CHAT = ("not enough rights", "forbidden")  # it takes no pictures at all

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as it goes into a request: Telegram's own name for it or, if it has not got it, the content."""

    name: str
    media: str | bytes


async def no_stored_chart(_name: str) -> bytes | None:
    """Of a bot that keeps no pictures."""
    return None


@dataclass(slots=True)
class PhotoCache:
    """Uploads a picture once; then its name with Telegram is enough. `kept` finds the content of one."""

    kept: Callable[[str], Awaitable[bytes | None]] = no_stored_chart
    _uploaded: dict[str, str] = field(default_factory=dict)  # by our name; "" = Telegram does not take it

    async def of(self, name: str) -> Photo | None:
        """The picture with this name; None = there is none to be shown, and the text goes alone."""
        if name in self._uploaded:
            known = self._uploaded[name]
            return Photo(name, known) if known else None
        try:
            content = await self.kept(name) if name else None
        except StoreError as error:
            log.warning("a picture cannot be had, its message goes without: %s", error)
            content = None
        return None if content is None else Photo(name, content)

    def arrived(self, picture: Photo, message: telegram.Message | bool) -> None:
        """Remember what Telegram calls it."""
        if len(self._uploaded) >= MAX_PHOTOS:
            self._uploaded.clear()
        if isinstance(message, telegram.Message) and message.photo:
            self._uploaded[picture.name] = message.photo[-1].file_id

    def refused(self, picture: Photo, outcome: PhotoRejected) -> SendOutcome:
        """What it means for the delivery: a name that is not known any more is no refusal of the picture."""
        log.warning("Telegram does not take a picture: %s", outcome.reason)
        if any(one in outcome.reason.lower() for one in OF_ONE_CHAT):
            return outcome
        if isinstance(picture.media, str):
            self._uploaded.pop(picture.name, None)
            return NotSent(outcome.reason)
        self._uploaded[picture.name] = ""
        return outcome
