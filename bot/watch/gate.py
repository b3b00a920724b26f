"""Which prices of this look are believed, which are not, and which wait for a second look?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from math import nan

import numpy as np

from bot.prices.bars import Bars, Symbol
from bot.prices.calendars import CalendarProvider
from bot.prices.quality import RECENT_SESSIONS, SuspectPrice, Suspicion, exclude_suspects, find_suspects
from bot.prices.settling import Sighting, falls, mended, stayed

# So long a verdict waits for a doubt to be settled.
HOLD = timedelta(minutes=10)
Key = tuple[Symbol, date]


@dataclass(frozen=True, slots=True)
class Screened:
    """The prices of one look: `included` with the doubtful ones, `excluded` without; impossible ones are in neither.

    Where falls and rises are doubtful at once, `halves` are with the doubtful falls alone, and with the rises alone.
    `open` are the doubts that nothing has settled, `new` those that were not there at the look before. Of the symbols
    in `waiting` they may still be settled. `fresh` says whether some price is of another time than before.
    """

    included: Mapping[Symbol, Bars]
    excluded: Mapping[Symbol, Bars]
    open: tuple[SuspectPrice, ...] = ()
    new: tuple[SuspectPrice, ...] = ()
    waiting: frozenset[Symbol] = frozenset()
    fresh: bool = True
    halves: tuple[Mapping[Symbol, Bars], ...] = ()

    @property
    def doubtful(self) -> frozenset[Symbol]:
        """The symbols whose price is in one of the two and not in the other."""
        return frozenset(one.symbol for one in self.open if not one.kind.impossible)


@dataclass(slots=True)
class Gate:
    """Remembers from look to look what was doubted of the `recent` latest sessions; a new process doubts anew."""

    recent: int = RECENT_SESSIONS
    _since: dict[Key, datetime] = field(default_factory=dict)
    _sightings: dict[Key, Sighting] = field(default_factory=dict)
    _currencies: dict[Symbol, str] = field(default_factory=dict)
    _open: tuple[SuspectPrice, ...] = ()
    _times: frozenset[tuple[Symbol, datetime | None]] = frozenset()

    def look(
        self,
        bars: Mapping[Symbol, Bars],
        circles: Sequence[Collection[Symbol]],
        calendars: CalendarProvider,
        now: datetime,
    ) -> Screened:
        """Doubt, settle and part the prices of a look."""
        believed = dict(bars)
        still = []
        for doubt in self._doubts(bars, circles, calendars, now):
            better = mended(doubt, believed[doubt.symbol])
            if better is not None:
                believed[doubt.symbol] = better
            elif not self._settled(doubt, believed, now):
                still.append(doubt)
        before = {_key(one) for one in self._open}
        new = tuple(one for one in still if _key(one) not in before)
        self._open = tuple(still)
        times = frozenset((symbol, one.as_of) for symbol, one in bars.items())
        fresh = times != self._times or not any(time for _, time in times)
        self._times = times
        included = exclude_suspects(believed, [one for one in still if one.kind.impossible])
        waiting = frozenset(one.symbol for one in still if now - self._since[_key(one)] < HOLD)
        doubtful = [one for one in still if not one.kind.impossible]
        excluded, halves = exclude_suspects(included, doubtful), _halves(included, doubtful)
        return Screened(included, excluded, self._open, new, waiting, fresh, halves)

    def _doubts(
        self,
        bars: Mapping[Symbol, Bars],
        circles: Sequence[Collection[Symbol]],
        calendars: CalendarProvider,
        now: datetime,
    ) -> Sequence[SuspectPrice]:
        """The doubts of this look."""
        found = {_key(one): one for one in self._foreign(bars)}
        for one in find_suspects(bars, circles, calendars, now, self.recent):
            found.setdefault(_key(one), one)
        self._since = {key: min(self._since.get(key, now), now) for key in found}
        self._sightings = {key: one for key, one in self._sightings.items() if key in found}
        return tuple(found.values())

    def _foreign(self, bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
        """The newest prices of symbols whose currency is another one than at the first look."""
        for symbol, one in bars.items():
            known = self._currencies[symbol] = self._currencies.get(symbol) or one.currency
            priced = one.dates[~np.isnan(one.close)]
            if one.currency and one.currency != known and len(priced):
                detail = f"in {one.currency}, and before in {known}; if that is right, restart the bot"
                yield SuspectPrice(symbol, priced[-1].item(), Suspicion.CURRENCY, detail)

    def _settled(self, doubt: SuspectPrice, bars: Mapping[Symbol, Bars], now: datetime) -> bool:
        own, others = bars[doubt.symbol], (one for symbol, one in bars.items() if symbol != doubt.symbol)
        price = _price(own, doubt.session)
        sighting = self._sightings.get(_key(doubt), Sighting(now, price)).again(price, now)
        if not sighting.settled:
            sighting = replace(sighting, settled=stayed(doubt, own, others, sighting, now))
        self._sightings[_key(doubt)] = sighting
        return sighting.settled


def _halves(included: Mapping[Symbol, Bars], doubtful: Sequence[SuspectPrice]) -> tuple[Mapping[Symbol, Bars], ...]:
    """The prices without the doubtful rises, and without the doubtful falls; none where all go one way."""
    down = {one: falls(one, included[one.symbol]) for one in doubtful}
    if len(set(down.values())) < 2:
        return ()
    return tuple(exclude_suspects(included, [one for one in doubtful if down[one] is gone]) for gone in (False, True))


def _key(doubt: SuspectPrice) -> Key:
    return doubt.symbol, doubt.session


def _price(bars: Bars, session: date) -> float:
    """The close of that session, NaN if there is none."""
    return next((float(one) for one in bars.close[bars.dates == np.datetime64(session, "D")]), nan)
