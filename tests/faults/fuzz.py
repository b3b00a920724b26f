"""Thousands of markets, each with one injected error, and an oracle that knows what truly happened.

A market is a few sessions of one long history: errors lie so far apart that no move sees two of them.
"""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from itertools import product

import numpy as np
import numpy.typing as npt

from bot.alerts.targets import rule_targets
from bot.baskets import assemble_market
from bot.engine.confirmation import ConfirmedResult, SuspectMarket, evaluate_confirmed
from bot.pipeline import measure_market
from bot.prices.bars import Bars, Floats, Symbol, validate_rows
from bot.prices.calendars import Calendar, CalendarCode
from bot.prices.quality_filter import HOLD, FilteredPrices, QualityFilter
from bot.prices.table import Flags
from bot.statistics.market_stats import MarketStats
from tests.campaigns.figures import count_of
from tests.faults.mutators import MUTATORS, Feed
from tests.world import NEW_YORK, basket, book, rule

MEMBERS = tuple(Symbol(f"M{number:02}") for number in range(20))
RUNG = -0.03  # the two-session move from which on the rule speaks
# Sessions from one error to the next: it lasts four; the price of the fifth, on which it ends, may be doubted, and
# then the move of the sixth is missing. With 6 one verdict would see two errors, each of another member: what fails
# then does not fail with the later one alone.
STRIDE = 7
BOOK = book(
    [basket("all", *MEMBERS)], rule("fall", "all", levels={"notice": {"move": RUNG}, "severe": {"move": -0.12}})
)
NOW = datetime(2200, 1, 6, 22, tzinfo=UTC)
Look = tuple[MarketStats, SuspectMarket | None]
Places = npt.NDArray[np.intp]


@dataclass
class Tally:
    """What came of so many trials; `false` and `missed` count by mutator."""

    trials: int = 0
    true: int = 0
    false: Counter[str] = field(default_factory=Counter)
    missed_at_once: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    unconfirmed: int = 0

    def __str__(self) -> str:
        quiet = self.trials - self.true
        false, at_once, missed = self.false.total(), self.missed_at_once.total(), self.missed.total()
        return (
            f"{self.trials:,} trials of {len(MUTATORS)} errors: confirmed without a true event {false}"
            f" ({count_of(false, quiet, 'trials')}); true events missed at once {at_once}"
            f" ({count_of(at_once, self.true, 'events')}), after the hold {missed}"
            f" ({count_of(missed, self.true, 'events')}); {self.unconfirmed:,} times only the operators heard"
        )


class Hang(BaseException):
    """Something took more than its time; nobody takes it for a failure that is foreseen."""


@contextmanager
def no_hang(seconds: float = 20.0) -> Iterator[None]:
    """What takes the processor longer than that is a hang; how busy the machine is makes no difference."""

    def ring(_number: int, _frame: object) -> None:
        raise Hang(f"longer than {seconds:g} s of the processor's time")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@dataclass(frozen=True)
class Long:
    """A calendar of weekdays that is long enough."""

    calendar: Calendar

    def get(self, code: CalendarCode) -> Calendar:
        return self.calendar


def weekdays(count: int) -> Long:
    days = np.busday_offset(np.datetime64("1970-01-05"), np.arange(count), roll="forward")
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


def places(errors: int) -> Places:
    return STRIDE * np.arange(3, errors + 3)


