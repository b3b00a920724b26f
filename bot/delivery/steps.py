"""What becomes of a delivery after an answer?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from bot.delivery.answers import (
    BadFormat,
    BadToken,
    Flood,
    Gone,
    Moved,
    NoPicture,
    NoTarget,
    NotSent,
    Outcome,
    Sent,
    Soft,
    Uncertain,
)
from bot.delivery.deliveries import MOST_WITH_PICTURE, Delivery, Manner, State

REPEAT_AFTER = timedelta(seconds=20)
MOST_COPIES = 3
UNREACHED_WAITS = (1.0, 60.0)  # seconds: the first wait, doubled up to the second
OVERLOADED_WAITS = (2.0, 120.0)
# A chat that refuses this many events, the first of them this long ago, is taken for gone.
MOST_REFUSALS = 3
REFUSALS_SPAN = timedelta(days=1)


class News(Enum):
    """What an answer says of the chat itself."""

    NONE = "none"
    HEARD = "heard"
    REFUSED = "refused"
    GONE = "gone"
    MOVED = "moved"


NEWS: dict[type[Outcome], News] = {Sent: News.HEARD, Gone: News.GONE, Soft: News.REFUSED, Moved: News.MOVED}


@dataclass(frozen=True, slots=True)
class Step:
    """The delivery as it stands since `at`, and what was learned of the chat, which was then called `chat`."""

    delivery: Delivery
    at: datetime
    chat: str
    news: News = News.NONE


@dataclass(frozen=True, slots=True)
class Chat:
    """What is remembered of a chat: whether it is gone, where it went, and its refusals since it last took one."""

    gone: bool = False
    moved_to: str = ""
    refusals: int = 0
    refused_since: datetime | None = None


def next_step(delivery: Delivery, outcome: Outcome, now: datetime, jitter: float) -> Step:
    """What the table of answers asks for.

    `delivery` is the one that was `sending`, `now` the time of the answer, `jitter` a number from 0 to 1 that keeps
    retries from coming all at once.
    """
    if outcome == Moved(delivery.chat):
        outcome = Soft(f"moved to {delivery.chat}, where it is")
    if isinstance(outcome, Uncertain) and delivery.changes:
        outcome = NotSent(outcome.reason)  # to change a message twice in the same way does no harm
    match outcome:
        case Sent(message_id, pictured):
            sent = replace(delivery, message_id=message_id, pictured=pictured)
            then = replace(sent, state=State.SENT, not_before=None, reason="")
        case Gone(reason) | Soft(reason):
            then = _fail(delivery, reason)
        case BadFormat(reason) if delivery.plain:
            then = _fail(delivery, reason)
        case NoTarget(reason) if delivery.manner is Manner.AMEND:
            then = replace(delivery, state=State.SUPERSEDED, not_before=None, reason=reason)
        case Uncertain(reason):
            then = _repeat(replace(delivery, unconfirmed=delivery.unconfirmed + 1), now, reason)
        case _:
            then = _retry(delivery, outcome, now, jitter)
    return Step(then, now, delivery.chat, NEWS.get(type(outcome), News.NONE))


def after_refusal(chat: Chat, now: datetime) -> Chat:
    """The chat after one more refused event; gone when it has refused several over more than a day."""
    since = chat.refused_since or now
    refusals = chat.refusals + 1
    gone = refusals >= MOST_REFUSALS and now - since >= REFUSALS_SPAN
    return replace(chat, refusals=refusals, refused_since=since, gone=gone)


def _retry(
    delivery: Delivery,
    outcome: NotSent | Flood | Moved | BadFormat | BadToken | NoTarget | NoPicture,
    now: datetime,
    jitter: float,
) -> Delivery:
    """It has not arrived, and we know why: once more, now or later."""
    match outcome:
        case NotSent(reason, overloaded):
            wait = _backoff(OVERLOADED_WAITS if overloaded else UNREACHED_WAITS, delivery.attempts, jitter)
            tried = replace(delivery, attempts=delivery.attempts + 1)
            return _again(tried, now + timedelta(seconds=wait), reason)
        case Flood(seconds):
            return _again(delivery, now + timedelta(seconds=seconds), f"told to wait {seconds:g} s")
        case Moved(chat):
            return _again(replace(delivery, chat=chat), now, f"moved from {delivery.chat}")
        case BadToken(reason):
            return _again(delivery, now, reason)
        case BadFormat(reason) | NoPicture(reason) | NoTarget(reason):
            return _again(_simpler(delivery, outcome), now, reason)


def _simpler(delivery: Delivery, outcome: BadFormat | NoPicture | NoTarget) -> Delivery:
    """What will be taken where this was not."""
    match outcome:
        case BadFormat():
            return replace(delivery, plain=True)
        case NoPicture():
            return replace(delivery, attempts=max(delivery.attempts, MOST_WITH_PICTURE))
        case NoTarget():
            return replace(delivery, manner=Manner.SEND, target=None)


def _backoff(waits: tuple[float, float], attempts: int, jitter: float) -> float:
    first, longest = waits
    doubled = min(longest, first * float(2 ** min(attempts, 10)))
    return doubled * (1 - jitter / 4)


def _again(delivery: Delivery, when: datetime, reason: str) -> Delivery:
    """Waiting until `when`; over if that is past the expiry. Once a copy may have arrived, it stays uncertain."""
    over = when >= delivery.expires
    waiting = State.EXPIRED if over else State.PENDING
    state = State.UNCERTAIN if delivery.unconfirmed else waiting
    return replace(delivery, state=state, not_before=None if over else when, reason=reason)


def _repeat(delivery: Delivery, now: datetime, reason: str) -> Delivery:
    """A severe alert is repeated, as long as there are copies left; a minor one is not."""
    if delivery.severe and delivery.unconfirmed < MOST_COPIES:
        return _again(delivery, now + REPEAT_AFTER, reason)
    return replace(delivery, state=State.UNCERTAIN, not_before=None, reason=reason)


def _fail(delivery: Delivery, reason: str) -> Delivery:
    return replace(delivery, state=State.FAILED, not_before=None, reason=reason)
