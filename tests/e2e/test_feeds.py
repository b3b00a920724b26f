"""RSS and Atom feeds over real HTTP, from a server on this machine that may do anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import httpx
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.feeds import FAILURES, MAX_FEED_BYTES, NewsFeed, _may_lead, _read
from bot.context.headlines import Headline
from bot.errors import SourceUnreachable
from tests.served import served

RSS = b"""<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>The Wire</title>
<item><title>Micron falls &amp; falls</title><link>https://wire.example.com/1</link>
<pubDate>Thu, 02 Jul 2026 10:05:00 -0400</pubDate></item>
<item><title>No time</title><link>https://wire.example.com/2</link></item>
<item><title>Sold on</title><source url="https://b.example.com">The Source</source>
<pubDate>Thu, 02 Jul 2026 14:06:00 GMT</pubDate></item>
<item><title><![CDATA[<b>Bold</b> &amp; marked]]></title><pubDate>Thu, 02 Jul 2026 14:07:00 GMT</pubDate></item>
<item><pubDate>Thu, 02 Jul 2026 14:08:00 GMT</pubDate></item></channel></rss>"""
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>通讯社</title>
<entry><title>美光下跌</title><link href="https://wire.example.com/1"/><updated>2026-07-02T14:05:00Z</updated></entry>
<entry><title type="html">A &amp;lt; B</title><updated>2026-07-02T14:06:00Z</updated></entry></feed>""".encode()
ENTITY = """<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "{}">]><rss version="2.0"><channel><title>T</title>
<item><title>a&x;b</title><pubDate>Thu, 02 Jul 2026 14:05:00 GMT</pubDate></item></channel></rss>"""


@dataclass
class Server:
    """What each path answers with; `asked` are the requests."""

    base: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        made = self.answers[request.path]
        if made == "hang":
            await self.over.wait()
            return web.Response()
        return await made(request) if callable(made) else web.Response(body=made)


def giving(status: int = 200, body: bytes = b"", **headers: str) -> Any:
    """An answer for `Server.answers`; `_` in the name of a header stands for the hyphen."""

    async def answer(_: web.Request) -> web.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=given)

    return answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    async with served("/{path:.*}", made.answer) as made.base:
        yield made
        made.over.set()


async def read(feed: NewsFeed) -> list[Headline]:
    (question,) = feed.fetch([])
    return await question


async def refused(server: Server, path: str = "/") -> str:
    with pytest.raises(SourceUnreachable) as told:
        await read(NewsFeed(server.base + path + "?key=secret"))
    assert "secret" not in str(told.value)
    return str(told.value)


def at(minute: int) -> datetime:
    return datetime(2026, 7, 2, 14, minute, tzinfo=UTC)


async def test_rss(server: Server) -> None:
    server.answers["/"] = RSS
    assert await read(NewsFeed(server.base + "/")) == [
        Headline("Micron falls & falls", "The Wire", "https://wire.example.com/1", at(5)),
        Headline("Sold on", "The Source", "", at(6)),
        Headline("Bold & marked", "The Wire", "", at(7)),
    ]


async def test_atom(server: Server) -> None:
    server.answers["/"] = ATOM
    assert await read(NewsFeed(server.base + "/")) == [
        Headline("美光下跌", "通讯社", "https://wire.example.com/1", at(5)),
        Headline("A < B", "通讯社", "", at(6)),
    ]


async def test_what_has_not_changed_is_not_sent_again(server: Server) -> None:
    day = "Thu, 02 Jul 2026 14:00:00 GMT"
    server.answers["/"] = giving(body=RSS, ETag='"1"', Last_Modified=day)
    feed = NewsFeed(server.base + "/")
    first = await read(feed)
    server.answers["/"] = giving(304)
    assert await read(feed) == first
    asked = server.asked[-1].headers
    assert (asked["If-None-Match"], asked["If-Modified-Since"]) == ('"1"', day)
    server.answers["/"] = ATOM
    assert await read(feed) != first


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "no feed"),
        (b"<html><body>Will be right back</body></html>", "no feed"),
        (b"\x00\xff\xfe" * 1000, "no feed"),
        (b"<rss><channel>" * 9, ""),
        (giving(404), "HTTP 404"),
        (giving(500), "HTTP 500"),
        (giving(429), "HTTP 429"),
        (giving(body=b"x", Content_Encoding="br"), "packed"),
        (b" " * (MAX_FEED_BYTES + 1), "longer than"),
    ],
    ids=["empty", "a page", "bytes", "cut off", "404", "500", "429", "packed", "long"],
)
async def test_what_is_no_feed_is_a_failure(server: Server, answer: Any, says: str) -> None:
    server.answers["/"] = answer
    if not says:
        assert await read(NewsFeed(server.base + "/")) == []
        return
    assert says in await refused(server)
    server.answers["/"] = RSS
    assert len(await read(NewsFeed(server.base + "/"))) == 3


