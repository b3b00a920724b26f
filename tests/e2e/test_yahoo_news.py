"""Yahoo's news by the real yfinance, from a Yahoo on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.yahoo.source import YahooNews, YahooPrices, _to_headline
from bot.context.headlines import Headline
from bot.errors import SourceUnreachable
from bot.prices.bars import Symbol
from tests import fake_yahoo
from tests.e2e.test_yahoo import listing
from tests.fake_yahoo import BROKEN, DROP, FLOOD, GARBAGE, HANG, OUTAGE, Answer, FakeYahoo, article

MU, WDC = Symbol("MU"), Symbol("WDC")


@pytest.fixture
def asked_before(tmp_path: Path) -> Iterator[tuple[FakeYahoo, YahooPrices]]:
    """A Yahoo that was asked for prices already; each request may take it half a second."""
    with fake_yahoo.fake_yahoo() as (server, session):
        server.listings["MU"] = listing(30)
        yahoo = YahooPrices(tmp_path / "yahoo", 1.5, session)
        yahoo.bars(MU)
        server.asked.clear()
        yield server, yahoo
        yahoo.close()


@pytest.fixture
def server(asked_before: tuple[FakeYahoo, YahooPrices]) -> FakeYahoo:
    return asked_before[0]


async def ask(*symbols: Symbol) -> list[Any]:
    return await asyncio.gather(*YahooNews().fetch(symbols), return_exceptions=True)


async def test_one_request_a_symbol_and_what_it_says(server: FakeYahoo) -> None:
    server.news["MU"] = [article("Micron falls & falls"), {"ad": [{"id": 1}]}]
    server.news["WDC"] = [article("Discs", canonicalUrl=None, clickThroughUrl={"url": "https://b.example.com"})]
    at = datetime(2026, 7, 2, 14, 5, tzinfo=UTC)
    assert await ask(MU, WDC) == [
        [Headline("Micron falls & falls", "The Wire", "https://wire.example.com/a", at, (MU,))],
        [Headline("Discs", "The Wire", "https://b.example.com", at, (WDC,))],
    ]
    assert [(one.what, one.symbol) for one in server.asked] == [("news", "MU"), ("news", "WDC")]
    assert await ask(Symbol("XX")) == [[]]


async def test_it_says_something_else_the_next_time(server: FakeYahoo) -> None:
    server.news["MU"] = [article("First")]
    news = YahooNews()
    for title in ("First", "Second"):
        server.news["MU"] = [article(title)]
        (found,) = await asyncio.gather(*news.fetch([MU]))
        assert [one.title for one in found] == [title]


@pytest.mark.parametrize(
    "answer",
    [
        *(BROKEN, FLOOD, OUTAGE, GARBAGE, DROP, HANG),
        *(Answer(body=json.dumps(one).encode()) for one in ([], "news", 7, {"data": []}, {"data": None})),
        Answer(body=json.dumps({"data": {"tickerStream": {"stream": 7}}}).encode()),
        Answer(body=json.dumps({"data": {"tickerStream": {"stream": [None, "x"]}}}).encode()),
    ],
    ids=str,
)
async def test_a_failure_is_a_failure_and_no_more(server: FakeYahoo, answer: Answer) -> None:
    server.answers["news"] = answer
    server.news["WDC"] = [article("Discs")]
    (failed,) = await ask(MU)
    assert isinstance(failed, SourceUnreachable)
    assert "MU" in str(failed)
    del server.answers["news"]
    (found,) = await ask(WDC)
    assert [one.title for one in found] == ["Discs"]


async def test_an_endless_answer_is_not_read(server: FakeYahoo) -> None:
    server.answers["news"] = Answer(body=b" " * 21_000_000)
    (failed,) = await ask(MU)
    assert isinstance(failed, SourceUnreachable)


async def test_prices_do_not_wait_for_news(asked_before: tuple[FakeYahoo, YahooPrices]) -> None:
    server, yahoo = asked_before
    server.answers["news"] = HANG
    waiting = [asyncio.create_task(one) for one in YahooNews().fetch([MU])]
    await asyncio.sleep(0.05)
    assert len((await asyncio.to_thread(yahoo.bars, MU)).dates) == 30
    assert not waiting[0].done()
    await asyncio.gather(*waiting, return_exceptions=True)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["url", "displayName"]), inner),
    max_leaves=4,
)


@given(anything, st.dictionaries(st.sampled_from(["title", "pubDate", "provider", "canonicalUrl"]), anything), anything)
def test_whatever_an_article_holds_it_is_a_headline_or_none(title: Any, content: dict[str, Any], when: Any) -> None:
    for one in (content, article(title, when), {"content": article("Micron")["content"] | content}, {"content": title}):
        found = _to_headline(MU, one)
        assert found is None or (found.title and found.publisher and found.at.utcoffset() is not None)


@pytest.mark.parametrize("when", ["", None, 1751465100, "yesterday", "2026-07-02T14:05:00", "2026-07-02", [], {}])
def test_what_has_no_time_with_a_zone_is_passed_over(when: Any) -> None:
    assert _to_headline(MU, article("Micron falls", when)) is None


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    found = _to_headline(MU, article("Micron falls", "2026-07-02T10:05:00-04:00"))
    assert found is not None
    assert found.at == datetime(2026, 7, 2, 14, 5, tzinfo=UTC)
    assert found.at.utcoffset() == timedelta(hours=-4)
