"""Recorded prices: the demo's, and more where REAL_DATA or a folder beside the checkout has them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

from bot.adapters.price_files import CsvFolder
from bot.alerts.episodes import Alert
from bot.backtest.replay import replayed_alerts
from bot.baskets import assemble_market
from bot.cli.market import MeasuredMarket
from bot.pipeline import Rulebook
from bot.prices.bars import Bars, Symbol
from bot.prices.calendars import Calendar, CalendarCode
from bot.settings.load import load_settings
from tests import told
from tests.world import NEW_YORK, SEOUL, World, calendar

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "config" / "demo"
SHARED = Path(os.environ.get("REAL_DATA") or CHECKOUT.parent / "shared" / "data") / "prices"
# The exchange was open on the days on which these traded.
WITNESSES = {NEW_YORK: ("^GSPC",), SEOUL: ("005930.KS", "000660.KS")}


@dataclass(frozen=True)
class Recorded:
    """A rulebook and the prices of its symbols; calendars are the days on which somebody traded."""

    rulebook: Rulebook
    bars: dict[Symbol, Bars]
    days: dict[CalendarCode, list[date]]

    def get(self, code: CalendarCode) -> Calendar:
        return calendar(code, self.days[code])

    def cut(self, last: date) -> Recorded:
        """The rows up to `last`, on the same calendars."""
        return replace(self, bars=World(rows=self.bars).until(last).rows)

    def of(self, *baskets: str) -> Recorded:
        """The same market with fewer baskets."""
        chosen = tuple(one for one in self.rulebook.baskets if one.id in baskets)
        return replace(self, rulebook=replace(self.rulebook, baskets=chosen))

    def opened(self) -> MeasuredMarket:
        return told.opened(assemble_market(self.rulebook.baskets, self.bars, self), self.rulebook)


def recorded(config: Path, prices: Path) -> Recorded:
    rulebook = load_settings(config, {}).rulebook()
    folder = CsvFolder(prices)
    there = set(folder.symbols())
    wanted = dict.fromkeys(symbol for one in rulebook.baskets for symbol in one.symbols)
    bars = {one: folder.bars(one) for one in wanted if one in there or Symbol(one.removeprefix("^")) in there}
    days = {
        code: sorted(
            {day for one in names if one.removeprefix("^") in there for day in folder.bars(Symbol(one)).dates.tolist()}
        )
        for code, names in WITNESSES.items()
    }
    return Recorded(rulebook, bars, days)


@cache
def demo() -> Recorded:
    return recorded(DEMO, DEMO / "prices")


@cache
def shared() -> Recorded:
    return recorded(CHECKOUT / "config", SHARED)


def posted(opened: MeasuredMarket, start: date | None = None, stop: date | None = None) -> list[Alert]:
    return list(replayed_alerts(opened.board, opened.rulebook, start, stop))
