"""Stateful filter over price checks: clears, repairs, excludes or holds suspect prices."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from statistics import median

import numpy as np

from bot.prices.bars import Bars, Floats, Symbol
from bot.prices.calendars import CalendarProvider
from bot.prices.quality import AWAY, RECENT_SESSIONS, SuspectPrice, Suspicion, exclude_suspects, find_suspects

HOLD = timedelta(minutes=10)  # a verdict that depends on a suspect price waits so long for it to be cleared
STABLE_FOR = timedelta(seconds=60)
STABLE_WITHIN = 0.05  # of the price first seen
HEAVY_VOLUME = 3.0  # times the median of the sessions before
VOLUME_SESSIONS, MIN_VOLUMES = 20, 5
# A split, a payment that was not taken out and a close without a trade are stable by nature.
NEVER_CLEARED = (Suspicion.SPLIT, Suspicion.UNDONE, Suspicion.OUTSIDE)
# Accepting these loses nothing; all others must be traded heavily too.
CLEARED_WITHOUT_VOLUME = (Suspicion.REWRITTEN,)

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
    suspect: SuspectPrice, bars: Bars, others: Iterable[Bars], observation: SuspectObservation, now: datetime
) -> bool:
    """True if the suspect price may be accepted: a fall within 5 % of one price for 60 s, in heavy trading.

    A rescaled history needs the 60 s only. Never true for NEVER_CLEARED, for rejected prices and for rises: accepting
    a wrong rise would hide a fall.
    """
    if suspect.kind.impossible or suspect.kind in NEVER_CLEARED or now - observation.first_seen < STABLE_FOR:
        return False
    fell_in_volume = is_fall(suspect, bars) and has_heavy_volume(bars, others, suspect.session)
    return suspect.kind in CLEARED_WITHOUT_VOLUME or fell_in_volume


def is_fall(suspect: SuspectPrice, bars: Bars) -> bool:
    """True if the suspect price is below the close before it; False if that is unknown."""
    return _move(bars, suspect) < 0


def has_heavy_volume(bars: Bars, others: Iterable[Bars], session: date) -> bool:
    """True if both volume and turnover are 3 times their usual, and 3 times the peers' median ratio.

    A wrong price moves only one of the two, and on a day of panic everything is traded heavily.
    """
    ratio = min(_volume_ratios(bars, session))
    if not ratio >= HEAVY_VOLUME:
        return False
    peers = [volume for peer in others for volume, _ in [_volume_ratios(peer, session)] if not math.isnan(volume)]
    return ratio >= HEAVY_VOLUME * max(1.0, median(peers) if peers else 1.0)


def _volume_ratios(bars: Bars, session: date) -> tuple[float, float]:
    """Volume and turnover of a session as multiples of their medians over the sessions before; NaN = unknown."""
    row = _row(bars, session)
    if bars.volume is None or row is None:
        return math.nan, math.nan
    before = slice(max(row - VOLUME_SESSIONS, 0), row)
    traded = bars.volume[before] > 0
    volumes = bars.volume[before][traded]
    turnovers = (volumes * bars.close[before][traded])[~np.isnan(bars.close[before][traded])]
    if len(turnovers) < MIN_VOLUMES:
        return math.nan, math.nan
    volume = float(bars.volume[row])
    return volume / float(np.median(volumes)), volume * float(bars.close[row]) / float(np.median(turnovers))


def repaired(suspect: SuspectPrice, bars: Bars) -> Bars | None:
    """`bars` with the past on today's scale, where a split or a payment of the feed explains the suspect move.

    The prices do not show that action, or show it twice. None = no action explains the move.
    """
    action = next((action for action in bars.actions if action.session == suspect.session), None)
    if action is None or suspect.kind is Suspicion.LOW or (suspect.kind.impossible and action.split == 1.0):
        return None
    row = int(np.searchsorted(bars.dates, np.datetime64(suspect.session, "D")))
    move = _move(bars, suspect)
    for factor in (1 / action.split, action.split) if action.split != 1.0 else ():
        if abs(move - math.log(factor)) <= AWAY:
            columns = (bars.close, bars.adjusted, bars.high, bars.low)
            close, adjusted, high, low = (_scaled_before(column, row, factor) for column in columns)
            return replace(bars, close=close, adjusted=adjusted, high=high, low=low)
    left = 1 - action.dividend / float(bars.close[row - 1])
    if action.dividend > 0 and left > 0 and abs(move - math.log(left)) <= AWAY:
        return replace(bars, adjusted=_scaled_before(bars.adjusted, row, left))
    return None


def _row(bars: Bars, session: date) -> int | None:
    row = int(np.searchsorted(bars.dates, np.datetime64(session, "D")))
    return row if row < len(bars.dates) and bars.dates[row] == np.datetime64(session, "D") else None


def _move(bars: Bars, suspect: SuspectPrice) -> float:
    """The log return from the last close to the suspect close or low; NaN = unknown."""
    row = _row(bars, suspect.session)
    if not row:
        return math.nan
    prices = bars.low if suspect.kind is Suspicion.LOW else bars.close
    return math.log(prices[row]) - math.log(bars.close[row - 1])


def _scaled_before(prices: Floats, row: int, factor: float) -> Floats:
    return np.concatenate([prices[:row] * factor, prices[row:]])


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
        accepted, suspects = dict(bars), {}
        for key, suspect in self._suspects(bars, peer_groups, calendars, now).items():
            better = repaired(suspect, accepted[suspect.symbol])
            if better is not None:
                accepted[suspect.symbol] = better
            elif not self._cleared(suspect, accepted, now):
                suspects[key] = suspect
        new = tuple(suspect for key, suspect in suspects.items() if key not in self._open)
        self._open = frozenset(suspects)
        times = frozenset((symbol, history.as_of) for symbol, history in bars.items())
        has_new_times = times != self._times or not any(time for _, time in times)
        self._times = times
        pending = frozenset(symbol for symbol, session in suspects if now - self._since[symbol, session] < HOLD)
        possible = [suspect for suspect in suspects.values() if not suspect.kind.impossible]
        included = exclude_suspects(accepted, [suspect for suspect in suspects.values() if suspect.kind.impossible])
        return FilteredPrices(
            included=included,
            excluded=exclude_suspects(included, possible),
            suspects=tuple(suspects.values()),
            new_suspects=new,
            pending=pending,
            has_new_times=has_new_times,
            halves=_halves(included, possible),
        )

    def _suspects(
        self,
        bars: Mapping[Symbol, Bars],
        peer_groups: Sequence[Collection[Symbol]],
        calendars: CalendarProvider,
        now: datetime,
    ) -> Mapping[SuspectKey, SuspectPrice]:
        suspects = {(suspect.symbol, suspect.session): suspect for suspect in self._currency_changes(bars)}
        for suspect in find_suspects(bars, peer_groups, calendars, now, self.recent):
            suspects.setdefault((suspect.symbol, suspect.session), suspect)
        self._since = {key: min(self._since.get(key, now), now) for key in suspects}
        self._observations = {key: seen for key, seen in self._observations.items() if key in suspects}
        return suspects

    def _currency_changes(self, bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
        """The newest prices of symbols whose currency differs from that of the first check."""
        for symbol, history in bars.items():
            first = self._currencies[symbol] = self._currencies.get(symbol) or history.currency
            priced = history.dates[~np.isnan(history.close)]
            if history.currency and history.currency != first and len(priced):
                detail = f"in {history.currency}, and before in {first}; if that is right, restart the bot"
                yield SuspectPrice(symbol, priced[-1].item(), Suspicion.CURRENCY, detail)

    def _cleared(self, suspect: SuspectPrice, bars: Mapping[Symbol, Bars], now: datetime) -> bool:
        key, history = (suspect.symbol, suspect.session), bars[suspect.symbol]
        row = _row(history, suspect.session)
        price = math.nan if row is None else float(history.close[row])
        observation = self._observations.get(key, SuspectObservation(now, price)).updated(price, now)
        if not observation.cleared:
            others = (peer for symbol, peer in bars.items() if symbol != suspect.symbol)
            observation = replace(observation, cleared=is_cleared(suspect, history, others, observation, now))
        self._observations[key] = observation
        return observation.cleared


def _halves(included: Mapping[Symbol, Bars], suspects: Sequence[SuspectPrice]) -> tuple[Mapping[Symbol, Bars], ...]:
    """The prices without the suspect rises, and without the suspect falls; none if all go one way."""
    falls = [suspect for suspect in suspects if is_fall(suspect, included[suspect.symbol])]
    rises = [suspect for suspect in suspects if suspect not in falls]
    return (exclude_suspects(included, rises), exclude_suspects(included, falls)) if falls and rises else ()
