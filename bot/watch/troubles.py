"""What is wrong just now, and which of it have the operators not heard yet?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bot.baskets import BasketId
from bot.delivery.model import Notification
from bot.prices.bars import Symbol

MOST_NAMED = 10


class State(StrEnum):
    """Ways in which prices are not there or not to be trusted; none of them fires or resolves anything.

    UNWELL is not of prices: a sign of life of the bot itself is missing.
    """

    OUTAGE = "outage"
    STALE = "stale"
    DOUBTFUL = "doubtful"
    NO_READING = "no reading"
    UNKNOWN = "unknown symbol"
    UNWELL = "not well"


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """One thing that is wrong: with the source (about ""), an exchange, a symbol, a basket or a sign of life."""

    state: State
    about: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A trouble began at `since`, or ended `at`. `detail` says what was seen when it began."""

    trouble: Trouble
    since: datetime
    detail: str
    ended: datetime | None = None

    def __str__(self) -> str:
        what = f"{self.trouble.state} {self.trouble.about}".strip()
        return f"{what} is over after {self.ended - self.since}" if self.ended else f"{what}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Unsure:
    """An alert that nobody but the operators hears of: it holds only with, or only without, the prices of these."""

    event: Notification
    depends_on: tuple[Symbol, ...]

    def __str__(self) -> str:
        return f"unconfirmed, depends on {', '.join(self.depends_on)}: {self.event.messages[0].lines[0]}"


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Sessions that nobody could judge, for their prices never came."""

    sessions: tuple[tuple[BasketId, date], ...]

    def __str__(self) -> str:
        days = sorted({day for _, day in self.sessions}, reverse=True)
        named = [f"{day} ({', '.join(sorted(one for one, of in self.sessions if of == day))})" for day in days]
        more = [f"and {len(days) - MOST_NAMED} earlier sessions"] if len(days) > MOST_NAMED else []
        return f"could not be judged, too few prices: {'; '.join(named[:MOST_NAMED] + more)}"


@dataclass(frozen=True, slots=True)
class Troubles:
    """The troubles that the operators know of."""

    known: Mapping[Trouble, Notice] = field(default_factory=dict)

    @property
    def of_prices(self) -> Troubles:
        return Troubles({one: was for one, was in self.known.items() if one.state is not State.UNWELL})

    @property
    def of_the_bot(self) -> Troubles:
        return Troubles({one: was for one, was in self.known.items() if one.state is State.UNWELL})

    def after(self, found: Mapping[Trouble, str], now: datetime) -> tuple[Troubles, tuple[Notice, ...]]:
        """What is known after a look that found these troubles (each with what was seen), and what is to be told of it.

        Each is told once when it begins and once when it ends; the ends come first.
        """
        ends = [Notice(one, was.since, was.detail, now) for one, was in self.known.items() if one not in found]
        begun = {one: Notice(one, now, detail) for one, detail in found.items() if one not in self.known}
        going_on = {one: was for one, was in self.known.items() if one in found}
        return Troubles(going_on | begun), (*ends, *begun.values())
