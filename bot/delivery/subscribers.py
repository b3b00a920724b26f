"""What does a chat that set itself up want to hear, and when?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Self
from zoneinfo import ZoneInfo

from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.model import ChatKind


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of the day in which a chat is left alone, in its own zone: from `begin` until before `end`.

    They may pass midnight; `begin` and `end` differ.
    """

    begin: time
    end: time

    def ends(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """When the quiet hours that `moment` falls into are over (in UTC); None = it falls into none."""
        local = moment.astimezone(zone)
        if not self._cover(local.time()):
            return None
        day = local.date() + timedelta(days=self.end <= local.time())
        end = datetime.combine(day, self.end, zone).astimezone(UTC)
        if end.astimezone(zone).utcoffset() != local.utcoffset():  # the clocks change before that
            begun = moment.astimezone(UTC).replace(second=0, microsecond=0)
            minutes = (begun + timedelta(minutes=one) for one in count(1))
            end = next(one for one in minutes if not self._cover(one.astimezone(zone).time()))
        return end

    def _cover(self, wall: time) -> bool:
        if self.begin < self.end:
            return self.begin <= wall < self.end
        return wall >= self.begin or wall < self.end


@dataclass(frozen=True, slots=True)
class BasketSubscription:
    """What a chat wants to hear of one basket: alerts from `lowest` on, none before `muted_until`."""

    lowest: Severity
    muted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A chat and its choices. Nothing else is known of it: no name, no text.

    `wishes` are by basket; with `everything` baskets that are configured later are added. `lowest` is that of baskets
    it adds next. `muted_until` mutes all baskets. `zone` is a name of the time zone database.
    """

    transport: str
    chat: str
    kind: ChatKind
    since: datetime
    language: str = "en"
    wishes: Mapping[BasketId, BasketSubscription] = field(default_factory=dict)
    everything: bool = False
    lowest: Severity = Severity.NOTICE
    muted_until: datetime | None = None
    quiet: QuietHours | None = None
    zone: str = "UTC"

    def adding(self, baskets: Iterable[BasketId]) -> Self:
        """With these baskets; those it has already stay as they are."""
        return replace(self, wishes={**{one: BasketSubscription(self.lowest) for one in baskets}, **self.wishes})

    def without(self, basket: BasketId) -> Self:
        """Without this basket, and so without those that are configured later."""
        rest = {one: wish for one, wish in self.wishes.items() if one != basket}
        return replace(self, wishes=rest, everything=False)

    def joined(self, other: Self) -> Self:
        """This chat once `other` has become one with it: it hears what either of them wanted to hear."""
        both = self.wishes.keys() & other.wishes.keys()
        wishes = {**self.wishes, **other.wishes, **{one: _either(self.wishes[one], other.wishes[one]) for one in both}}
        return replace(
            self,
            wishes=wishes,
            since=min(self.since, other.since),
            everything=self.everything or other.everything,
            lowest=min(self.lowest, other.lowest),
            muted_until=_sooner(self.muted_until, other.muted_until),
        )


def _either(one: BasketSubscription, other: BasketSubscription) -> BasketSubscription:
    return BasketSubscription(min(one.lowest, other.lowest), _sooner(one.muted_until, other.muted_until))


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier end of two mutes; None = one of them was not muted."""
    return min(one, other) if one and other else None
