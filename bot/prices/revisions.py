"""Closes that recent sessions were evaluated on, and the vendor's revisions since."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from bot.prices.bars import Bars, Revision, Symbol
from bot.prices.calendars import Calendar, CalendarProvider, exchange_of
from bot.prices.quality import RECENT_SESSIONS

ROUNDING = 1e-6  # relative
MAX_REVISED_WITH_SPLIT = 2  # closes that may be revised in the night of a split
# A source may have rows that belong to no session: so many times as many rows hold the latest sessions.
ROWS_PER_SESSION = 3
# Closes of one symbol, adjusted for splits alone; None = the session has none.
ClosesBySession = Mapping[date, float | None]


def recent_closes(bars: Bars, calendar: Calendar, now: datetime) -> dict[date, float | None]:
    """The closes of the RECENT_SESSIONS latest sessions that have begun: those the quality filter examines."""
    begun = int(np.searchsorted(calendar.opens, int(now.timestamp()), side="right"))
    rows = slice(-ROWS_PER_SESSION * RECENT_SESSIONS, None)
    priced = dict(zip(bars.dates[rows].tolist(), bars.close[rows].tolist(), strict=True))
    days = calendar.sessions[max(begun - RECENT_SESSIONS, 0) : begun].tolist()
    return {day: None if math.isnan(close := priced.get(day, math.nan)) else close for day in days}


def same_price(price: float, reference: float) -> bool:
    """Whether two prices are equal but for rounding."""
    return abs(price / reference - 1) <= ROUNDING


def rescale_factor(evaluated: ClosesBySession, current: ClosesBySession) -> float:
    """The factor by which nearly all closes were multiplied since the evaluation, as by a split; 1.0 = none.

    Most closes must agree; MAX_REVISED_WITH_SPLIT may have been revised in the same night.
    """
    factors = sorted(new / old for day, old in evaluated.items() if old and (new := current.get(day)))
    middle = factors[len(factors) // 2] if factors else 1.0
    same = sum(same_price(factor, middle) for factor in factors)
    enough = same > 1 and same >= len(factors) - MAX_REVISED_WITH_SPLIT and 2 * same > len(factors)
    return middle if enough else 1.0


def find_revisions(bars: Bars, evaluated: ClosesBySession, current: ClosesBySession) -> tuple[Revision, ...]:
    """The closes that differ from those the sessions were evaluated on, ascending by session, on today's scale.

    A close that is missing now is no revision. A split rescales the closes before it, whenever the source applies it;
    that is taken out first.
    """
    scale, revisions = rescale_factor(evaluated, current), []
    for day in sorted(evaluated.keys() & current.keys()):
        old, new = evaluated[day], current[day]
        if new is None:
            continue
        before = math.nan
        if old is not None:
            split = math.prod(action.split for action in bars.actions if action.session > day)
            candidates = (old * scale, old * scale / split, old, old / split)
            before = min(candidates, key=lambda close: abs(math.log(new / close)))
        if not same_price(before, new):
            revisions.append(Revision(bars.symbol, day, before, new))
    return tuple(revisions)


def with_rescale_factor(
    evaluated: Mapping[Symbol, ClosesBySession], bars: Mapping[Symbol, Bars], calendars: CalendarProvider, now: datetime
) -> dict[Symbol, Bars]:
    """`bars` with the factor by which each history was multiplied since its evaluation."""
    rescaled = {}
    for symbol, history in bars.items():
        current = recent_closes(history, calendars.get(exchange_of(symbol)), now)
        rescaled[symbol] = replace(history, rescaled=rescale_factor(evaluated.get(symbol, {}), current))
    return rescaled


@dataclass(frozen=True, slots=True)
class EvaluatedCloses:
    """The closes that recent sessions were evaluated on, those accepted now, and the revisions between the two.

    They are stored with the results in one transaction, so that no revision is lost or handled twice. A suspect close
    is not among `current`: it is no revision, and the close that it replaces stays.
    """

    evaluated: Mapping[Symbol, ClosesBySession] = field(default_factory=dict)
    current: Mapping[Symbol, ClosesBySession] = field(default_factory=dict)
    revisions: Mapping[Symbol, tuple[Revision, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        evaluated: Mapping[Symbol, ClosesBySession],
        accepted: Mapping[Symbol, Bars],
        calendars: CalendarProvider,
        now: datetime,
    ) -> EvaluatedCloses:
        """Compare the stored closes with the bars that are accepted `now`."""
        current, revisions = {}, {}
        for symbol, bars in accepted.items():
            current[symbol] = recent_closes(bars, calendars.get(exchange_of(symbol)), now)
            if revised := find_revisions(bars, evaluated.get(symbol, {}), current[symbol]):
                revisions[symbol] = revised
        return cls(evaluated, current, revisions)

    def missing_since(self, symbols: Iterable[Symbol]) -> date:
        """The first session with a close that is missing or suspect now and was not; date.max = there is none."""
        evaluated = ((symbol, *row) for symbol in symbols for row in self.evaluated.get(symbol, {}).items())
        missing = (
            day
            for symbol, day, close in evaluated
            if close is not None and (symbol not in self.current or self.current[symbol].get(day, close) is None)
        )
        return min(missing, default=date.max)

    def after_corrections(self) -> dict[Symbol, ClosesBySession]:
        """The closes to store once the revisions are handled."""
        return {symbol: self._latest(symbol, self.evaluated[symbol]) for symbol in self.revisions}

    def after_evaluation(
        self, until: Mapping[Symbol, datetime], calendars: CalendarProvider
    ) -> dict[Symbol, ClosesBySession]:
        """The closes to store once these symbols are evaluated up to the sessions that ended by `until`.

        Those of later sessions stay: another target has been evaluated on them already.
        """
        stored: dict[Symbol, ClosesBySession] = {}
        for symbol, moment in until.items():
            calendar = calendars.get(exchange_of(symbol))
            ended = int(np.searchsorted(calendar.closes, int(moment.timestamp()), side="right"))
            days = calendar.sessions[max(ended - RECENT_SESSIONS, 0) : ended].tolist()
            current, last = self.current.get(symbol, {}), days[-1] if days else date.min
            before = self.evaluated.get(symbol, {})
            later = {day: close for day, close in before.items() if day in current and day > last}
            if closes := {**self._latest(symbol, [day for day in days if day in current]), **later}:
                stored[symbol] = closes
        return stored

    def _latest(self, symbol: Symbol, days: Iterable[date]) -> ClosesBySession:
        current, before = self.current.get(symbol, {}), self.evaluated.get(symbol, {})
        return {day: before.get(day) if (close := current.get(day)) is None else close for day in days}
