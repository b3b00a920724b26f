"""From a folder of real closes to the last column, against the oracle: the demo's, and those of REAL_DATA if set."""

from __future__ import annotations

import csv
import os
import random
import tomllib
from datetime import date
from pathlib import Path

import pytest

from bot.adapters.calendars import CachedCalendars
from bot.adapters.price_files import CsvFolder
from bot.baskets import Basket, BasketId, Member, value_basket
from bot.clock import SystemClock
from bot.prices.bars import Symbol
from bot.prices.calendars import CalendarCode
from bot.prices.table import build_table
from bot.statistics.measure import measure_basket
from bot.statistics.verdict import DrawdownThresholds
from tests import oracle
from tests.moment.calendars import calendars_with
from tests.property import builders

CONFIG = Path(__file__).parents[2] / "config"
REAL_DATA = os.environ.get("REAL_DATA")  # names a folder with a folder "prices" in it
SAMPLED = 120


def read(path: Path, column: str) -> dict[date, float]:
    with path.open(newline="") as lines:
        cells = list(csv.DictReader(lines))
    column = column if column in cells[0] else "close"
    return {date.fromisoformat(cell["date"]): float(cell[column]) for cell in cells if cell[column]}


def compare(folder: Path, entry: dict, exchanges: builders.Exchanges, window: int, lookback: int | None) -> None:
    """Readings and coverage of every session, and the verdicts of sampled ones, bit for bit."""
    column = "close" if entry.get("prices") == "split-adjusted" else "adj_close"
    known, members = [], []
    for given in entry["members"]:
        asked = given if isinstance(given, dict) else {"symbol": given}
        path = folder / f"{asked['symbol'].removeprefix('^')}.csv"
        if path.exists():
            weight = asked.get("weight", 1.0) if entry.get("weights") == "fixed" else 1.0
            since, until = asked.get("from"), asked.get("until")
            known.append(Member(Symbol(asked["symbol"]), weight, since, until))
            theirs = exchanges.away if asked["symbol"].endswith(".KS") else exchanges.home
            sessions = set(theirs.sessions)
            prices = {day: close for day, close in read(path, column).items() if day in sessions}
            members.append(oracle.Member(theirs, prices, weight, since, until))
    kind = "split-adjusted" if column == "close" else "adjusted"
    basket = Basket(BasketId("b"), (), tuple(known), prices=kind)
    calendar = exchanges.get(CalendarCode(entry.get("calendar", "XNYS")))
    table = build_table([CsvFolder(folder).bars(symbol) for symbol in basket.symbols], calendar, exchanges)
    days, closes = calendar.sessions.tolist(), calendar.closes.tolist()
    first = days.index(table.sessions[0].item())
    part = slice(first, first + len(table.sessions))
    here = oracle.Exchange(days[part], closes[part])

    series = value_basket(table, basket)
    expected = oracle.basket(here, members, basket.min_coverage)
    assert builders.numbers(series.daily_return) == expected.returns
    assert builders.numbers(series.coverage) == expected.coverage
    found = measure_basket(series, window, DrawdownThresholds(lookback=lookback))
    sampled = sorted(random.Random(window).sample(range(len(here.sessions)), SAMPLED))
    rows = oracle.verdicts(here.sessions, expected.returns, expected.coverage, window, lookback=lookback, only=sampled)
    verdicts = {at: found.at(at) for at in sampled}
    assert {at: builders.row(one) for at, one in verdicts.items() if one is not None} == rows
    assert len(rows) > SAMPLED / 2


def entries(path: Path) -> dict[str, dict]:
    return tomllib.loads(path.read_text())["baskets"]


@pytest.mark.parametrize("basket", entries(CONFIG / "demo" / "baskets.toml"))
def test_the_closes_of_the_demo(basket: str) -> None:
    folder = CONFIG / "demo" / "prices"
    sessions = builders.exchange(sorted(read(folder / "GSPC.csv", "close")), 21)
    window = {"banks": 1, "staples": 5}.get(basket, 2)
    entry = entries(CONFIG / "demo" / "baskets.toml")[basket]
    compare(folder, entry, builders.Exchanges(sessions, sessions), window, None)


@pytest.fixture(scope="module")
def new_york_and_seoul() -> builders.Exchanges:
    calendars = CachedCalendars(calendars_with(builders.HOME, builders.AWAY), SystemClock())
    both = [calendars.get(code) for code in (builders.HOME, builders.AWAY)]
    return builders.Exchanges(*(oracle.Exchange(one.sessions.tolist(), one.closes.tolist()) for one in both))


@pytest.mark.skipif(REAL_DATA is None, reason="REAL_DATA names no folder with more prices")
@pytest.mark.parametrize("basket", entries(CONFIG / "baskets.toml"))
def test_the_closes_of_another_folder(basket: str, new_york_and_seoul: builders.Exchanges) -> None:
    compare(Path(REAL_DATA or "", "prices"), entries(CONFIG / "baskets.toml")[basket], new_york_and_seoul, 2, 252)
