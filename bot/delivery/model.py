"""Notification, delivery, destination, note, silence, routing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NewType

from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.messages.message import Message

if TYPE_CHECKING:
    from bot.chart.data import ChartData

TOPIC = "/"  # between the number of a group and that of one of its topics
NotificationKey = NewType("NotificationKey", str)
DeliveryId = NewType("DeliveryId", int)
# Failed requests after which a text goes without its picture: that may be what keeps it.
MAX_WITH_PHOTO = 2


class ChatKind(IntEnum):
    """The kind of a chat; also the order of sending."""

    TERMINAL = 0
    CHANNEL = 1
    GROUP = 2
    PRIVATE = 3


class DeliveryState(StrEnum):
    """The state of a delivery.

    `uncertain`: a copy may have arrived; with a `not_before` the delivery waits for a repeat. `superseded`: the chat
    has the notification by another delivery.
    """

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


class SendMode(StrEnum):
    """The mode of sending: a new message, or an edit of or a reply to an earlier one."""

    SEND = "send"
    EDIT = "edit"
    AMEND = "amend"
    REPLY = "reply"


CHANGES = frozenset({SendMode.EDIT, SendMode.AMEND})  # a message that is there, without a sound


@dataclass(frozen=True, slots=True)
class Destination:
    """A chat with a filter: alerts from `min_severity` on, of `baskets` (None = all), in `language`.

    `transport` is the name of a transport ("telegram", "terminal"); `chat` is the transport's name of the chat, for a
    topic of a group followed by TOPIC and the topic's number.
    """

    transport: str
    chat: str
    kind: ChatKind
    language: str = "en"
    min_severity: Severity = Severity.NOTICE
    baskets: tuple[BasketId, ...] | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """A message for all subscribed chats: `key` is unique to (basket, rule, episode, level, phase), `id` is shown to
    readers.

    `baskets` are the subjects (two for a spread). `created` and `expires` have a zone; an expired notification is not
    sent. `messages` has at least one entry, by language. The mode EDIT replaces the notification `original` in chats
    with the original, and is a new message for all other subscribers; REPLY goes only to chats with the original. AMEND
    adds details to the messages about `original`, is never sent as a new message, and is void once the original was
    replaced. `is_withdrawal`: chats without the original get nothing. `chart` is the data of a picture (None = no
    picture), `pictures` are PNGs by language; with AMEND the pictures of the original. `config` is the fingerprint of
    the configuration ("" = unknown).
    """

    key: NotificationKey
    id: str
    baskets: tuple[BasketId, ...]
    severity: Severity
    session: date
    created: datetime
    expires: datetime
    messages: tuple[Message, ...]
    mode: SendMode = SendMode.SEND
    original: NotificationKey | None = None
    is_withdrawal: bool = False
    chart: ChartData | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    config: str = ""

    @property
    def severe(self) -> bool:
        return self.severity >= Severity.SEVERE

    def message(self, language: str) -> Message:
        """The message in `language`, or else the first message."""
        return next((message for message in self.messages if message.language == language), self.messages[0])


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification for one chat, as stored in the outbox.

    `id` and `event_number` are 0 before storing. `not_before` is the earliest time of the next attempt; None = under
    way or over. `attempts` counts requests that failed for certain, `unconfirmed` requests that may have arrived.
    `without_markup`: the transport refused the markup. `message_id` is the transport's id of the sent message, `target`
    the id of the message to edit or to answer (None = send a new message). `picture` is the name of the picture above
    the text ("" = no picture). `has_photo`: the sent message is a photo with a caption; `target_has_photo`: so is the
    target.
    """

    event: NotificationKey
    event_id: str
    severity: Severity
    created: datetime
    expires: datetime
    transport: str
    chat: str
    kind: ChatKind
    message: Message
    not_before: datetime | None
    id: DeliveryId = DeliveryId(0)
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    unconfirmed: int = 0
    without_markup: bool = False
    message_id: int | None = None
    reason: str = ""
    mode: SendMode = SendMode.SEND
    target: int | None = None
    baskets: tuple[BasketId, ...] = ()
    session: date | None = None
    event_number: int = 0
    picture: str = ""
    has_photo: bool = False
    target_has_photo: bool = False
    config: str = ""

    @property
    def severe(self) -> bool:
        return self.severity >= Severity.SEVERE

    @property
    def is_edit(self) -> bool:
        """Whether the delivery edits an existing message."""
        return self.mode in CHANGES and self.target is not None

    @property
    def photo_name(self) -> str:
        """The photo to send with the text, "" = none; a text message cannot be edited into a photo."""
        hindered = self.unconfirmed or self.without_markup or self.attempts >= MAX_WITH_PHOTO
        there = self.is_edit and (self.mode is SendMode.AMEND or not self.target_has_photo)
        return "" if hindered or there else self.picture

    @property
    def is_caption(self) -> bool:
        """Whether the text stands below a picture."""
        return self.target_has_photo if self.is_edit else bool(self.photo_name)


NoteId = NewType("NoteId", int)


@dataclass(frozen=True, slots=True)
class Note:
    """A line of context in messages about `basket` (None = any) from `written` to `until`; `id` is 0 before storing."""

    basket: BasketId | None
    text: str
    written: datetime
    until: datetime
    id: NoteId = NoteId(0)


@dataclass(frozen=True, slots=True)
class Silence:
    """No notification about `basket` (None = any) is sent until `until`; `reason` is not empty."""

    basket: BasketId | None
    until: datetime
    reason: str


def route(event: Notification, destinations: Iterable[Destination]) -> tuple[Delivery, ...]:
    """A delivery for every chat subscribed to `event`, in the chat's language; a chat listed twice gets a single
    delivery.
    """
    chats = {
        (destination.transport, destination.chat): destination
        for destination in destinations
        if event.severity >= destination.min_severity
        and (destination.baskets is None or not set(event.baskets).isdisjoint(destination.baskets))
    }
    return tuple(
        Delivery(
            event=event.key,
            event_id=event.id,
            severity=event.severity,
            created=event.created,
            expires=event.expires,
            transport=destination.transport,
            chat=destination.chat,
            kind=destination.kind,
            message=event.message(destination.language),
            not_before=event.created,
            baskets=event.baskets,
            session=event.session,
            config=event.config,
        )
        for destination in chats.values()
    )
