"""What does a rule remember between sessions?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple, NewType

from bot.alerts.rules import Severity
from bot.baskets import BasketId

EpisodeId = NewType("EpisodeId", str)


class Reason(StrEnum):
    """Why an evaluation ended as it did; the first seven change something, the others are silence."""

    FIRST = "first"
    ESCALATED = "escalated"
    DEEPENED = "deepened"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    CORRECTED = "corrected"
    CLOSED = "closed"
    BELOW_THRESHOLD = "below threshold"
    SAME_RUNG = "same rung"
    MUTED = "muted by its basket"
    NOT_FINAL = "not final"
    NO_READING = "no reading"
    SUSPECT = "suspect data"


class Phase(StrEnum):
    """Whether the session's closes were final when the alert was made."""

    PROVISIONAL = "provisional"
    FINAL = "final"


class Subject(NamedTuple):  # the key of what is remembered: a tuple is compared at a tenth of a dataclass's time
    """What a rule is asked about: a basket, one of its members, or a spread (basket minus `against`)."""

    rule: str
    basket: BasketId
    member: str = ""
    against: str = ""

    @property
    def key(self) -> str:
        return f"{self.rule}/{self.basket}/{self.member}/{self.against}"


@dataclass(frozen=True, slots=True)
class Episode:
    """An open episode: the deepest rung alerted, the move it was alerted at, and how long it has been quiet.

    `quiet` counts sessions without any rung since the last one with a rung.
    """

    id: EpisodeId
    opened: date
    severity: Severity
    move: float
    quiet: int = 0
    phase: Phase = Phase.FINAL

    def after_quiet(self, sessions: int) -> Episode:
        """The same episode after that many sessions without any rung (`replace` is slow, and this is asked often)."""
        if sessions == self.quiet:
            return self
        return Episode(self.id, self.opened, self.severity, self.move, sessions, self.phase)


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a session before it was over: the event's key, and how loud it was."""

    event: str
    session: date
    severity: Severity


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of one subject: the last session judged as final, and the open episode if there is one.

    `told` is what was said of the session after that one while it was under way.
    """

    judged: date | None = None
    episode: Episode | None = None
    told: Told | None = None
