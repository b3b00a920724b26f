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

    `uncertain` means that a copy may have arrived; with a `not_before` it waits for its repeat. `superseded` means
    that the chat has the event by another delivery.
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
    """A chat and what it wants to hear: alerts from `min_severity` on, of `baskets` (None = all), in `language`.

    `transport` names who can reach it ("telegram", "terminal"); `chat` is that transport's name for it, with TOPIC and
    the number of a topic behind it if it is one of a group.
    """

    transport: str
    chat: str
    kind: ChatKind
    language: str = "en"
    min_severity: Severity = Severity.NOTICE
    baskets: tuple[BasketId, ...] | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """Something to be said once: `key` is unique to (basket, rule, episode, rung, phase), `id` is what people see.

    `baskets` are those it is about (two for a spread). `created` is when it was due, `expires` when it is
    no longer news; both with a zone. `messages` has one per language, at least one. With the mode EDIT it takes the
    place of the event `original` in the chats that have that, and is a message to all others that want it; with REPLY
    it goes to the former alone. With AMEND it says the same and a little more: it changes the messages about
    `original`, nobody gets one because of it, and it is void once another event has taken the original's place.
    `is_withdrawal` says that who has not got the original need not hear of it. `chart` is what there is to draw of it
    (None = nothing), `pictures` are the PNGs that were drawn, by language; with AMEND they are those of the original.
    `config` is the fingerprint of the configuration that it was judged by ("" = by none).
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
        """The message in `language`, or the first one if there is none."""
        return next((message for message in self.messages if message.language == language), self.messages[0])


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one chat, as the outbox knows it.

    `id` and `event_number` are 0 before it is stored. `not_before` is when it may be sent next; None = it is under way
    or over. `attempts` counts requests known not to have arrived, `unconfirmed` those that may have. `without_markup`
    says that the transport refused the markup. `message_id` is the transport's name for the message sent, `target` that
    of the message to edit or to reply to (None = there is none: it goes out as a message of its own). `picture` names
    what is to be shown above the text ("" = nothing). `has_photo` says that the message sent is a photo with the text
    as its caption, `target_has_photo` that the target is one.
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
    """A line of context that messages about `basket` (None = about any) carry from `written` until `until`.

    `id` is 0 before it is stored.
    """

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
    """A delivery for every chat that subscribes to `event`, in its language; a chat listed twice gets a single one."""
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
