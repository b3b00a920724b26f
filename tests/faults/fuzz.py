"""A hundred thousand markets, each with one injected error, and an oracle that knows what truly happened.

A market is a few sessions of one long history: errors lie so far apart that no move sees two of them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import product

import numpy as np

from bot.alerts import questions
from bot.baskets import assemble
from bot.pipeline import survey
from bot.prices import Bars, Calendar, CalendarCode, Floats, Symbol, screen
from bot.statistics import Board
from bot.watch.agreement import Answers, Doubted, answer
from bot.watch.gate import HOLD, Gate, Screened
from tests.faults.mutators import MUTATORS, Feed
from tests.world import NEW_YORK, basket, book, rule

MEMBERS = tuple(Symbol(f"M{number:02}") for number in range(20))
RUNG = -0.03  # the two-session move from which on the rule speaks
STRIDE = 7  # sessions from one error to the next: it lasts four, and the sixth sees its end no more
BOOK = book([basket("all", *MEMBERS)], rule("fall", "all", rungs={"notice": {"move": RUNG}, "severe": {"move": -0.12}}))
NOW = datetime(2100, 1, 4, 22, tzinfo=UTC)


@dataclass
class Tally:
    """What came of so many trials; `false` and `missed` count by mutator."""

    trials: int = 0
    true: int = 0
    true_at_once: int = 0
    false: Counter[str] = field(default_factory=Counter)
    missed_at_once: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    unconfirmed: int = 0

    def __str__(self) -> str:
        quiet = self.trials - self.true
        return (
            f"{self.trials:,} trials of {len(MUTATORS)} errors: false confirmed {self.false.total()} of {quiet:,}"
            f" without a true event; of {self.true:,} true events missed at once {self.missed_at_once.total()}, after"
            f" the hold {self.missed.total()}; {self.unconfirmed:,} times the operators heard of something unconfirmed"
        )


@dataclass(frozen=True)
class Long:
    """A calendar of weekdays that is long enough."""

    calendar: Calendar

    def get(self, code: CalendarCode) -> Calendar:
        return self.calendar


def weekdays(count: int) -> Long:
    days = np.busday_offset(np.datetime64("1930-01-01"), np.arange(count), roll="forward")
    midnights = days.astype("M8[s]").astype(np.int64)
    return Long(Calendar(NEW_YORK, "UTC", days, midnights + 52_200, midnights + 75_600))


def true_closes(errors: int, rng: np.random.Generator) -> Floats:
    """Closes of shape (sessions, members): calm, and at one error in four everybody falls for two sessions."""
    sessions = STRIDE * (errors + 4)
    moves = rng.normal(0, 0.008, (sessions, 1)) + rng.normal(0, 0.013, (sessions, len(MEMBERS)))
    at = places(errors)
    falls = rng.uniform(-0.09, -0.03, errors) * (rng.random(errors) < 0.25)
    moves[at] += falls[:, None]
    moves[at - 1] += falls[:, None]
    # What goes down goes up again, so that prices stay prices.
    moves[at + 3] -= 2 * falls[:, None]
    return np.asarray(100 * np.exp(np.cumsum(moves, axis=0)))


def places(errors: int) -> np.ndarray:
    return STRIDE * np.arange(3, errors + 3)


def trial(errors: int, seed: int, tally: Tally, *, gated: bool = True) -> None:
    """One long history with so many errors, looked at when the sessions are final and after the hold."""
    rng, dice = np.random.default_rng(seed), random.Random(seed)
    closes, calendars = true_closes(errors, rng), weekdays(STRIDE * (errors + 5))
    days = calendars.calendar.sessions[: len(closes)]
    feeds = [feed_of(days, closes[:, column], rng) for column in range(len(MEMBERS))]
    spoiled = []
    for at in places(errors).tolist():
        name, column = dice.choice(list(MUTATORS)), dice.randrange(len(MEMBERS))
        MUTATORS[name](feeds[column], at, at + 4, dice)
        spoiled.append((at, column, name))
    bars = {one: screen(one, "vendor", feed.raw()) for one, feed in zip(MEMBERS, feeds, strict=True)}
    gate = Gate(recent=len(closes))
    looks = [Screened(bars, bars)]
    if gated:
        looks = [gate.look(bars, [MEMBERS], calendars, NOW + late) for late in (timedelta(0), HOLD)]
    first, last = boards(looks[0], calendars), boards(looks[-1], calendars)
    for at, column, name in spoiled:
        day = days[at].item()
        judge(first, last, day, oracle(closes, at, column), name, tally)


def feed_of(days: np.ndarray, close: Floats, rng: np.random.Generator) -> Feed:
    moves = np.abs(np.diff(np.log(close), prepend=np.log(close[0])))
    volume = np.exp(rng.normal(13, 0.35, len(close))) * (1 + 15 * moves)
    return Feed(days.copy(), close.copy(), close.copy(), close * 1.004, close * 0.996, volume)


def boards(look: Screened, calendars: Long) -> tuple[Board, Doubted | None]:
    def board(bars: Mapping[Symbol, Bars]) -> Board:
        return survey(assemble(BOOK.baskets, bars, calendars).tables, BOOK)

    doubted = Doubted(board(look.included), look.doubtful, look.waiting) if look.doubtful else None
    return board(look.excluded), doubted


def oracle(closes: Floats, at: int, column: int) -> tuple[bool, bool]:
    """Whether the rung is truly reached, and whether it might be said to be.

    True means: whatever the one price was. Where it is missing on one session only, a reading is of all members on one
    day and of the others on the next; where it stands still, nobody can tell it from one that did. Near the rung any of
    these may be said. Written out by hand: it shares no line with the bot.
    """
    moves = {day: [closes[day, one] / closes[day - 1, one] - 1 for one in range(len(MEMBERS))] for day in (at - 1, at)}
    readings = []
    for yesterday, today in product(("there", "missing"), ("there", "missing", "still")):
        growth = 1.0
        for day, state in ((at - 1, yesterday), (at, today)):
            own = {"there": [moves[day][column]], "missing": [], "still": [0.0]}[state]
            seen = moves[day][:column] + moves[day][column + 1 :] + own
            growth *= 1 + sum(seen) / len(seen)
        readings.append(growth - 1 <= RUNG)
    return all(readings), any(readings)


def judge(
    first: tuple[Board, Doubted | None],
    last: tuple[Board, Doubted | None],
    day: date,
    truth: tuple[bool, bool],
    name: str,
    tally: Tally,
) -> None:
    true, possible = truth
    early = asked(first, day)
    late = asked(last, day) if early.waiting else early
    at_once, in_the_end = bool(early.judgement.alerts), bool(late.judgement.alerts)
    tally.trials += 1
    tally.true += possible
    tally.unconfirmed += bool(late.unconfirmed)
    if not possible and (at_once or in_the_end):
        tally.false[name] += 1
    if true and not at_once:
        tally.missed_at_once[name] += 1
    if true and not at_once and not in_the_end and not late.unconfirmed:
        tally.missed[name] += 1


def asked(board: tuple[Board, Doubted | None], day: date) -> Answers:
    excluded, doubted = board
    return answer(excluded, doubted, BOOK, day, {}, frozenset(questions(excluded, BOOK.rules)))
