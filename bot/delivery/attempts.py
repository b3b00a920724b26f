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
    """It arrived; `message_id` is the transport's name for it, if it has one. `pictured`: the text is a caption."""

    label: ClassVar[str] = "Sent"  # in metrics and logs
    message_id: int | None = None
    pictured: bool = False


@dataclass(frozen=True, slots=True)
class NotSent:
    """It certainly did not arrive: nobody was reached or, with `overloaded`, the other side could not work."""

    label: ClassVar[str] = "NotSent"
    reason: str
    overloaded: bool = False


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Nobody can say whether it arrived."""

    label: ClassVar[str] = "Uncertain"
    reason: str


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Too much at once: nothing for this chat during the next `seconds`."""

    label: ClassVar[str] = "Flood"
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class ChatMoved:
    """The chat is now called `chat`."""

    label: ClassVar[str] = "Moved"
    chat: str


@dataclass(frozen=True, slots=True)
class ChatGone:
    """The chat refuses for good."""

    label: ClassVar[str] = "Gone"
    reason: str


@dataclass(frozen=True, slots=True)
class ChatRefused:
    """The chat refuses this one; it need not refuse the next."""

    label: ClassVar[str] = "Soft"
    reason: str


@dataclass(frozen=True, slots=True)
class MarkupRejected:
    """The text was not understood: our bug."""

    label: ClassVar[str] = "BadFormat"
    reason: str


@dataclass(frozen=True, slots=True)
class TokenRejected:
    """We are not known there."""

    label: ClassVar[str] = "BadToken"
    reason: str


@dataclass(frozen=True, slots=True)
class TargetMissing:
    """The message to change is not there any more, or cannot be changed."""

    label: ClassVar[str] = "NoTarget"
    reason: str


