"""On which closes was judged what was judged, and which of them read otherwise now?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from bot.prices.bars import Bars, Revision, Symbol
from bot.prices.calendars import CalendarProvider, exchange_of
from bot.prices.quality import RECENT_SESSIONS
from bot.prices.revisions import Closes, footing, latest, revisions


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the latest sessions were judged on is remembered with the answers, in the same transaction: so no revision
    is lost with a process, and none is told twice.

    `before` are those closes, `now` the ones that are believed at this look, and `changes` where the two differ. A
    doubtful close is none: it changes nothing, and what it takes the place of stays.
    """

    before: Mapping[Symbol, Closes] = field(default_factory=dict)
    now: Mapping[Symbol, Closes] = field(default_factory=dict)
    changes: Mapping[Symbol, tuple[Revision, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        before: Mapping[Symbol, Closes],
        believed: Mapping[Symbol, Bars],
        calendars: CalendarProvider,
        now: datetime,
    ) -> Grounds:
        closes = {symbol: latest(bars, calendars.get(exchange_of(symbol)), now) for symbol, bars in believed.items()}
        found = {symbol: revisions(bars, before.get(symbol, {}), closes[symbol]) for symbol, bars in believed.items()}
        return cls(before, closes, {symbol: changes for symbol, changes in found.items() if changes})

    def told(self) -> dict[Symbol, Closes]:
        """What is to be remembered once the changes are told."""
        return {symbol: self._as_of_now(symbol, self.before[symbol]) for symbol in self.changes}

    def judged(self, until: Mapping[Symbol, datetime], calendars: CalendarProvider) -> dict[Symbol, Closes]:
        """What is to be remembered of these symbols once they are judged up to the sessions that ended by then.

        Of later ones it stays what it was: another question has judged them already.
        """
        found: dict[Symbol, Closes] = {}
        for symbol, moment in until.items():
            calendar = calendars.get(exchange_of(symbol))
            ended = int(np.searchsorted(calendar.closes, int(moment.timestamp()), side="right"))
            days = calendar.sessions[max(ended - RECENT_SESSIONS, 0) : ended].tolist()
            now = self.now.get(symbol, {})
            last = days[-1] if days else date.min
            later = {day: close for day, close in self.before.get(symbol, {}).items() if day in now and day > last}
            if closes := {**self._as_of_now(symbol, [day for day in days if day in now]), **later}:
                found[symbol] = closes
        return found

    def _as_of_now(self, symbol: Symbol, days: Iterable[date]) -> Closes:
        now, before = self.now.get(symbol, {}), self.before.get(symbol, {})
        return {day: before.get(day) if (new := now.get(day)) is None else new for day in days}


def footed(
    before: Mapping[Symbol, Closes], bars: Mapping[Symbol, Bars], calendars: CalendarProvider, now: datetime
) -> dict[Symbol, Bars]:
    """`bars` with by how much all of their closes were multiplied since they were judged on."""
    found = {}
    for symbol, one in bars.items():
        read = latest(one, calendars.get(exchange_of(symbol)), now)
        found[symbol] = replace(one, rescaled=footing(before.get(symbol, {}), read))
    return found
