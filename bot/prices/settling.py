"""What makes a doubtful price believable?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from bot.prices.bars import Bars, Floats
from bot.prices.doubts import AWAY, Doubt, Kind

STAYS_FOR = timedelta(seconds=60)
STAYS_WITHIN = 0.05  # of the price it was first seen at
HEAVY = 3.0  # times the median of the sessions before
FEWEST_VOLUMES = 5
SECOND_WITHIN = 0.01
# Nothing is lost by believing these; the others would have to trade heavily too.
HARMLESS = (Kind.REWRITTEN,)


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a doubtful price was first seen, and which one it was; it starts anew where the price has moved away."""

    first: datetime
    price: float
    settled: bool = False

    def again(self, price: float, now: datetime) -> Sighting:
        stayed = abs(price - self.price) <= STAYS_WITHIN * self.price
        return self if stayed and now >= self.first else Sighting(now, price)


def stayed(doubt: Doubt, bars: Bars, sighting: Sighting, now: datetime) -> bool:
    """Whether the price has stayed put for a minute of heavy trading. What looks like a split stays put by nature."""
    if doubt.kind.impossible or doubt.kind is Kind.SPLIT or now - sighting.first < STAYS_FOR:
        return False
    return doubt.kind in HARMLESS or heavy(bars, doubt)


def heavy(bars: Bars, doubt: Doubt) -> bool:
    """Whether more shares, and more money, changed hands than usual; a wrong price moves only one of the two."""
    row = int(np.searchsorted(bars.dates, np.datetime64(doubt.session, "D")))
    if bars.volume is None:
        return False
    before = bars.volume[:row] > 0
    shares = bars.volume[:row][before][-20:]
    money = shares * bars.close[:row][before][-20:]
    if len(shares) < FEWEST_VOLUMES or np.isnan(money).all():
        return False
    now = float(bars.volume[row])
    least = min(now / float(np.median(shares)), now * float(bars.close[row]) / float(np.nanmedian(money)))
    return least >= HEAVY


def confirmed(doubt: Doubt, bars: Bars, other: Bars) -> bool:
    """Whether a second source shows the same move, within a hundredth."""
    ours, theirs = _move(bars, doubt), _move(other, doubt)
    return abs(ours - theirs) <= SECOND_WITHIN  # NaN compares false


def mended(doubt: Doubt, bars: Bars) -> Bars | None:
    """`bars` with the past on the footing of today, where the feed of actions tells of a split or a payment that the
    prices do not show, or show twice; None = it tells of nothing that accounts for the move.
    """
    action = next((one for one in bars.actions if one.session == doubt.session), None)
    if action is None or (doubt.kind.impossible and action.split == 1.0):
        return None
    row = int(np.searchsorted(bars.dates, np.datetime64(doubt.session, "D")))
    if action.split != 1.0:
        for factor in (1 / action.split, action.split):
            if abs(_move(bars, doubt) - math.log(factor)) <= AWAY:
                close, adjusted, high, low = (
                    _scaled(one, row, factor) for one in (bars.close, bars.adjusted, bars.high, bars.low)
                )
                return replace(bars, close=close, adjusted=adjusted, high=high, low=low)
    if action.dividend > 0:
        before = float(bars.close[row - 1])
        factor = 1 - action.dividend / before
        if factor > 0 and abs(_move(bars, doubt) - math.log(factor)) <= AWAY:
            return replace(bars, adjusted=_scaled(bars.adjusted, row, factor))
    return None


def _move(bars: Bars, doubt: Doubt) -> float:
    """The log move of the closes into the doubtful session; NaN if it is not known."""
    row = int(np.searchsorted(bars.dates, np.datetime64(doubt.session, "D")))
    if row == 0 or row >= len(bars.dates) or bars.dates[row] != np.datetime64(doubt.session, "D"):
        return math.nan
    return float(np.log(bars.close[row]) - np.log(bars.close[row - 1]))


def _scaled(prices: Floats, row: int, factor: float) -> Floats:
    """`prices` with those before `row` multiplied."""
    return np.concatenate([prices[:row] * factor, prices[row:]])
