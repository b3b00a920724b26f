"""Send outcomes, retry and backoff table, transport and outbox protocols."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import ClassVar, Protocol

from bot.delivery.model import MAX_WITH_PHOTO, Delivery, DeliveryState, SendMode
from bot.messages.message import Message


@dataclass(frozen=True, slots=True)
class Sent:
    """Arrived; `message_id` is the transport's id, if any. `has_photo`: the text is a caption."""

    label: ClassVar[str] = "Sent"  # in metrics and logs
    message_id: int | None = None
    has_photo: bool = False


@dataclass(frozen=True, slots=True)
class NotSent:
    """Certainly not arrived: no connection or, with `overloaded`, an error of the server."""

    label: ClassVar[str] = "NotSent"
    reason: str
    overloaded: bool = False


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Arrival unknown."""

    label: ClassVar[str] = "Uncertain"
    reason: str


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Rate limit exceeded: no message to this chat for `seconds`."""

    label: ClassVar[str] = "Flood"
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class ChatMoved:
    """The chat has a new id, `chat`."""

    label: ClassVar[str] = "Moved"
    chat: str


@dataclass(frozen=True, slots=True)
class ChatGone:
    """The chat refuses permanently."""

    label: ClassVar[str] = "Gone"
    reason: str


@dataclass(frozen=True, slots=True)
class ChatRefused:
    """The chat refuses the message; later messages may be accepted."""

    label: ClassVar[str] = "Soft"
    reason: str


@dataclass(frozen=True, slots=True)
class MarkupRejected:
    """The markup was not understood: an internal error."""

    label: ClassVar[str] = "BadFormat"
    reason: str


@dataclass(frozen=True, slots=True)
class TokenRejected:
    """The bot token is not accepted."""

    label: ClassVar[str] = "BadToken"
    reason: str


@dataclass(frozen=True, slots=True)
class TargetMissing:
    """The message to edit is gone or cannot be edited."""

    label: ClassVar[str] = "NoTarget"
    reason: str


@dataclass(frozen=True, slots=True)
class PhotoRejected:
    """The photo was refused; the text would be accepted."""

    label: ClassVar[str] = "NoPicture"
    reason: str


SendOutcome = (
    Sent
    | NotSent
    | Uncertain
    | RateLimited
    | ChatMoved
    | ChatGone
    | ChatRefused
    | MarkupRejected
    | TokenRejected
    | TargetMissing
    | PhotoRejected
)
TOKEN_PATIENCE = 600.0  # seconds of BadToken after which the token is taken for wrong


class Transport(Protocol):
    """A channel that sends messages to chats."""

    @property
    def name(self) -> str:
        """The name in destinations: "telegram", "terminal"."""
        ...

    async def send(self, delivery: Delivery, message: Message) -> SendOutcome:
        """Send `message` to the delivery's chat, with markup unless the delivery is `plain`.

        Every failure known to the transport is an outcome; after an exception the arrival is unknown.
        """
        ...


REPEAT_AFTER = timedelta(seconds=20)
MAX_COPIES = 3
UNREACHED_WAITS = (1.0, 60.0)  # seconds: the first wait, doubled up to the second
OVERLOADED_WAITS = (2.0, 120.0)
# A chat that refuses this many events, the first of them this long ago, is taken for gone.
MAX_REFUSALS = 3
REFUSALS_SPAN = timedelta(days=1)


class ChatSignal(Enum):
    """The meaning of an outcome for the chat itself."""

    NONE = "none"
    HEARD = "heard"
    REFUSED = "refused"
    GONE = "gone"
    MOVED = "moved"


SIGNALS: dict[type[SendOutcome], ChatSignal] = {
    Sent: ChatSignal.HEARD,
    ChatGone: ChatSignal.GONE,
    ChatRefused: ChatSignal.REFUSED,
    ChatMoved: ChatSignal.MOVED,
}


@dataclass(frozen=True, slots=True)
class DeliveryStep:
    """The delivery after an outcome at time `at`, and the signal about its chat, with the id `chat` at that time."""

    delivery: Delivery
    at: datetime
    chat: str
    news: ChatSignal = ChatSignal.NONE


@dataclass(frozen=True, slots=True)
class ChatRecord:
    """The stored record of a chat: gone or not, new id, refusals since the last accepted message."""

    gone: bool = False
    moved_to: str = ""
    refusals: int = 0
    refused_since: datetime | None = None


