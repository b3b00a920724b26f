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

PLUNGE = -0.10  # a return below it, over the window by the close or against the previous close at any moment, is named
UNCHANGED = 1e-12  # a smaller return is a rounding error


@dataclass(frozen=True, slots=True)
class MemberContribution:
    """A member's contribution to a basket's move; all figures are fractions.

    `move` is the member's move over the window (None = a return is missing), `day_low` the lowest of its intraday lows
    against the previous close (None = unknown). `low_gap`: the low of a session on which it traded is unknown.
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
    """A basket (no symbol) or a member that entered a drawdown state on the session of `verdict`.

    `before` is the session of the previous entry into that state or a deeper one (None = never in the data),
    `after_peak` the number of sessions since the peak.
    """

    symbol: Symbol | None
    verdict: Verdict
    before: date | None
    after_peak: int


@dataclass(frozen=True, slots=True)
class ReferenceMove:
    """The earlier move that an alert is compared with: the end of its window, and the move as a fraction.

    `runner_up` is the lowest move between the two (None = there is none); rounding may not make it look as deep.
    """

    session: date
    move: float
    runner_up: float | None = None


@dataclass(frozen=True, slots=True)
class HistoryFacts:
    """A basket's fall in its history; None = not defined.

    `volatility_multiple` is the move in multiples of the volatility before it. `close` is the price that `next_state`
    is measured from, if the basket is one symbol without dividends.
    """

    volatility_multiple: float | None = None
    period: ReturnPeriod | None = None
    round_figure: RoundFigureFalls | None = None
    precedents: Precedents | None = None
    next_state: NextState | None = None
    close: float | None = None


@dataclass(frozen=True, slots=True)
class AlertContext:
    """The context of one alert.

    `sides` holds the basket and its move, or for a contrast both (None = not defined). `reference` is the latest
    earlier move as bad, or for a record the worst before it. `days` are the sessions of the window with the basket's
    returns, oldest first; `members` are sorted by contribution, the lowest first. `listed` counts the members of the
    basket on the session, `present` those with a return, `abroad` the present ones of other exchanges, `traded_then`
    those of the listed that were members on the reference session too. `entered` is the basket's new state, `entries`
    are those of members. A contrast has neither days nor members. A session that has not ended has `as_of`, the time
    of its prices (with a zone), and `further`, the next claim after a further fall.
    """

    sides: tuple[tuple[Basket, float | None], ...]
    reference: ReferenceMove | None = None
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
        """The number of members with a move."""
        return sum(member.move is not None for member in self.members)

    @property
    def fell(self) -> int:
        """The number of members with a move below 0."""
        return sum(member.move is not None and member.move < -UNCHANGED for member in self.members)


@dataclass(frozen=True, slots=True)
class LevelForecast:
    """The level of a rule that a move would reach (None = none), and the next level with the `further` fall to it.

    `next_level` and `further` are None if there is no higher level, or none within reach.
    """

    rule: Rule
    level: Level | None
    next_level: Level | None
    further: FurtherFall | None


@dataclass(frozen=True, slots=True)
class WhatIfResult:
    """A hypothetical move that ends on the next session: its verdict, the rules' levels, the next claim further down.

    `verdict.daily_return` is the return of that session alone.
    """

    basket: Basket
    verdict: Verdict
    forecasts: tuple[LevelForecast, ...]
    further: FurtherFall | None
