"""What must be true of every delivery, whatever was done to the processes?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from bot.delivery.model import DeliveryState

LATE = timedelta(minutes=10)
REASONED = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.UNCERTAIN)
Pair = tuple[str, str]  # event, chat


@dataclass(frozen=True, slots=True)
class Copy:
    """A message that a chat has read; `date` is when, `repeated` and `late` whether it says so.

    `pictured` says that it is a picture with the text below.
    """

    event: str
    chat: str
    date: datetime
    repeated: bool = False
    late: bool = False
    pictured: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as the store has it; `number` counts events, `waiting` says that it is to be tried (again)."""

    event: str
    chat: str
    number: int
    severe: bool
    state: DeliveryState
    created: datetime
    expires: datetime
    waiting: bool = False
    unconfirmed: int = 0
    reason: str = ""

    @property
    def over(self) -> bool:
        return not self.waiting and self.state not in (DeliveryState.PENDING, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is left of a trial.

    `copies` are in the order of their arrival, `keys` those of all stored events, `wanted` what had to be delivered,
    `stopped` how many copies there were in all when a chat had stopped, `too_fast` the requests against a limit.
    """

    copies: tuple[Copy, ...]
    rows: tuple[Row, ...]
    keys: tuple[str, ...]
    wanted: frozenset[Pair]
    stopped: Mapping[str, int] = field(default_factory=dict)
    too_fast: int = 0
    written: bytes = b""
    secrets: tuple[bytes, ...] = ()

    @property
    def read(self) -> Counter[Pair]:
        """How many copies of each event each chat has."""
        return Counter((one.event, one.chat) for one in self.copies)

    @property
    def lost(self) -> list[Pair]:
        """What no chat has read, and nothing says why."""
        told = {(one.event, one.chat) for one in self.rows if one.over and one.state in REASONED and one.reason}
        return sorted(self.wanted - self.read.keys() - told)

    @property
    def duplicates(self) -> int:
        return self.read.total() - len(self.read)

    @property
    def twice(self) -> int:
        """How many events are stored too often."""
        return len(self.keys) - len(set(self.keys))


def no_event_twice(evidence: Evidence) -> Iterator[str]:
    for key, times in Counter(evidence.keys).items():
        if times > 1:
            yield f"event {key} is stored {times} times"
    for pair, times in Counter((one.event, one.chat) for one in evidence.rows).items():
        if times > 1:
            yield f"{pair} has {times} deliveries"


def all_ends(evidence: Evidence) -> Iterator[str]:
    for pair in sorted(evidence.wanted - {(one.event, one.chat) for one in evidence.rows}):
        yield f"{pair} was never stored"
    for one in evidence.rows:
        if not one.over:
            yield f"{one.event} for {one.chat} is still {one.state}"


def accepted_is_counted(evidence: Evidence) -> Iterator[str]:
    """Each copy that was read is one that was counted: the one that was sent, or one that may have arrived."""
    read = evidence.read
    for one in evidence.rows:
        copies, sent = read.pop((one.event, one.chat), 0), one.state is DeliveryState.SENT
        if not sent <= copies <= sent + one.unconfirmed:
            yield f"{one.event} for {one.chat}: {copies} copies, but {one.state} with {one.unconfirmed} unconfirmed"
    for (event, chat), copies in read.items():
        yield f"{event} for {chat}: {copies} copies and no delivery"
    seen: set[Pair] = set()
    for copy in evidence.copies:
        if (copy.event, copy.chat) in seen and not copy.repeated:
            yield f"{copy.event} for {copy.chat} came again without a mark"
        seen.add((copy.event, copy.chat))


def no_limit_broken(evidence: Evidence) -> Iterator[str]:
    if evidence.too_fast:
        yield f"{evidence.too_fast} requests came too fast"


def order_is_kept(evidence: Evidence) -> Iterator[str]:
    """Of the same urgency, a chat reads events in the order of their making."""
    place = {(one.event, one.chat): (one.severe, one.number) for one in evidence.rows}
    order: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for copy in evidence.copies:
        if (copy.event, copy.chat) in place:
            severe, number = place[copy.event, copy.chat]
            order[copy.chat, severe].append(number)
    for (chat, _), numbers in order.items():
        if any(later < earlier for earlier, later in pairwise(numbers)):
            yield f"{chat} read events in the order {numbers}"


def nothing_stale(evidence: Evidence) -> Iterator[str]:
    lives = {one.event: (one.created, one.expires) for one in evidence.rows}
    for copy in evidence.copies:
        created, expires = lives.get(copy.event, (copy.date, copy.date))
        # The server dates by whole seconds, downwards.
        if copy.date > expires or (copy.date > created + LATE and not copy.late):
            yield f"{copy.event} for {copy.chat} arrived at {copy.date} and was due at {created}"


def nothing_for_the_stopped(evidence: Evidence) -> Iterator[str]:
    for at, copy in enumerate(evidence.copies):
        if at >= evidence.stopped.get(copy.chat, at + 1):
            yield f"{copy.event} came to {copy.chat}, which had stopped"


def no_secret_shown(evidence: Evidence) -> Iterator[str]:
    for secret in evidence.secrets:
        if secret in evidence.written:
            yield "a secret was written"


def backlog_is_gone(evidence: Evidence) -> Iterator[str]:
    if waiting := sum(one.waiting for one in evidence.rows):
        yield f"{waiting} deliveries still wait"


# I9, no event from unclean data, is the watch's.
INVARIANTS: Mapping[str, Callable[[Evidence], Iterator[str]]] = {
    "I1": no_event_twice,
    "I2": all_ends,
    "I3": accepted_is_counted,
    "I4": no_limit_broken,
    "I5": order_is_kept,
    "I6": nothing_stale,
    "I7": nothing_for_the_stopped,
    "I8": no_secret_shown,
    "I10": backlog_is_gone,
}


def broken(evidence: Evidence) -> list[str]:
    """What is not as it must be, each with the number of its invariant."""
    return [f"{number}: {what}" for number, rule in INVARIANTS.items() for what in rule(evidence)]
