"""Subscribers: chats with chosen baskets, severities and quiet hours."""

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
    """Hours of the day without messages, in the chat's zone: from `begin` until before `end`, also past midnight.

    `begin` and `end` differ.
    """

    begin: time
    end: time

    def ends(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The end (in UTC) of the quiet hours around `moment`; None = no quiet hours."""
        local = moment.astimezone(zone)
        if not self._cover(local.time()):
            return None
        day = local.date() + timedelta(days=self.end <= local.time())
        end = datetime.combine(day, self.end, zone).astimezone(UTC)
        if end.astimezone(zone).utcoffset() != local.utcoffset():  # the clocks change before that
            begun = moment.astimezone(UTC).replace(second=0, microsecond=0)
            minutes = (begun + timedelta(minutes=passed) for passed in count(1))
            end = next(minute for minute in minutes if not self._cover(minute.astimezone(zone).time()))
        return end

    def _cover(self, wall: time) -> bool:
        if self.begin < self.end:
            return self.begin <= wall < self.end
        return wall >= self.begin or wall < self.end


@dataclass(frozen=True, slots=True)
class BasketSubscription:
    """A chat's choice for a basket: alerts from `min_severity` on, none before `muted_until`."""

    min_severity: Severity
    muted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A chat and all stored choices; no name and no text is stored.

    `subscriptions` are by basket; with `all_baskets`, baskets configured later are added. `min_severity` is the default
    of new subscriptions. `muted_until` mutes all baskets. `zone` is a name of the time zone database.
    """

    transport: str
    chat: str
    kind: ChatKind
    since: datetime
    language: str = "en"
    subscriptions: Mapping[BasketId, BasketSubscription] = field(default_factory=dict)
    all_baskets: bool = False
    min_severity: Severity = Severity.NOTICE
    muted_until: datetime | None = None
    quiet: QuietHours | None = None
    zone: str = "UTC"

    def with_baskets(self, baskets: Iterable[BasketId]) -> Self:
        """The subscriber with `baskets` added; existing subscriptions stay unchanged."""
        return replace(
            self,
            subscriptions={
                **{basket: BasketSubscription(self.min_severity) for basket in baskets},
                **self.subscriptions,
            },
        )

    def without_basket(self, basket: BasketId) -> Self:
        """The subscriber without `basket` and without baskets configured later."""
        wishes = {kept: wish for kept, wish in self.subscriptions.items() if kept != basket}
        return replace(self, subscriptions=wishes, all_baskets=False)

    def merged_with(self, second: Self) -> Self:
        """The subscriber merged with `second`: the choices of both."""
        wishes = {**self.subscriptions, **second.subscriptions}
        for basket in self.subscriptions.keys() & second.subscriptions.keys():
            mine, theirs = self.subscriptions[basket], second.subscriptions[basket]
            until = _sooner(mine.muted_until, theirs.muted_until)
            wishes[basket] = BasketSubscription(min(mine.min_severity, theirs.min_severity), until)
        return replace(
            self,
            subscriptions=wishes,
            since=min(self.since, second.since),
            all_baskets=self.all_baskets or second.all_baskets,
            min_severity=min(self.min_severity, second.min_severity),
            muted_until=_sooner(self.muted_until, second.muted_until),
        )


def _sooner(first: datetime | None, second: datetime | None) -> datetime | None:
    """The earlier end of two mutes; None = at least one subscriber is not muted."""
    return min(first, second) if first and second else None