@dataclass(frozen=True, slots=True)
class PhotoRejected:
    """The picture was not taken; the text would be."""

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
    """Whoever can bring a message to a chat."""

    @property
    def name(self) -> str:
        """What destinations call it: "telegram", "terminal"."""
        ...

    async def send(self, delivery: Delivery, message: Message) -> SendOutcome:
        """Send `message` to the delivery's chat, with markup unless the delivery is `plain`.

        Every failure that the transport knows is an outcome. An exception means that nobody can say what happened.
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
    """What an answer says of the chat itself."""

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
    """The delivery as it stands since `at`, and what was learned of the chat, which was then called `chat`."""

    delivery: Delivery
    at: datetime
    chat: str
    news: ChatSignal = ChatSignal.NONE


@dataclass(frozen=True, slots=True)
class ChatRecord:
    """What is remembered of a chat: whether it is gone, where it went, and its refusals since it last took one."""

    gone: bool = False
    moved_to: str = ""
    refusals: int = 0
    refused_since: datetime | None = None


def next_step(delivery: Delivery, outcome: SendOutcome, now: datetime, jitter: float) -> DeliveryStep:
    """What the table of answers asks for.

    `delivery` is the one that was `sending`, `now` the time of the answer, `jitter` a number from 0 to 1 that keeps
    retries from coming all at once.
    """
    if outcome == ChatMoved(delivery.chat):
        outcome = ChatRefused(f"moved to {delivery.chat}, where it is")
    if isinstance(outcome, Uncertain) and delivery.changes:
        outcome = NotSent(outcome.reason)  # to change a message twice in the same way does no harm
    match outcome:
        case Sent(message_id, pictured):
            sent = replace(delivery, message_id=message_id, pictured=pictured)
            then = replace(sent, state=DeliveryState.SENT, not_before=None, reason="")
        case ChatGone(reason) | ChatRefused(reason):
            then = _fail(delivery, reason)
        case MarkupRejected(reason) if delivery.plain:
            then = _fail(delivery, reason)
        case TargetMissing(reason) if delivery.manner is SendMode.AMEND:
            then = replace(delivery, state=DeliveryState.SUPERSEDED, not_before=None, reason=reason)
        case Uncertain(reason):
            then = _repeat(replace(delivery, unconfirmed=delivery.unconfirmed + 1), now, reason)
        case _:
            then = _retry(delivery, outcome, now, jitter)
    return DeliveryStep(then, now, delivery.chat, SIGNALS.get(type(outcome), ChatSignal.NONE))


def after_refusal(chat: ChatRecord, now: datetime) -> ChatRecord:
    """The chat after one more refused event; gone when it has refused several over more than a day."""
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
    """It has not arrived, and we know why: once more, now or later."""
    match outcome:
        case NotSent(reason, overloaded):
            wait = _backoff(OVERLOADED_WAITS if overloaded else UNREACHED_WAITS, delivery.attempts, jitter)
            tried = replace(delivery, attempts=delivery.attempts + 1)
            return _again(tried, now + timedelta(seconds=wait), reason)
        case RateLimited(seconds):
            return _again(delivery, now + timedelta(seconds=seconds), f"told to wait {seconds:g} s")
        case ChatMoved(chat):
            return _again(replace(delivery, chat=chat), now, f"moved from {delivery.chat}")
        case TokenRejected(reason):
            return _again(delivery, now, reason)
        case MarkupRejected(reason) | PhotoRejected(reason) | TargetMissing(reason):
            return _again(_simpler(delivery, outcome), now, reason)


def _simpler(delivery: Delivery, outcome: MarkupRejected | PhotoRejected | TargetMissing) -> Delivery:
    """What will be taken where this was not."""
    match outcome:
        case MarkupRejected():
            return replace(delivery, plain=True)
        case PhotoRejected():
            return replace(delivery, attempts=max(delivery.attempts, MAX_WITH_PHOTO))
        case TargetMissing():
            return replace(delivery, manner=SendMode.SEND, target=None)


def _backoff(waits: tuple[float, float], attempts: int, jitter: float) -> float:
    first, longest = waits
    doubled = min(longest, first * float(2 ** min(attempts, 10)))
    return doubled * (1 - jitter / 4)


def _again(delivery: Delivery, when: datetime, reason: str) -> Delivery:
    """Waiting until `when`; over if that is past the expiry. Once a copy may have arrived, it stays uncertain."""
    over = when >= delivery.expires
    waiting = DeliveryState.EXPIRED if over else DeliveryState.PENDING
    state = DeliveryState.UNCERTAIN if delivery.unconfirmed else waiting
    return replace(delivery, state=state, not_before=None if over else when, reason=reason)


def _repeat(delivery: Delivery, now: datetime, reason: str) -> Delivery:
    """A severe alert is repeated, as long as there are copies left; a minor one is not."""
    if delivery.severe and delivery.unconfirmed < MAX_COPIES:
        return _again(delivery, now + REPEAT_AFTER, reason)
    return replace(delivery, state=DeliveryState.UNCERTAIN, not_before=None, reason=reason)


def _fail(delivery: Delivery, reason: str) -> Delivery:
    return replace(delivery, state=DeliveryState.FAILED, not_before=None, reason=reason)


class Outbox(Protocol):
    """Where deliveries are kept; every method raises StoreError if it cannot be done, and then has done nothing."""

    async def claim(self, transport: str, now: datetime, limit: int, resting: Collection[str]) -> Sequence[Delivery]:
        """Up to `limit` deliveries of `transport` that are due, already stored as `sending`.

        Severe ones before minor ones, then by kind of chat, then in the order of their making. A chat has one under
        way at a time, and a message waits for its chat's earlier ones of the same urgency. Edits and replies wait for
        what they edit or answer, and have its name as `target` if there is one; edits wait for nothing else. Nothing
        is handed out for a chat of `resting`, or past its expiry.
        """
        ...

    async def record(self, steps: Sequence[DeliveryStep]) -> None:
        """Store what became of deliveries, and what was learned of their chats.

        The answer to a delivery that was erased meanwhile changes nothing; one that was cancelled is not tried again.
        """
        ...

    async def orphans(self, transport: str) -> Sequence[Delivery]:
        """Deliveries of `transport` that are stored as `sending`: the process that sent them is gone."""
        ...

    async def due(self, transport: str, now: datetime) -> bool:
        """Whether `claim` would hand something out if no chat were resting."""
        ...
