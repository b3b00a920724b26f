"""Where do a command's prices come from, and which baskets can it show?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import numpy as np

from bot.app.calendars import open_calendars
from bot.app.prices import source_of
from bot.baskets import Basket, BasketId, LeftOut, Market, assemble, symbols_of
from bot.cli.beside import progress, say, say_building
from bot.clock import SystemClock
from bot.errors import ConfigError, NoData, Problem, SourceUnreachable
from bot.pipeline import Rulebook, survey
from bot.prices import Bars, Calendars, PriceSource, Refusal, Symbol
from bot.settings import Settings, load_settings
from bot.statistics import Board

MOST_REFUSALS_SHOWN = 5
Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Fetched:
    """Settings and prices, before anything is measured. `rulebook` holds the baskets that can be shown."""

    settings: Settings
    rulebook: Rulebook
    market: Market


@dataclass(frozen=True, slots=True)
class Opened(Fetched):
    """Everything a command on history needs."""

    board: Board


def open_market(
    config: Path | None,
    prices: Path | None,
    asked: Sequence[str] = (),
    *,
    alone: bool = False,
    live: bool = False,
) -> Opened:
    """Read the configuration, fetch prices and measure; arguments and errors as of `fetch_market`."""
    fetched = fetch_market(config, prices, asked, alone=alone, live=live)
    board = survey(fetched.market.tables, fetched.rulebook)
    return Opened(fetched.settings, fetched.rulebook, fetched.market, board)


def fetch_market(
    config: Path | None,
    prices: Path | None,
    asked: Sequence[str] = (),
    *,
    alone: bool = False,
    live: bool = False,
) -> Fetched:
    """Read the configuration and fetch prices. `asked` are the baskets named on the command line.

    With `alone` only those are opened. With `live`, or from Yahoo, the time is now, and a session that has not ended is
    provisional; otherwise the prices themselves are the end of time. Raises NoData if a basket that was asked for
    cannot be shown, or none can.
    """
    settings = load_settings(config, os.environ)
    rulebook = settings.rulebook()
    wanted = [_basket(rulebook, one) for one in asked]
    baskets = tuple(wanted) if alone and wanted else rulebook.baskets
    clock = SystemClock()
    calendars = open_calendars(settings, clock, say_building, baskets)
    source = source_of(settings, prices)
    bars: Mapping[Symbol, Bars]
    bars, lacking = _fetch(source, symbols_of(baskets))
    if prices is None:
        bars = _believed(bars, baskets, calendars, clock.now())
    market = assemble(baskets, bars, calendars, int(clock.now().timestamp()) if live or prices is None else None)
    _warn(market.refused)
    _complain(market.left_out, {basket.id for basket in wanted}, lacking)
    for basket in market.baskets:
        for symbol in basket.symbols:
            if symbol in lacking:
                say(f"Warning: basket {basket.id} is shown without {symbol}: {lacking[symbol]}")
    if not market.baskets:
        remedy = "" if prices is None else f" Make a basket of what is in {prices}, in baskets.toml (--config)."
        raise NoData(f"There are prices for none of the baskets: see the warnings above.{remedy}")
    return Fetched(settings, replace(rulebook, baskets=market.baskets), market)


def position_of(opened: Opened, basket: BasketId, session: date | None) -> int:
    """Where a session stands in a basket's series (None = the latest that is final). Raises NoData if it does not."""
    series = opened.board.series[basket]
    if not len(series.sessions):
        raise NoData(f"There are no prices of basket {basket}.")
    day = session or series.sessions[series.final_sessions - 1].item()
    position = opened.board.position(basket, day)
    if position is None:
        after = int(np.searchsorted(series.sessions, np.datetime64(day)))
        near = " and ".join(str(one) for one in series.sessions[max(after - 1, 0) : after + 1])
        held = f"The data run from {series.sessions[0]} to {series.sessions[-1]}; next to it: {near}."
        raise NoData(f"{day} is no session of {series.basket.calendar} that {basket} has data for. {held}")
    return position


def _basket(rulebook: Rulebook, name: str) -> Basket:
    return named("basket", "BASKET", name, {str(basket.id): basket for basket in rulebook.baskets})


def named(what: str, key: str, name: str, known: Mapping[str, Known]) -> Known:
    """The one of that name. Raises ConfigError with what is like it, or else all there are."""
    if name not in known:
        close = get_close_matches(name, known, 1)
        hint = f'Did you mean "{close[0]}"?' if close else f"There are: {', '.join(known)}."
        raise ConfigError((Problem("command line", key, f'there is no {what} "{name}"', hint),))
    return known[name]


def _fetch(source: PriceSource, symbols: Iterable[Symbol]) -> tuple[dict[Symbol, Bars], dict[Symbol, str]]:
    bars: dict[Symbol, Bars] = {}
    lacking: dict[Symbol, str] = {}
    wanted = list(symbols)
    with progress("Prices") as told:
        for done, symbol in enumerate(wanted):
            told(done, len(wanted), symbol)
            try:
                bars[symbol] = source.bars(symbol)
            except (NoData, SourceUnreachable) as error:
                lacking[symbol] = str(error)
    return bars, lacking


def _believed(
    bars: Mapping[Symbol, Bars], baskets: Sequence[Basket], calendars: Calendars, now: datetime
) -> Mapping[Symbol, Bars]:
    """A vendor's prices without those that the running bot would doubt at its first look, each of which is named."""
    from bot.watch import Gate  # noqa: PLC0415 - price files need none, and it brings all of asyncio

    look = Gate().look(bars, [basket.symbols for basket in baskets], calendars, now)
    for doubt in look.open:
        say(f"Warning: not believed, and left out: {doubt}")
    return look.excluded


def _warn(refused: Sequence[Refusal]) -> None:
    for refusal in refused[:MOST_REFUSALS_SHOWN]:
        say(f"Warning: {refusal}")
    if len(refused) > MOST_REFUSALS_SHOWN:
        say(f"Warning: {len(refused) - MOST_REFUSALS_SHOWN} more rows or prices were left out.")


def _complain(left_out: Sequence[LeftOut], wanted: set[BasketId], lacking: dict[Symbol, str]) -> None:
    for one in left_out:
        first, *others = one.lacking
        more = f" None either of {', '.join(others)}." if others else ""
        text = f"basket {one.basket.id} has prices for too few of its members: {lacking[first]}{more}"
        if one.basket.id in wanted:
            raise NoData(text)
        say(f"Warning: {text}")
