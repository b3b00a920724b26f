"""Telegram transport: sends, edits, replies, uploaded photos."""

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

# Without it the library warns of a coming change at every retry_after.
os.environ["PTB_TIMEDELTA"] = "true"
PUBLIC_API = "https://api.telegram.org/bot"
CONNECTIONS = 16

T = TypeVar("T")
Rows = Sequence[Sequence[Button]]

# The HTTP status of the last answer in the running task: the exceptions of the library do not carry it.
_status: ContextVar[int | None] = ContextVar("status", default=None)


class _StatusRecordingRequest(HTTPXRequest):
    """Requests of the library that also record the status of the answer."""

    __slots__ = ()

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*args, **kwargs)
        _status.set(status)
        return status, payload


class _UpdateRequest(_StatusRecordingRequest):
    """The same for updates, without the unreadable ones."""

    __slots__ = ()

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*args, **kwargs)
        return status, drop_unreadable(payload)


class RequestFailed(Exception):
    """A failed request with its outcome."""

    def __init__(self, outcome: SendOutcome) -> None:
        self.outcome = outcome
        super().__init__(str(outcome))


class TelegramClient:
    """Client of the Bot API at `base_url`; timeouts in seconds.

    `name_of_bot` is the user name of the bot ("" before `fetch_bot_name`), which links need. `ahead` is the lead of
    Telegram's clock at the last answer. `pictures` holds the photos of deliveries.
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
        # Updates have a connection of their own: long polling occupies it nearly always.
        sending, polling = (
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
        self._requests = (sending, polling)
        self.bot = telegram.Bot(token, base_url=base_url, request=sending, get_updates_request=polling)
        self.name_of_bot = ""
        self.ahead: timedelta | None = None
        self.pictures = PhotoCache(stored_chart)
        self._no_preview = telegram.LinkPreviewOptions(is_disabled=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for request in self._requests:
            await request.shutdown()

    async def send(self, delivery: Delivery, message: Message) -> SendOutcome:
        """Send `message` to the chat of the delivery; refusals and network failures are outcomes, too."""
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
        """Send a message, as a reply to `target` unless None; returns its message id. Raises RequestFailed.

        `links` turns buttons into links to the bot, for channels, where button presses have no known user.
        """
        group, _, topic = chat.partition(TOPIC)
        text = message.plain if plain else message.html
        options: dict[str, Any] = {
            "message_thread_id": int(topic) if topic else None,
            "parse_mode": None if plain else ParseMode.HTML,
            "reply_parameters": reply_parameters(target),
            "reply_markup": self.keyboard(buttons, links=links),
        }
        if picture is None:
            work = self.bot.send_message(group, text, link_preview_options=self._no_preview, **options)
            return (await self.call(work)).message_id
        sent = await self.call(
            self.bot.send_photo(group, picture.media, text, filename=FILE_NAME, **options), has_photo=True
        )
        self.pictures.arrived(picture, sent)
        return sent.message_id

    async def _change(self, delivery: Delivery, message: Message, picture: Photo | None) -> None:
        """Edit the target of the delivery. Raises RequestFailed, with Sent if the message is the same already.

        A text stays a text; of a photo the caption is edited, with a new `picture` the photo as well.
        """
        text, mode = (message.plain, None) if delivery.without_markup else (message.html, ParseMode.HTML)
        options: dict[str, Any] = {
            "chat_id": delivery.chat.partition(TOPIC)[0],
            "message_id": delivery.target,
            "reply_markup": self.keyboard(alert_buttons(delivery), links=delivery.kind is ChatKind.CHANNEL),
        }
        if picture is not None:
            media = telegram.InputMediaPhoto(picture.media, text, mode, filename=FILE_NAME)
            sent = await self.call(self.bot.edit_message_media(media, **options), has_photo=True)
            self.pictures.arrived(picture, sent)
        elif delivery.target_has_photo:
            await self.call(self.bot.edit_message_caption(caption=text, parse_mode=mode, **options))
        else:
            preview = self._no_preview
            await self.call(self.bot.edit_message_text(text, parse_mode=mode, link_preview_options=preview, **options))

    async def call(self, work: Awaitable[T], *, has_photo: bool = False) -> T:
        """The answer to a request, with a photo or without; raises RequestFailed with the outcome."""
        _status.set(None)
        try:
            return await work
        except FAILURES as error:
            outcome = outcome_of(
                error, _status.get(), self.redact(f"{type(error).__name__}: {error}"), has_photo=has_photo
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
        """The keyboard of rows of buttons; None without buttons, or for links without the name of the bot."""
        if not buttons or (links and not self.name_of_bot):
            return None
        key, base = telegram.InlineKeyboardButton, f"https://t.me/{self.name_of_bot}?start="
        if not links:
            return telegram.InlineKeyboardMarkup(
                [[key(button.label, callback_data=button.command) for button in row] for row in buttons]
            )
        linked = [[button for button in row if button.command.partition(" ")[0] in LINKED] for row in buttons]
        return telegram.InlineKeyboardMarkup(
            [[key(button.label, url=base + button.command.replace(" ", LINK_GAP)) for button in row] for row in linked]
        )


def _in_topic(delivery: Delivery, outcome: SendOutcome) -> SendOutcome:
    """The outcome for this delivery: an unchanged message counts as sent, a moved group keeps its topic."""
    _, separator, topic = delivery.chat.partition(TOPIC)
    match outcome:
        case Sent():
            return Sent(delivery.target, delivery.target_has_photo)
        case ChatMoved(chat):
            return ChatMoved(f"{chat}{separator}{topic}")
        case _:
            return outcome


def reply_parameters(number: int | None) -> telegram.ReplyParameters | None:
    """The parameters of a reply to the message `number`, sent even if that is gone; None for None."""
    return None if number is None else telegram.ReplyParameters(number, allow_sending_without_reply=True)


MAX_PHOTOS = 1000
FILE_NAME = "chart.png"
OF_ONE_CHAT = ("not enough rights", "forbidden")  # the chat takes no photos at all

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of a request: `media` is Telegram's file id or, before the upload, the content."""

    name: str
    media: str | bytes


