"""Types: contributions, contrast, state entries, history facts, what-if result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from bot.alerts.rules import Level, Rule
from bot.baskets import Basket
from bot.prices.bars import Symbol
from bot.statistics.next_session import FurtherFall, NextState
from bot.statistics.precedents import Precedents, RoundFigureFalls
from bot.statistics.rarity import ReturnPeriod
from bot.statistics.verdict import Verdict

# A member that lost more than this counts as plunging: over the window by the close, or below the previous close at any
# moment of a session.
PLUNGE = -0.10
UNCHANGED = 1e-12


@dataclass(frozen=True, slots=True)
class MemberContribution:
    """One member's part in a basket's move; all figures are fractions.

    `move` is its own move over the window (None = a return is missing), `contribution` its part of the basket's move,
    `day_low` its lowest day's low against the previous close within the window (None = unknown). `low_gap` says that
    the low of a session on which it traded is not known.
    """

    symbol: Symbol
    move: float | None
    contribution: float
    day_low: float | None
    low_gap: bool = False

    @property
    def fell_far(self) -> bool:
        """Whether it closed below PLUNGE over the window."""
        return self.move is not None and self.move < PLUNGE

    @property
    def plunged(self) -> bool:
        """Whether it was below PLUNGE at some moment."""
        return self.day_low is not None and self.day_low < PLUNGE


@dataclass(frozen=True, slots=True)
class Contrast:
    """Another basket over the same window; `gap` is the verdict of the fallen basket minus the counterpart."""

    counterpart: Basket
    counterpart_move: float
    gap: Verdict


@dataclass(frozen=True, slots=True)
class StateEntry:
    """A basket (no symbol) or a member that entered a drawdown state on this very session.

    `before` is the session on which it had last entered that state or a deeper one (None = never in the data),
    `after_peak` the sessions from the peak to this one.
    """

    symbol: Symbol | None
    verdict: Verdict
    before: date | None
    after_peak: int


@dataclass(frozen=True, slots=True)
class ReferenceMove:
    """The earlier move an alert is held against: the end of its window, and the move as a fraction.

    `runner_up` is the lowest move between the two (None = there is none); nothing that is said may put it on a par.
    """

    session: date
    move: float
    runner_up: float | None = None


@dataclass(frozen=True, slots=True)
class HistoryFacts:
    """What a basket's own past says of its fall; None = nothing that could be said truthfully.

    `swing` is the move in multiples of the volatility before it. `close` is the price that `line` counts from, where
    the basket is one symbol without dividends.
    """

    swing: float | None = None
    period: ReturnPeriod | None = None
    crossing: RoundFigureFalls | None = None
    precedents: Precedents | None = None
    line: NextState | None = None
    close: float | None = None


@dataclass(frozen=True, slots=True)
class AlertContext:
    """What stands around one alert.

    `sides` holds the basket and its move, or for a contrast both (None = not defined). `yardstick` is the latest
    earlier move as bad, or for a record the worst before it. `days` are the sessions of the window with the basket's
    returns, oldest first, and `members` those that belonged, the one that weighed most first. `listed` counts the
    members that belong on the session, `present` those with a return, `abroad` the present ones of other exchanges,
    `traded_then` those of the listed that belonged on the yardstick's session too. `entered` is the basket's own new
    state, `entries` are those of members. A contrast has neither days nor members. `as_of` (with a zone) and `further`
    are of a session that has not ended: when its prices are from, and what a further fall would make of it.
    """

    sides: tuple[tuple[Basket, float | None], ...]
    yardstick: ReferenceMove | None = None
    days: tuple[tuple[date, float], ...] = ()
    members: tuple[MemberContribution, ...] = ()
    listed: int = 0
    present: int = 0
    abroad: int = 0
    traded_then: int | None = None
    entered: StateEntry | None = None
    entries: tuple[StateEntry, ...] = ()
    contrast: Contrast | None = None
    history: HistoryFacts = HistoryFacts()
    as_of: datetime | None = None
    further: FurtherFall | None = None

    @property
    def known(self) -> int:
        """How many members have a move."""
        return sum(member.move is not None for member in self.members)

    @property
    def fell(self) -> int:
        """How many members have a move below 0; one that is back at its price is not a rounding error below."""
        return sum(member.move is not None and member.move < -UNCHANGED for member in self.members)


@dataclass(frozen=True, slots=True)
class LevelForecast:
    """The rung of a rule that the move would reach, and the next deeper one with the further fall that it takes.

    None = no rung; nothing deeper, or out of reach.
    """

    rule: Rule
    rung: Level | None
    next_rung: Level | None
    further: FurtherFall | None


@dataclass(frozen=True, slots=True)
class WhatIfResult:
    """A move on the next session: its verdict, what each rule would make of it, and the next claim further down.

    `verdict.daily_return` is what that one session takes, after those before it in the window.
    """

    basket: Basket
    verdict: Verdict
    reaches: tuple[LevelForecast, ...]
    further: FurtherFall | None
