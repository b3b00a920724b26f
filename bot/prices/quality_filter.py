"""Stateful filter over price checks: clears, repairs, excludes or holds suspect prices."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from statistics import median

import numpy as np

from bot.prices.bars import Bars, Floats, Symbol
from bot.prices.calendars import CalendarProvider, session_index
from bot.prices.quality import AWAY, RECENT_SESSIONS, SuspectPrice, Suspicion, exclude_suspects, find_suspects

HOLD = timedelta(minutes=10)  # a verdict that depends on a suspect price waits so long for it to be cleared
STABLE_FOR = timedelta(seconds=60)
STABLE_WITHIN = 0.05  # of the price first seen
HEAVY_VOLUME = 3.0  # times the median of the sessions before
VOLUME_SESSIONS, MIN_VOLUMES = 20, 5
# A split, a payment that was not taken out and a close without a trade are stable by nature.
NEVER_CLEARED = (Suspicion.SPLIT, Suspicion.UNDONE, Suspicion.OUTSIDE)

SuspectKey = tuple[Symbol, date]


@dataclass(frozen=True, slots=True)
class SuspectObservation:
    """When a suspect price was first seen, and at which price; it begins anew once the price has moved away."""

    first_seen: datetime
    price: float
    cleared: bool = False

    def updated(self, price: float, now: datetime) -> SuspectObservation:
        stable = abs(price - self.price) <= STABLE_WITHIN * self.price
        return self if stable and now >= self.first_seen else SuspectObservation(now, price)


def is_cleared(
    suspect: SuspectPrice, bars: Bars, peers: Iterable[Bars], observation: SuspectObservation, now: datetime
) -> bool:
    """True if the suspect price may be accepted: a fall within 5 % of one price for 60 s, in heavy trading.

    A rescaled history needs the 60 s only. Never true for NEVER_CLEARED, for rejected prices and for rises: accepting
    a wrong rise would hide a fall.
    """
    if suspect.kind.impossible or suspect.kind in NEVER_CLEARED or now - observation.first_seen < STABLE_FOR:
        return False
    if suspect.kind is Suspicion.REWRITTEN:
        return True
    return suspect_move(suspect, bars) < 0 and has_heavy_volume(bars, peers, suspect.session)


def has_heavy_volume(bars: Bars, peers: Iterable[Bars], session: date) -> bool:
    """True if both volume and turnover are 3 times their usual, and 3 times the peers' median ratio.

    A wrong price moves only one of the two, and on a day of panic everything is traded heavily.
    """
    ratio = min(volume_ratios(bars, session))
    if not ratio >= HEAVY_VOLUME:
        return False
    volumes = [volume for peer in peers for volume, _ in [volume_ratios(peer, session)] if not math.isnan(volume)]
    return ratio >= HEAVY_VOLUME * max(1.0, median(volumes) if volumes else 1.0)


def volume_ratios(bars: Bars, session: date) -> tuple[float, float]:
    """Volume and turnover of a session as multiples of their medians over the sessions before; NaN = unknown."""
    row = session_index(bars.dates, session)
    if bars.volume is None or row is None:
        return math.nan, math.nan
    before = slice(max(row - VOLUME_SESSIONS, 0), row)
    traded = bars.volume[before] > 0
    volumes, closes = bars.volume[before][traded], bars.close[before][traded]
    turnovers = (volumes * closes)[~np.isnan(closes)]
    if len(turnovers) < MIN_VOLUMES:
        return math.nan, math.nan
    volume = float(bars.volume[row])
    return volume / float(np.median(volumes)), volume * float(bars.close[row]) / float(np.median(turnovers))


def suspect_move(suspect: SuspectPrice, bars: Bars) -> float:
    """The log return from the last close to the suspect close or low; NaN = unknown."""
    row = session_index(bars.dates, suspect.session)
    if not row:
        return math.nan
    prices = bars.low if suspect.kind is Suspicion.LOW else bars.close
    return math.log(prices[row]) - math.log(bars.close[row - 1])


def repaired(suspect: SuspectPrice, bars: Bars) -> Bars | None:
    """`bars` with the past on today's scale, where a split or a payment of the feed explains the suspect move.

    The prices do not show that action, or show it twice. None = no action explains the move.
    """
    action = next((action for action in bars.actions if action.session == suspect.session), None)
    if action is None or suspect.kind is Suspicion.LOW or (suspect.kind.impossible and action.split == 1.0):
        return None
    row = int(np.searchsorted(bars.dates, np.datetime64(suspect.session, "D")))
    move = suspect_move(suspect, bars)

    def scaled(prices: Floats, factor: float) -> Floats:
        return np.concatenate([prices[:row] * factor, prices[row:]])

    for factor in (1 / action.split, action.split) if action.split != 1.0 else ():
        if abs(move - math.log(factor)) <= AWAY:
            columns = (bars.close, bars.adjusted, bars.high, bars.low)
            close, adjusted, high, low = (scaled(column, factor) for column in columns)
            return replace(bars, close=close, adjusted=adjusted, high=high, low=low)
    paid = 1 - action.dividend / float(bars.close[row - 1])
    if action.dividend > 0 and paid > 0 and abs(move - math.log(paid)) <= AWAY:
        return replace(bars, adjusted=scaled(bars.adjusted, paid))
    return None


@dataclass(frozen=True, slots=True)
class FilteredPrices:
    """The prices of one check: `included` with the suspect ones, `excluded` without; rejected ones are in neither.

    Where falls and rises are suspect at once, `halves` hold the suspect falls alone, and the rises alone. `suspects`
    are not cleared, `new_suspects` among them were not there at the check before, and those of the symbols in
    `pending` may still be cleared. `has_new_times` says that some price is of another time than at the check before.
    """

    included: Mapping[Symbol, Bars]
    excluded: Mapping[Symbol, Bars]
    suspects: tuple[SuspectPrice, ...] = ()
    new_suspects: tuple[SuspectPrice, ...] = ()
    pending: frozenset[Symbol] = frozenset()
    has_new_times: bool = True
    halves: tuple[Mapping[Symbol, Bars], ...] = ()

    @property
    def suspect_symbols(self) -> frozenset[Symbol]:
        """The symbols whose price is in one of the two and not in the other."""
        return frozenset(suspect.symbol for suspect in self.suspects if not suspect.kind.impossible)


@dataclass(slots=True)
class QualityFilter:
    """The suspect prices of the `recent` latest sessions, remembered from check to check; a restart begins anew."""

    recent: int = RECENT_SESSIONS
    _since: dict[SuspectKey, datetime] = field(default_factory=dict)
    _observations: dict[SuspectKey, SuspectObservation] = field(default_factory=dict)
    _currencies: dict[Symbol, str] = field(default_factory=dict)
    _times: frozenset[tuple[Symbol, datetime | None]] = frozenset()
    _open: frozenset[SuspectKey] = frozenset()

    def filter(
        self,
        bars: Mapping[Symbol, Bars],
        peer_groups: Sequence[Collection[Symbol]],
        calendars: CalendarProvider,
        now: datetime,
    ) -> FilteredPrices:
        """Repair or clear what can be, and separate the other suspect prices."""
        accepted = dict(bars)
        suspects = {(suspect.symbol, suspect.session): suspect for suspect in self._currency_changes(bars)}
        for suspect in find_suspects(bars, peer_groups, calendars, now, self.recent):
            suspects.setdefault((suspect.symbol, suspect.session), suspect)
        self._since = {key: min(self._since.get(key, now), now) for key in suspects}
        self._observations = {key: seen for key, seen in self._observations.items() if key in suspects}
        for key, suspect in list(suspects.items()):
            if (better := repaired(suspect, accepted[suspect.symbol])) is not None:
                accepted[suspect.symbol] = better
            if better is not None or self._cleared(suspect, accepted, now):
                del suspects[key]
        new = tuple(suspect for key, suspect in suspects.items() if key not in self._open)
        times = frozenset((symbol, history.as_of) for symbol, history in bars.items())
        has_new_times = times != self._times or not any(time for _, time in times)
        self._open, self._times = frozenset(suspects), times
        possible = [suspect for suspect in suspects.values() if not suspect.kind.impossible]
        included = exclude_suspects(accepted, [suspect for suspect in suspects.values() if suspect.kind.impossible])
        falls = [suspect for suspect in possible if suspect_move(suspect, included[suspect.symbol]) < 0]
        rises = [suspect for suspect in possible if suspect not in falls]
        return FilteredPrices(
            included=included,
            excluded=exclude_suspects(included, possible),
            suspects=tuple(suspects.values()),
            new_suspects=new,
            pending=frozenset(symbol for symbol, session in suspects if now - self._since[symbol, session] < HOLD),
            has_new_times=has_new_times,
            halves=tuple(exclude_suspects(included, part) for part in (rises, falls)) if falls and rises else (),
        )

    def _currency_changes(self, bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
        """The newest prices of symbols whose currency differs from that of the first check."""
        for symbol, history in bars.items():
            first = self._currencies[symbol] = self._currencies.get(symbol) or history.currency
            priced = history.dates[~np.isnan(history.close)]
            if history.currency and history.currency != first and len(priced):
                detail = f"in {history.currency}, and before in {first}; if that is right, restart the bot"
                yield SuspectPrice(symbol, priced[-1].item(), Suspicion.CURRENCY, detail)

    def _cleared(self, suspect: SuspectPrice, bars: Mapping[Symbol, Bars], now: datetime) -> bool:
        """Update the observation of a suspect price, which stays cleared while the price is stable."""
        key, history = (suspect.symbol, suspect.session), bars[suspect.symbol]
        row = session_index(history.dates, suspect.session)
        price = math.nan if row is None else float(history.close[row])
        seen = self._observations.get(key, SuspectObservation(now, price)).updated(price, now)
        if not seen.cleared:
            peers = (peer for symbol, peer in bars.items() if symbol != suspect.symbol)
            seen = replace(seen, cleared=is_cleared(suspect, history, peers, seen, now))
        self._observations[key] = seen
        return seen.cleared