def trial(errors: int, seed: int, tally: Tally, *, gated: bool = True) -> None:
    """One long history with so many errors, looked at when the sessions are final and after the hold.

    No look at all of them, and no judgement of one, may take a second.
    """
    rng, dice = np.random.default_rng(seed), random.Random(seed)
    closes, calendars = true_closes(errors, rng), weekdays(STRIDE * (errors + 5))
    days = calendars.calendar.sessions[: len(closes)]
    feeds = [feed_of(days, closes[:, column], rng) for column in range(len(MEMBERS))]
    spoiled = []
    for at in places(errors).tolist():
        name, column = dice.choice(list(MUTATORS)), dice.randrange(len(MEMBERS))
        MUTATORS[name](feeds[column], at, at + 4, dice)
        spoiled.append((at, column, name))
    with no_hang():
        bars = {one: validate_rows(one, "vendor", feed.raw()) for one, feed in zip(MEMBERS, feeds, strict=True)}
    first, last = looked_at(bars, calendars, gated=gated)
    true, possible = oracle(closes, *np.array([(at, column) for at, column, _ in spoiled]).T)
    for (at, _, name), truth in zip(spoiled, zip(true.tolist(), possible.tolist(), strict=True), strict=True):
        judge(first, last, days[at].item(), truth, name, tally)


def looked_at(bars: Mapping[Symbol, Bars], calendars: Long, *, gated: bool) -> Sequence[Look]:
    """What the bot makes of the prices at once, and after the hold."""
    gate, looks = QualityFilter(recent=len(calendars.calendar.sessions)), []
    for late in (timedelta(0), HOLD):
        with no_hang():
            look = gate.filter(bars, [MEMBERS], calendars, NOW + late) if gated else FilteredPrices(bars, bars)
        with no_hang():
            looks.append(boards(look, calendars))
    return looks


def feed_of(days: np.ndarray, close: Floats, rng: np.random.Generator) -> Feed:
    moves = np.abs(np.diff(np.log(close), prepend=np.log(close[0])))
    volume = np.exp(rng.normal(13, 0.35, len(close))) * (1 + 15 * moves)
    return Feed(days.copy(), close.copy(), close.copy(), close * 1.004, close * 0.996, volume)


def boards(look: FilteredPrices, calendars: Long) -> Look:
    def board(bars: Mapping[Symbol, Bars]) -> MarketStats:
        return measure_market(assemble_market(BOOK.baskets, bars, calendars).tables, BOOK)

    if not look.suspect_symbols:
        return board(look.excluded), None
    halves = tuple(cache(partial(board, one)) for one in look.halves)
    return board(look.excluded), SuspectMarket(board(look.included), look.suspect_symbols, look.pending, halves)


def oracle(closes: Floats, at: Places, column: Places) -> tuple[Flags, Flags]:
    """Whether the rung is truly reached, and whether it might be said to be, for each error.

    True means: whatever the one price was. Where it is missing on one session only, a reading is of all members on one
    day and of the others on the next; where it stands still, nobody can tell it from one that did. Near the rung any of
    these may be said. Written out by hand: it shares no line with the bot.
    """
    means = []
    for day in (at - 1, at):
        moves = closes[day] / closes[day - 1] - 1
        own = moves[np.arange(len(at)), column]
        others = moves.sum(axis=1) - own
        means.append([(others + own) / len(MEMBERS), others / (len(MEMBERS) - 1), others / len(MEMBERS)])
    (there, missing, _still), today = means
    reached = [(1 + one) * (1 + other) - 1 <= RUNG for one, other in product((there, missing), today)]
    return np.logical_and.reduce(reached), np.logical_or.reduce(reached)


def judge(first: Look, last: Look, day: date, truth: tuple[bool, bool], name: str, tally: Tally) -> None:
    true, possible = truth
    with no_hang():
        early = asked(first, day)
        late = asked(last, day) if early.pending else early
    at_once, in_the_end = bool(early.result.alerts), bool(late.result.alerts)
    tally.trials += 1
    tally.true += possible
    tally.unconfirmed += bool(late.unconfirmed)
    if not possible and (at_once or in_the_end):
        tally.false[name] += 1
    if true and not at_once:
        tally.missed_at_once[name] += 1
    if true and not at_once and not in_the_end and not late.unconfirmed:
        tally.missed[name] += 1


def asked(board: Look, day: date) -> ConfirmedResult:
    excluded, doubted = board
    return evaluate_confirmed(excluded, doubted, BOOK, day, {}, frozenset(rule_targets(excluded, BOOK.rules)))
