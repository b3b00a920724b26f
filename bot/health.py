"""Is the bot well, and how does it stand, as those see it who look from outside?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bot.baskets import BasketId
from bot.watch.look import Look
from bot.watch.troubles import Notice

# Seconds. A look may take longer than the pause between two, but never so long without getting on.
STUCK = 35.0  # beyond what one request may take, or beyond the time of the next look
POLLS, ALLOWANCE = 3, 300.0  # so many looks may come to nothing, and so long they may take
DEAF = 180.0  # without an answer to a look for what people write; each waits 30 s by itself


class Sign(StrEnum):
    """What shows that the bot lives."""

    EVALUATION = "evaluation"
    COMMANDS = "commands"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class Vitals:
    """Signs of life; moments are seconds of the monotonic clock, None = not yet.

    Since `since` the process `works`, or stands by. A look is due every `poll` seconds, and may wait `request` seconds
    for a price; one was last complete at `evaluated`, and the loop last got on at `moved` (while `resting` it waits for
    the next). `trouble` is why the last one came to nothing. If it `listens`, it last heard Telegram at `heard`.
    `failing` are the words of those whose last attempt at the store, or at their work, failed.
    """

    since: float
    works: bool
    poll: float = 300.0
    request: float = 20.0
    evaluated: float | None = None
    moved: float | None = None
    resting: bool = False
    trouble: str = ""
    listens: bool = False
    heard: float | None = None
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong, by sign, in words; a bot that works and is `starting` has not looked at all prices yet."""

    works: bool
    wrong: Mapping[Sign, str] = field(default_factory=dict)
    starting: bool = False

    @property
    def ready(self) -> bool:
        """Whether it does its work; one that stands by does, for it waits for nothing but the lease."""
        return not self.wrong and not self.starting

    def __str__(self) -> str:
        if self.wrong:
            return "\n".join(f"{sign}: {said}" for sign, said in self.wrong.items())
        if not self.works:
            return "stands by: another process works"
        return "the first look is under way" if self.starting else "works"


def examine(vitals: Vitals, now: float) -> Health:
    """What the signs of life say at `now`, in seconds of the same clock."""
    return Health(vitals.works, dict(_wrong(vitals, now)), vitals.works and vitals.evaluated is None)


def _wrong(vitals: Vitals, now: float) -> Iterator[tuple[Sign, str]]:
    if vitals.works and (said := _evaluation(vitals, now)):
        yield Sign.EVALUATION, said
    if vitals.works and vitals.listens and now - _last(vitals.heard, vitals.since) > DEAF:
        yield Sign.COMMANDS, f"Telegram was not heard for {_minutes(now - _last(vitals.heard, vitals.since))}"
    if vitals.failing:
        yield Sign.WORK, "; ".join(dict.fromkeys(vitals.failing))


def _evaluation(vitals: Vitals, now: float) -> str:
    silent = now - _last(vitals.moved, vitals.since)
    if vitals.resting and silent > vitals.poll + STUCK:
        return f"the next look is overdue by {_minutes(silent - vitals.poll)}"
    if not vitals.resting and silent > vitals.request + STUCK:
        return f"a look has not got on for {_minutes(silent)}"
    age = now - _last(vitals.evaluated, vitals.since)
    if age > POLLS * vitals.poll + ALLOWANCE:
        return f"no look was complete for {_minutes(age)}{vitals.trouble and f': {vitals.trouble}'}"
    return ""


def _last(moment: float | None, since: float) -> float:
    return since if moment is None else max(moment, since)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


@dataclass(frozen=True, slots=True)
class Standing:
    """A basket, by name, and the latest session that it was judged on."""

    basket: BasketId
    name: str
    judged: date | None


@dataclass(frozen=True, slots=True)
class Report:
    """How the bot stands at `now`: its health, since when it works or stands by, and how often the lease was taken or
    given up (`epoch`).

    A bot that stands by has nothing more to tell. `counts` are what happened since then, by loop and name; `waiting`
    are the messages to be sent, the oldest of them due at `oldest`. None = not yet, or not known.
    """

    now: datetime
    health: Health
    since: datetime
    epoch: int | None = None
    evaluated: datetime | None = None
    listens: bool = False
    heard: datetime | None = None
    look: Look | None = None
    baskets: tuple[Standing, ...] = ()
    troubles: tuple[Notice, ...] = ()
    waiting: int | None = None
    oldest: datetime | None = None
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
