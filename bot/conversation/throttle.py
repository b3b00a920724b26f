"""How much may one person or one chat ask?"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

CAPACITY = 8.0  # commands at once
# Commands in the long run. A group may be sent one message in three seconds, and its alerts shall find room.
PER_SECOND = 0.25
MOST_KNOWN = 10_000  # whoever has not asked for longest is forgotten, and so welcome


class Admission(Enum):
    """Whether a command is answered, refused, or passed over; it is refused once, until the bucket is full again."""

    WELCOME = "welcome"
    REFUSED = "refused"
    IGNORED = "ignored"


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float
    told: bool = False


class Throttle:
    """A bucket for each person and each chat; a command takes one drop of each. `now` is monotonic, in seconds."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def admit(self, names: Iterable[str], now: float) -> Admission:
        buckets = [self._filled(name, now) for name in names]
        empty = [bucket for bucket in buckets if bucket.level < 1]
        if not empty:
            for bucket in buckets:
                bucket.level -= 1
            return Admission.WELCOME
        told = all(bucket.told for bucket in empty)
        for bucket in empty:
            bucket.told = True
        return Admission.IGNORED if told else Admission.REFUSED

    def _filled(self, name: str, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(name, _Bucket(CAPACITY, now))
        self._buckets.move_to_end(name)
        if len(self._buckets) > MOST_KNOWN:
            self._buckets.popitem(last=False)
        bucket.level = min(CAPACITY, bucket.level + (now - bucket.at) * PER_SECOND)
        bucket.at = now
        bucket.told = bucket.told and bucket.level < CAPACITY
        return bucket
