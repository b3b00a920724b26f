"""Everything that is done to one symbol's prices, by the number of its fault case."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bot.prices.bars import CorporateAction, Dates, Floats, RawBars

PRICES = ("close", "adjusted", "high", "low")
Row = tuple[np.datetime64, float, float, float, float, float]


@dataclass
class Feed:
    """One symbol's rows as a vendor sends them, to be spoiled in place; `more` are rows after the others."""

    dates: Dates
    close: Floats
    adjusted: Floats
    high: Floats
    low: Floats
    volume: Floats
    actions: list[CorporateAction] = field(default_factory=list)
    more: list[Row] = field(default_factory=list)

    def raw(self) -> RawBars:
        columns = [self.dates, *(getattr(self, name) for name in PRICES), self.volume]
        if self.more:
            joined = zip(columns, zip(*self.more, strict=True), strict=True)
            columns = [np.concatenate([column, np.array(added, column.dtype)]) for column, added in joined]
        dates, close, adjusted, high, low, volume = columns
        return RawBars(dates, close, adjusted, high, low, volume=volume, actions=tuple(self.actions))

    def times(self, rows: slice, factor: float, names: Sequence[str] = PRICES) -> None:
        for name in names:
            getattr(self, name)[rows] *= factor

    def put(self, rows: slice, value: float, names: Sequence[str] = PRICES) -> None:
        for name in names:
            getattr(self, name)[rows] = value

    def row(self, at: int) -> Row:
        return (self.dates[at], self.close[at], self.adjusted[at], self.high[at], self.low[at], self.volume[at])

    def split(self, at: int, ratio: float) -> None:
        self.actions.append(CorporateAction(self.dates[at].item(), ratio))


# A mutator spoils what is told from session `at` on, up to but without `until`.
Mutator = Callable[[Feed, int, int, random.Random], None]


def lasting(factor: float, *, told: float | None = None) -> Mutator:
    """All prices from here on are `factor` times too high; `told` is the split that the feed tells of."""

    def spoil(feed: Feed, at: int, until: int, rng: random.Random) -> None:
        feed.times(slice(at, until), factor)
        if told is not None:
            feed.split(at, told)

    return spoil


def one_bar(factor: float | None = None, names: Sequence[str] = PRICES) -> Mutator:
    """One session is `factor` times too high; None = anything from a fifth to three, and wrong by 30 % at least.

    What is wrong by less is no doubt: a price may move so far.
    """

    def spoil(feed: Feed, at: int, until: int, rng: random.Random) -> None:
        feed.times(slice(at, at + 1), factor or rng.choice([rng.uniform(0.2, 0.7), rng.uniform(1.4, 3.0)]), names)

    return spoil


def no_price(value: float, names: Sequence[str] = PRICES) -> Mutator:
    """A session's prices are this instead."""

    def spoil(feed: Feed, at: int, until: int, rng: random.Random) -> None:
        feed.put(slice(at, at + 1), value, names)

    return spoil


def halted(feed: Feed, at: int, until: int, rng: random.Random) -> None:
    feed.put(slice(at, until), np.nan)


def halted_at_the_last_price(feed: Feed, at: int, until: int, rng: random.Random) -> None:
    for name in PRICES:
        getattr(feed, name)[at:until] = getattr(feed, name)[at - 1]
    feed.volume[at:until] = 0


def yesterdays_copy(feed: Feed, at: int, until: int, rng: random.Random) -> None:
    for name in (*PRICES, "volume"):
        getattr(feed, name)[at] = getattr(feed, name)[at - 1]


def frozen_close(feed: Feed, at: int, until: int, rng: random.Random) -> None:
    """The close stands still though the session had a high and a low of its own."""
    feed.close[at], feed.adjusted[at] = feed.close[at - 1], feed.adjusted[at - 1]


def twice(feed: Feed, at: int, until: int, rng: random.Random) -> None:
    feed.more.append(feed.row(at))


def twice_otherwise(feed: Feed, at: int, until: int, rng: random.Random) -> None:
    day, *prices = feed.row(at)
    feed.more.append((day, *(0.93 * price for price in prices)))  # type: ignore[arg-type]


def out_of_order(feed: Feed, at: int, until: int, rng: random.Random) -> None:
    feed.more.append(feed.row(at))
    feed.dates[at] = np.datetime64("NaT")


def on_a_weekend(feed: Feed, at: int, until: int, rng: random.Random) -> None:
    """A row of a fake session, 12 % lower, on the next day that has none."""
    _, *prices = feed.row(at)
    day = feed.dates[at]
    while np.is_busday(day):
        day += np.timedelta64(1, "D")
    feed.more.append((day, *(0.88 * price for price in prices)))  # type: ignore[arg-type]


def a_day_too_late(feed: Feed, at: int, until: int, rng: random.Random) -> None:
    """Time zones: the row bears the date of the next session, which has a row of its own."""
    feed.dates[at] = feed.dates[at + 1]


def crossed(feed: Feed, at: int, until: int, rng: random.Random) -> None:
    feed.high[at], feed.low[at] = feed.low[at] * 0.9, feed.high[at] * 1.1


def paid_out(adjusts: bool) -> Mutator:
    """A quarter of the company is spun off, told by the feed; the adjusted closes know of it or do not."""

    def spoil(feed: Feed, at: int, until: int, rng: random.Random) -> None:
        feed.actions.append(CorporateAction(feed.dates[at].item(), dividend=0.25 * float(feed.close[at - 1])))
        feed.times(slice(at, until), 0.75, ("close", "high", "low"))
        if not adjusts:
            feed.times(slice(at, until), 0.75, ("adjusted",))

    return spoil


MUTATORS: dict[str, Mutator] = {
    "25 split 2:1": lasting(1 / 2),
    "25 split 10:1": lasting(1 / 10),
    "25 split 3:2": lasting(2 / 3),
    "25 reverse split 1:10": lasting(10),
    "25 split 2:1, told": lasting(1 / 2, told=2),
    "25 split 10:1, told": lasting(1 / 10, told=10),
    "25 split 3:2, told": lasting(2 / 3, told=1.5),
    "25 reverse split 1:10, told": lasting(10, told=0.1),
    "26 split 10:1 adjusted twice": lasting(10, told=10),
    "26 split 4:1 adjusted on one bar": one_bar(1 / 4),
    "27 repair invents a split": lasting(1 / 4),
    "28 hundredfold": lasting(100),
    "28 a hundredth": lasting(1 / 100),
    "28 hundredfold for one bar": one_bar(100),
    "28 won for dollars": lasting(1 / 1300),
    "29 bad tick": one_bar(),
    "29 bad close": one_bar(names=("close", "adjusted")),
    "29 bad low": one_bar(names=("low",)),
    "30 NaN": no_price(np.nan),
    "30 NaN close": no_price(np.nan, ("close", "adjusted")),
    "30 infinite": no_price(np.inf),
    "30 zero": no_price(0.0),
    "30 negative": no_price(-12.5),
    "30 1e308": no_price(1e308),
    "30 high below low": crossed,
    "31 twice": twice,
    "31 twice, otherwise": twice_otherwise,
    "31 out of order": out_of_order,
    "31 on a weekend": on_a_weekend,
    "31 a day too late": a_day_too_late,
    "31 yesterday's copy": yesterdays_copy,
    "32 frozen close": frozen_close,
    "35 halted": halted,
    "35 halted at the last price": halted_at_the_last_price,
    "38 spin-off, adjusted": paid_out(adjusts=True),
    "38 spin-off, not adjusted": paid_out(adjusts=False),
}
