"""Is the whole past fetched once, whatever ends it early?"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bot.adapters.price_files import PriceCache
from bot.adapters.yahoo.source import CircuitBreaker, YahooPrices
from bot.app.sources import BackfillResult, backfill
from bot.clock import SystemClock
from bot.prices.bars import Symbol
from bot.prices.calendars import Calendar, CalendarCode
from tests.e2e.surroundings import Surroundings
from tests.fake_yahoo import BROKEN, FLOOD, UNKNOWN, FakeYahoo, LocalSession, fake_yahoo
from tests.world import basket

AA, BB = Symbol("AA"), Symbol("BB")


class Here:
    """A Yahoo on this machine behind the breaker and the cache, in this process."""

    def __init__(self, folder: Path, session: LocalSession, calendar: Calendar) -> None:
        self.yahoo = YahooPrices(folder / "yahoo", 10.0, session)
        self.cache = PriceCache(folder / "prices", CircuitBreaker(self.yahoo, SystemClock()))
        self.calendar = calendar

    def get(self, _code: CalendarCode) -> Calendar:
        return self.calendar

    def fetch(self, *symbols: str, again: bool = False) -> list[BackfillResult]:
        return list(backfill((basket("all", *symbols),), self.cache, self, again=again))


@pytest.fixture
def both(tmp_path: Path, listed: FakeYahoo, new_york: Calendar):
    with fake_yahoo() as (server, session):
        server.listings |= listed.listings
        own = Here(tmp_path, session, new_york)
        yield server, own
        own.yahoo.close()


async def test_too_many_requests_end_it_and_it_goes_on_where_it_was(here: Surroundings, new_york: Calendar) -> None:
    days = here.yahoo.listings["AA"].days
    del days[7]
    here.yahoo.answers["BB"] = FLOOD
    ended = await here.typed("backfill", "--format", "csv")
    assert ended.code == 3
    refused = "Yahoo refuses to tell about BB: too many requests. It relents by itself, within minutes or a day."
    kept = "What was fetched is kept; 1 of 2 symbols are missing. Run backfill again later: it goes on where it was."
    assert ended.err.splitlines() == ["1 of 2: AA", f"2 of 2: BB: {refused}", f"Error: {refused} {kept}"]
    first, last = days[0].date, days[-2].date
    (one, other) = csv.DictReader(ended.out.splitlines())
    # The newest row is not kept: its session may not be over.
    assert list(one.values()) == ["AA", str(first), str(last), "29", "1", "True", ""]
    assert list(other.values()) == ["BB", "", "", "0", "0", "True", refused]
    with fake_yahoo() as (server, session):
        server.listings |= here.yahoo.listings
        own = Here(here.data, session, new_york)
        assert own.fetch("AA", "BB") == [
            BackfillResult(AA, first, last, 29, 1, there=True),
            BackfillResult(BB, first, last, 30, 0),
        ]
        own.yahoo.close()
        assert [one.symbol for one in server.asked if one.what == "chart"] == ["BB"]


def test_what_is_there_is_asked_for_again_only_if_one_says_so(both: tuple[FakeYahoo, Here]) -> None:
    server, own = both
    (first,) = own.fetch("AA")
    (second,) = own.fetch("AA")
    assert (first.there, second.there, first.sessions) == (False, True, second.sessions)
    assert len(server.charts("AA")) == 1
    server.listings["AA"].split(2.0)
    (third,) = own.fetch("AA", again=True)
    kept = own.cache.cached(AA)
    assert kept is not None
    assert (third.there, kept.close[0]) == (False, 50.0)
    assert len(server.charts("AA")) == 2


def test_a_watch_that_comes_after_it_asks_for_the_newest_rows_alone(both: tuple[FakeYahoo, Here]) -> None:
    server, own = both
    own.fetch("AA", "BB")
    own.cache.bars(AA)
    begins = [int(query["period1"]) for query in server.charts("AA")]
    assert begins[0] < 0 < begins[1]


def test_an_unknown_symbol_hinders_no_other_but_a_failure_after_the_other_does(both: tuple[FakeYahoo, Here]) -> None:
    server, own = both
    server.answers |= {f"X{number}": BROKEN for number in range(9)} | {"NO": UNKNOWN}
    unknown, found = own.fetch("NO", "AA")
    assert unknown.lacking.startswith("Yahoo knows no symbol NO.")
    assert (unknown.first, found.lacking) == (None, "")
    told = own.fetch(*(f"X{number}" for number in range(9)), "BB")
    assert [one.ends for one in told] == [False] * 5 + [True]
    assert "left alone" in told[-1].lacking
    assert server.charts("BB") == []