async def test_of_an_endless_answer_little_is_read(server: Server) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in repeat(b"<item>" * 10_000, 3_400):  # 200 MB
            await response.write(piece)
            sent += len(piece)
        return response

    server.answers["/"] = endless
    assert "longer than" in await refused(server)
    assert sent < 20 * MAX_FEED_BYTES


async def test_a_place_that_nobody_listens_at_is_a_failure() -> None:
    with pytest.raises(SourceUnreachable, match="ConnectError"):
        await read(NewsFeed("http://127.0.0.1:1/"))
    with pytest.raises(SourceUnreachable):
        await read(NewsFeed("https://"))


async def test_one_that_hangs_can_be_given_up(server: Server) -> None:
    server.answers["/"] = "hang"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read(NewsFeed(server.base + "/")), 0.2)


async def test_it_follows_a_few_redirects_on_its_host(server: Server) -> None:
    server.answers |= {"/a": giving(302, Location="/b"), "/b": RSS}
    assert len(await read(NewsFeed(server.base + "/a"))) == 3
    server.answers["/b"] = giving(302, Location="/a")
    assert "more than 3 redirects" in await refused(server, "/a")


async def test_it_is_not_led_elsewhere_without_https(server: Server) -> None:
    elsewhere = server.base.replace("127.0.0.1", "localhost")
    server.answers |= {"/a": giving(302, Location=f"{elsewhere}/b"), "/b": RSS}
    assert "without https" in await refused(server, "/a")
    server.answers["/a"] = giving(302, Location="file:///etc/hostname")
    assert await refused(server, "/a")
    assert [one.path for one in server.asked] == ["/a", "/a"]


@pytest.mark.parametrize(
    ("here", "there", "may"),
    [
        ("https://a.example.com", "https://b.example.com", True),
        ("https://a.example.com", "http://a.example.com", False),
        ("https://a.example.com", "http://127.0.0.1:8000", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:9000/feed", True),
        ("http://127.0.0.1:8000", "http://10.0.0.1", False),
        ("http://127.0.0.1:8000", "https://b.example.com", True),
    ],
)
def test_nobody_leads_it_off_https_or_into_the_machine(here: str, there: str, may: bool) -> None:
    assert _may_lead(httpx.URL(here), httpx.URL(there)) is may


async def test_what_may_be_secret_in_an_address_is_in_no_message() -> None:
    with pytest.raises(SourceUnreachable, match=r"http://127\.0\.0\.1:1/feed cannot be read") as told:
        await read(NewsFeed("http://me:secret@127.0.0.1:1/feed?key=secret"))
    assert "secret" not in str(told.value)


async def test_entities_fetch_nothing(server: Server, tmp_path: Any) -> None:
    (tmp_path / "secret").write_text("the secret")
    server.answers |= {"/x": b"fetched"}
    for where in (f"{server.base}/x", (tmp_path / "secret").as_uri()):
        server.answers["/"] = ENTITY.format(where).encode()
        found = await read(NewsFeed(server.base + "/"))
        assert all("secret" not in one.title and "fetched" not in one.title for one in found)
    assert {one.path for one in server.asked} == {"/"}


TAGS = [b"rss", b"channel", b"item", b"title", b"/title", b"/item", b"feed", b"entry", b"updated", b"link/", b"!--"]
TIMES = [b"2026-07-02T14:05:00Z", b"0001-01-01", b"Thu, 02 Jul 9999999 1:1:1 GMT", b"99999"]
SIGNS = [
    b"<![CDATA[",
    b"]]>",
    b"&amp;",
    b"&#0;",
    b"&#xD800;",
    b"&nbsp;",
    b"\xff",
    b'<?xml version="1.0" encoding="x"?>',
]
dated = st.sampled_from(TIMES).map(lambda time: b"<item><title>x</title><pubDate>" + time + b"</pubDate></item>")
pieces = st.sampled_from([b"<" + tag + b">" for tag in TAGS] + SIGNS) | dated | st.binary(max_size=9)


@given(st.sampled_from([b"", b'<rss version="2.0"><channel><title>T</title>']), st.lists(pieces, max_size=30))
def test_whatever_comes_is_headlines_or_a_failure_that_is_foreseen(start: bytes, rest: list[bytes]) -> None:
    try:
        found = _read(start + b"".join(rest))
    except FAILURES:
        return
    assert all(one.title and one.publisher and one.at.tzinfo is UTC for one in found)