@dataclass(slots=True)
class PhotoCache:
    """File ids of uploaded photos; `load` gives the content of a photo by name (None: no photos are stored)."""

    load: Callable[[str], Awaitable[bytes | None]] | None = None
    _uploaded: dict[str, str] = field(default_factory=dict)  # name -> file id; "" = refused by Telegram

    async def of(self, name: str) -> Photo | None:
        """The photo with this name; None = no such photo, or a refused one: the text goes alone."""
        if name in self._uploaded:
            file_id = self._uploaded[name]
            return Photo(name, file_id) if file_id else None
        try:
            content = await self.load(name) if name and self.load else None
        except StoreError as error:
            log.warning("a picture cannot be had, its message goes without: %s", error)
            content = None
        return None if content is None else Photo(name, content)

    def arrived(self, picture: Photo, message: telegram.Message | bool) -> None:
        """Store the file id of a sent photo."""
        if len(self._uploaded) >= MAX_PHOTOS:
            self._uploaded.clear()
        if isinstance(message, telegram.Message) and message.photo:
            self._uploaded[picture.name] = message.photo[-1].file_id

    def refused(self, picture: Photo, outcome: PhotoRejected) -> SendOutcome:
        """The outcome for the delivery; a stale file id is no refusal of the photo: its content is sent next time."""
        log.warning("Telegram does not take a picture: %s", outcome.reason)
        if any(phrase in outcome.reason.lower() for phrase in OF_ONE_CHAT):
            return outcome
        if isinstance(picture.media, str):
            self._uploaded.pop(picture.name, None)
            return NotSent(outcome.reason)
        self._uploaded[picture.name] = ""
        return outcome
