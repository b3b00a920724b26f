"""Do commands that ask Yahoo believe what the running bot would not?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import time_machine

from bot.adapters.price_files import PriceCache
from bot.adapters.yahoo.source import YahooPrices
from bot.cli import market
from bot.prices.calendars import Calendar
from tests.fake_yahoo import Day, FakeYahoo, Listing, fake_yahoo
from tests.unit.cli.typed import Type

LAST = "2022-12-27"
SYMBOLS = ("AA", "BB", "CC", "DD", "EE", "^IX")


@pytest.fixture
def yahoo(new_york: Calendar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeYahoo]:
    """A Yahoo by which AA fell to a tenth on the last session, as by a split that nobody told of."""
    end = int(np.searchsorted(new_york.sessions, np.datetime64(LAST))) + 1
    days = new_york.sessions[end - 300 : end].tolist()
    with fake_yahoo() as (server, session), time_machine.travel(f"{LAST}T23:00:00Z"):
        for number, symbol in enumerate(SYMBOLS):
            closes = [100 + 0.3 * ((3 * at + number) % 7) for at in range(len(days))]
            closes[-1] *= 0.1 if symbol == "AA" else 1.0
            rows = [Day(day, price, None, price, price) for day, price in zip(days, closes, strict=True)]
            server.listings[symbol] = Listing(rows)
        source = YahooPrices(tmp_path / "yahoo", 20.0, session)
        monkeypatch.setattr(market, "price_source", lambda *_: PriceCache(tmp_path / "kept", source))
        yield server
        source.close()


def test_a_doubtful_price_is_named_and_left_out(yahoo: FakeYahoo, typed: Type, config: Path) -> None:
    told = typed("now", "five", "--config", config, "--format", "jsonl")
    (row,) = map(json.loads, told.rows)
    assert row["session"] == LAST
    assert row["coverage"] == 0.8
    assert abs(row["move"]) < 0.02
    assert f"Warning: not believed, and left out: AA {LAST}: looks like a split: −90.1 %" in told.err


def test_explain_shows_it_as_missing(yahoo: FakeYahoo, typed: Type, config: Path) -> None:
    told = typed("explain", "five", "--config", config)
    assert f"not believed, and left out: AA {LAST}" in told.err
    (line,) = (one for one in told.rows if one.startswith("  AA"))
    assert "-> missing" in line


def test_a_basket_with_too_little_left_has_no_reading(yahoo: FakeYahoo, typed: Type, config: Path) -> None:
    told = typed("now", "duo", "--config", config)
    assert "no reading" in told.out


def test_what_the_feed_tells_of_is_no_doubt(yahoo: FakeYahoo, typed: Type, config: Path) -> None:
    mine = yahoo.listings["AA"]
    mine.splits = {mine.days[-1].date: 10.0}
    told = typed("now", "five", "--config", config, "--format", "jsonl")
    (row,) = map(json.loads, told.rows)
    assert row["coverage"] == 1.0
    assert abs(row["move"]) < 0.02
    assert "not believed" not in told.err


def test_a_folder_is_the_operators_own_word(asked: Type, prices: Path) -> None:
    file = prices / "AA.csv"
    *rows, last, end = file.read_text().split("\n")
    day, *_ = last.split(",")
    file.write_text("\n".join([*rows, f"{day},,,9.0,10.0,10.0,1000", end]))
    told = asked("now", "five", "--format", "jsonl")
    assert json.loads(told.rows[0])["move"] < -0.1
    assert "not believed" not in told.err