def next_step(delivery: Delivery, outcome: SendOutcome, now: datetime, jitter: float) -> DeliveryStep:
    """The next step of a `sending` delivery after an outcome.

    `now` is the time of the outcome, `jitter` a number from 0 to 1 that spreads retries.
    """
    if outcome == ChatMoved(delivery.chat):
        outcome = ChatRefused(f"moved to {delivery.chat}, where it is")
    if isinstance(outcome, Uncertain) and delivery.is_edit:
        outcome = NotSent(outcome.reason)  # to change a message twice in the same way does no harm
    match outcome:
        case Sent(message_id, pictured):
            sent = replace(delivery, message_id=message_id, has_photo=pictured)
            updated = replace(sent, state=DeliveryState.SENT, not_before=None, reason="")
        case ChatGone(reason) | ChatRefused(reason):
            updated = _fail(delivery, reason)
        case MarkupRejected(reason) if delivery.without_markup:
            updated = _fail(delivery, reason)
        case TargetMissing(reason) if delivery.mode is SendMode.AMEND:
            updated = replace(delivery, state=DeliveryState.SUPERSEDED, not_before=None, reason=reason)
        case Uncertain(reason):
            updated = _repeat(replace(delivery, unconfirmed=delivery.unconfirmed + 1), now, reason)
        case _:
            updated = _retry(delivery, outcome, now, jitter)
    return DeliveryStep(updated, now, delivery.chat, SIGNALS.get(type(outcome), ChatSignal.NONE))


def after_refusal(chat: ChatRecord, now: datetime) -> ChatRecord:
    """The chat after another refusal; gone after MAX_REFUSALS over at least REFUSALS_SPAN."""
    since = chat.refused_since or now
    refusals = chat.refusals + 1
    gone = refusals >= MAX_REFUSALS and now - since >= REFUSALS_SPAN
    return replace(chat, refusals=refusals, refused_since=since, gone=gone)


def _retry(
    delivery: Delivery,
    outcome: NotSent | RateLimited | ChatMoved | MarkupRejected | TokenRejected | TargetMissing | PhotoRejected,
    now: datetime,
    jitter: float,
) -> Delivery:
    """The delivery waiting for another attempt, after an outcome that certainly did not arrive."""
    match outcome:
        case NotSent(reason, overloaded):
            first, longest = OVERLOADED_WAITS if overloaded else UNREACHED_WAITS
            wait = min(longest, first * float(2 ** min(delivery.attempts, 10))) * (1 - jitter / 4)
            tried = replace(delivery, attempts=delivery.attempts + 1)
            return _again(tried, now + timedelta(seconds=wait), reason)
        case RateLimited(seconds):
            return _again(delivery, now + timedelta(seconds=seconds), f"told to wait {seconds:g} s")
        case ChatMoved(chat):
            return _again(replace(delivery, chat=chat), now, f"moved from {delivery.chat}")
        case TokenRejected(reason):
            return _again(delivery, now, reason)
        case MarkupRejected(reason) | PhotoRejected(reason) | TargetMissing(reason):
            simpler = {
                MarkupRejected: replace(delivery, without_markup=True),
                PhotoRejected: replace(delivery, attempts=max(delivery.attempts, MAX_WITH_PHOTO)),
                TargetMissing: replace(delivery, mode=SendMode.SEND, target=None),
            }
            return _again(simpler[type(outcome)], now, reason)


def _again(delivery: Delivery, when: datetime, reason: str) -> Delivery:
    """The delivery waiting until `when`, or expired by then; uncertain once a copy may have arrived."""
    over = when >= delivery.expires
    waiting = DeliveryState.EXPIRED if over else DeliveryState.PENDING
    state = DeliveryState.UNCERTAIN if delivery.unconfirmed else waiting
    return replace(delivery, state=state, not_before=None if over else when, reason=reason)


def _repeat(delivery: Delivery, now: datetime, reason: str) -> Delivery:
    """The delivery after an uncertain outcome: severe alerts repeat up to MAX_COPIES, others do not."""
    if delivery.severe and delivery.unconfirmed < MAX_COPIES:
        return _again(delivery, now + REPEAT_AFTER, reason)
    return replace(delivery, state=DeliveryState.UNCERTAIN, not_before=None, reason=reason)


def _fail(delivery: Delivery, reason: str) -> Delivery:
    return replace(delivery, state=DeliveryState.FAILED, not_before=None, reason=reason)


class Outbox(Protocol):
    """The store of deliveries; every method raises StoreError on failure, and then has changed nothing."""

    async def claim(self, transport: str, now: datetime, limit: int, resting: Collection[str]) -> Sequence[Delivery]:
        """Up to `limit` due deliveries of `transport`, already stored as `sending`.

        Order: severe before minor, then kind of chat, then creation. A chat has at most one delivery under way, and a
        message waits for earlier messages of the same urgency to the same chat. Edits and replies wait for the delivery
        they edit or answer, and get the message id as `target` if there is any; edits wait for nothing else. Never
        returned: deliveries for a chat of `resting`, and expired deliveries.
        """
        ...

    async def record(self, steps: Sequence[DeliveryStep]) -> None:
        """Store the steps of deliveries and the signals about chats.

        An outcome of an erased delivery changes nothing; a cancelled delivery is not tried again.
        """
        ...

    async def orphans(self, transport: str) -> Sequence[Delivery]:
        """Deliveries of `transport` stored as `sending` by a process that is gone."""
        ...

    async def due(self, transport: str, now: datetime) -> bool:
        """Whether `claim` would hand something out if no chat were resting."""
        ...
