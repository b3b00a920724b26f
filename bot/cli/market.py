"""Loads configuration and prices for the commands."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import numpy as np

from bot.app.sources import open_calendars, price_source
from bot.baskets import Basket, BasketId, ExcludedBasket, Market, assemble_market, symbols_of
from bot.cli.output import note_calendar_build, print_note, progress
from bot.clock import SystemClock
from bot.errors import ConfigError, ConfigProblem, NoData, SourceUnreachable
from bot.pipeline import Rulebook, measure_market
from bot.prices.bars import Bars, PriceSource, RejectedRow, Symbol
from bot.prices.calendars import CalendarProvider
from bot.prices.quality_filter import QualityFilter
from bot.settings.load import load_settings
from bot.statistics.market_stats import MarketStats

MAX_REJECTIONS_SHOWN = 5
Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class MeasuredMarket:
    """Everything a command on history needs. `rulebook` holds the baskets that can be shown."""

    rulebook: Rulebook
    market: Market
    board: MarketStats


def measure_loaded_market(
    config: Path | None,
    prices: Path | None,
    asked: Sequence[str] = (),
    *,
    alone: bool = False,
    live: bool = False,
) -> MeasuredMarket:
    """Read the configuration, fetch prices and measure; arguments and errors as of `load_market`."""
    rulebook, market = load_market(config, prices, asked, alone=alone, live=live)
    return MeasuredMarket(rulebook, market, measure_market(market.tables, rulebook))


def load_market(
    config: Path | None,
    prices: Path | None,
    asked: Sequence[str] = (),
    *,
    alone: bool = False,
    live: bool = False,
) -> tuple[Rulebook, Market]:
    """Read the configuration and fetch prices. `asked` are the baskets of the command line; the rulebook that is
    returned holds the baskets that can be shown.

    With `alone` only the asked baskets are opened. With `live`, or from Yahoo, the time is now, and an open session is
    provisional; otherwise time ends with the prices. Raises NoData if an asked basket, or every basket, lacks prices.
    """
    settings = load_settings(config, os.environ)
    rulebook = settings.rulebook()
    by_id = {str(basket.id): basket for basket in rulebook.baskets}
    wanted = [lookup_name("basket", "BASKET", name, by_id) for name in asked]
    baskets = tuple(wanted) if alone and wanted else rulebook.baskets
    clock = SystemClock()
    calendars = open_calendars(settings, clock, note_calendar_build, baskets)
    source = price_source(settings, prices)
    bars: Mapping[Symbol, Bars]
    bars, lacking = fetch_all(source, symbols_of(baskets))
    if prices is None:
        bars = without_suspects(bars, baskets, calendars, clock.now())
    market = assemble_market(baskets, bars, calendars, int(clock.now().timestamp()) if live or prices is None else None)
    warn_of_rejections(market.refused)
    warn_of_excluded(market.left_out, {basket.id for basket in wanted}, lacking)
    for basket in market.baskets:
        for symbol in basket.symbols:
            if symbol in lacking:
                print_note(f"Warning: basket {basket.id} is shown without {symbol}: {lacking[symbol]}")
    if not market.baskets:
        remedy = "" if prices is None else f" Make a basket of what is in {prices}, in baskets.toml (--config)."
        raise NoData(f"There are prices for none of the baskets: see the warnings above.{remedy}")
    return replace(rulebook, baskets=market.baskets), market


def position_of(opened: MeasuredMarket, basket: BasketId, session: date | None) -> int:
    """The row of a session in a basket's series (None = the latest final session). Raises NoData for any other day."""
    series = opened.board.series[basket]
    if not len(series.sessions):
        raise NoData(f"There are no prices of basket {basket}.")
    day = session or series.sessions[series.final_sessions - 1].item()
    position = opened.board.position(basket, day)
    if position is None:
        after = int(np.searchsorted(series.sessions, np.datetime64(day)))
        near = " and ".join(str(session) for session in series.sessions[max(after - 1, 0) : after + 1])
        held = f"The data run from {series.sessions[0]} to {series.sessions[-1]}; next to it: {near}."
        raise NoData(f"{day} is no session of {series.basket.calendar} that {basket} has data for. {held}")
    return position


def lookup_name(what: str, key: str, name: str, items: Mapping[str, Known]) -> Known:
    """The item named `name`. Raises ConfigError with a similar name, or else with all names."""
    if name not in items:
        close = get_close_matches(name, items, 1)
        hint = f'Did you mean "{close[0]}"?' if close else f"There are: {', '.join(items)}."
        raise ConfigError((ConfigProblem("command line", key, f'there is no {what} "{name}"', hint),))
    return items[name]


def fetch_all(source: PriceSource, symbols: Iterable[Symbol]) -> tuple[dict[Symbol, Bars], dict[Symbol, str]]:
    bars: dict[Symbol, Bars] = {}
    lacking: dict[Symbol, str] = {}
    wanted = list(symbols)
    with progress("Prices") as report:
        for done, symbol in enumerate(wanted):
            report(done, len(wanted), symbol)
            try:
                bars[symbol] = source.bars(symbol)
            except (NoData, SourceUnreachable) as error:
                lacking[symbol] = str(error)
    return bars, lacking


def without_suspects(
    bars: Mapping[Symbol, Bars], baskets: Sequence[Basket], calendars: CalendarProvider, now: datetime
) -> Mapping[Symbol, Bars]:
    """A vendor's prices without suspect prices, as at the first check of a running bot; each is reported."""
    check = QualityFilter().filter(bars, [basket.symbols for basket in baskets], calendars, now)
    for suspect in check.suspects:
        print_note(f"Warning: not believed, and left out: {suspect}")
    return check.excluded


def warn_of_rejections(refused: Sequence[RejectedRow]) -> None:
    for refusal in refused[:MAX_REJECTIONS_SHOWN]:
        print_note(f"Warning: {refusal}")
    if len(refused) > MAX_REJECTIONS_SHOWN:
        print_note(f"Warning: {len(refused) - MAX_REJECTIONS_SHOWN} more rows or prices were left out.")


def warn_of_excluded(left_out: Sequence[ExcludedBasket], wanted: set[BasketId], lacking: dict[Symbol, str]) -> None:
    for incomplete in left_out:
        first, *others = incomplete.lacking
        more = f" None either of {', '.join(others)}." if others else ""
        text = f"basket {incomplete.basket.id} has prices for too few of its members: {lacking[first]}{more}"
        if incomplete.basket.id in wanted:
            raise NoData(text)
        print_note(f"Warning: {text}")
