"""What makes a doubtful price believable?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from statistics import median

import numpy as np

from bot.prices.bars import Bars, Floats
from bot.prices.quality import AWAY, SuspectPrice, Suspicion

STAYS_FOR = timedelta(seconds=60)
STAYS_WITHIN = 0.05  # of the price it was first seen at
HEAVY = 3.0  # times the median of the sessions before
SESSIONS_BEFORE, FEWEST_VOLUMES = 20, 5
LASTING = (Suspicion.SPLIT, Suspicion.UNDONE, Suspicion.OUTSIDE)
# Nothing is lost by believing these; the others would have to trade heavily too.
HARMLESS = (Suspicion.REWRITTEN,)


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a doubtful price was first seen, and which one it was; it starts anew where the price has moved away."""

    first: datetime
    price: float
    settled: bool = False

    def again(self, price: float, now: datetime) -> Sighting:
        stayed = abs(price - self.price) <= STAYS_WITHIN * self.price
        return self if stayed and now >= self.first else Sighting(now, price)


def stayed(doubt: SuspectPrice, bars: Bars, others: Iterable[Bars], sighting: Sighting, now: datetime) -> bool:
    """Whether a fall has stayed put for a minute of heavy trading.

    What looks like a split, or is one, or was paid out, stays put by nature, and a close at which nothing traded is no
    trade. A rise stays doubtful: no fall is lost by that, and believing a wrong one would hide it.
    """
    if doubt.kind.impossible or doubt.kind in LASTING or now - sighting.first < STAYS_FOR:
        return False
    return doubt.kind in HARMLESS or (falls(doubt, bars) and heavy(bars, others, doubt.session))


def falls(doubt: SuspectPrice, bars: Bars) -> bool:
    """Whether the doubtful price is below the close before it; one that stands still, or has none before it, is not."""
    return _move(bars, doubt) < 0


def heavy(bars: Bars, others: Iterable[Bars], session: date) -> bool:
    """Whether shares and money changed hands far more than usual, and more so than those of the others.

    A wrong price moves only one of the two, and on a day of panic everything is traded heavily.
    """
    own = min(_trading(bars, session))
    if not own >= HEAVY:
        return False
    known = [ratio for one in others for ratio, _ in [_trading(one, session)] if not math.isnan(ratio)]
    return own >= HEAVY * max(1.0, median(known) if known else 1.0)


def _trading(bars: Bars, session: date) -> tuple[float, float]:
    """Shares and money of a session as multiples of the medians of the sessions before; NaN = nobody knows."""
    row = int(np.searchsorted(bars.dates, np.datetime64(session, "D")))
    if bars.volume is None or row >= len(bars.dates) or bars.dates[row] != np.datetime64(session, "D"):
        return math.nan, math.nan
    before = slice(max(row - SESSIONS_BEFORE, 0), row)
    traded = bars.volume[before] > 0
    shares = bars.volume[before][traded]
    money = (shares * bars.close[before][traded])[~np.isnan(bars.close[before][traded])]
    if len(money) < FEWEST_VOLUMES:
        return math.nan, math.nan
    now = float(bars.volume[row])
    return now / float(np.median(shares)), now * float(bars.close[row]) / float(np.median(money))


def mended(doubt: SuspectPrice, bars: Bars) -> Bars | None:
    """`bars` with the past on the footing of today, where the feed of actions tells of a split or a payment that the
    prices do not show, or show twice; None = it tells of nothing that accounts for the move.
    """
    action = next((one for one in bars.actions if one.session == doubt.session), None)
    if action is None or doubt.kind is Suspicion.LOW or (doubt.kind.impossible and action.split == 1.0):
        return None
    row = int(np.searchsorted(bars.dates, np.datetime64(doubt.session, "D")))
    shown = _move(bars, doubt)
    for factor in (1 / action.split, action.split) if action.split != 1.0 else ():
        if abs(shown - math.log(factor)) <= AWAY:
            columns = (bars.close, bars.adjusted, bars.high, bars.low)
            close, adjusted, high, low = (_scaled(one, row, factor) for one in columns)
            return replace(bars, close=close, adjusted=adjusted, high=high, low=low)
    left = 1 - action.dividend / float(bars.close[row - 1])
    if action.dividend > 0 and left > 0 and abs(shown - math.log(left)) <= AWAY:
        return replace(bars, adjusted=_scaled(bars.adjusted, row, left))
    return None


def _move(bars: Bars, doubt: SuspectPrice) -> float:
    """The log move from the last close to that of the doubtful session, or to its low; NaN if it is not known."""
    row = int(np.searchsorted(bars.dates, np.datetime64(doubt.session, "D")))
    if row == 0 or row >= len(bars.dates) or bars.dates[row] != np.datetime64(doubt.session, "D"):
        return math.nan
    prices = bars.low if doubt.kind is Suspicion.LOW else bars.close
    return math.log(prices[row]) - math.log(bars.close[row - 1])


def _scaled(prices: Floats, row: int, factor: float) -> Floats:
    """`prices` with those before `row` multiplied."""
    return np.concatenate([prices[:row] * factor, prices[row:]])
