"""What is wrong just now, and which of it have the operators not heard yet?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.delivery import Event
from bot.prices import Symbol


class State(StrEnum):
    """Ways in which prices are not there or not to be trusted; none of them fires or resolves anything."""

    OUTAGE = "outage"
    STALE = "stale"
    DOUBTFUL = "doubtful"
    NO_READING = "no reading"
    UNKNOWN = "unknown symbol"


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """One thing that is wrong: with the source (about ""), an exchange, a symbol or a basket."""

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

    event: Event
    depends_on: tuple[Symbol, ...]

    def __str__(self) -> str:
        return f"unconfirmed, depends on {', '.join(self.depends_on)}: {self.event.messages[0].lines[0]}"


@dataclass(frozen=True, slots=True)
class Troubles:
    """The troubles that the operators know of."""

    known: Mapping[Trouble, Notice] = field(default_factory=dict)

    def after(self, found: Mapping[Trouble, str], now: datetime) -> tuple[Troubles, tuple[Notice, ...]]:
        """What is known after a look that found these troubles (each with what was seen), and what is to be told of it.

        Each is told once when it begins and once when it ends; the ends come first.
        """
        ends = [Notice(one, was.since, was.detail, now) for one, was in self.known.items() if one not in found]
        begun = {one: Notice(one, now, detail) for one, detail in found.items() if one not in self.known}
        going_on = {one: was for one, was in self.known.items() if one in found}
        return Troubles(going_on | begun), (*ends, *begun.values())
