"""What do the configured RSS and Atom feeds say?"""

from __future__ import annotations

import asyncio
import re
from calendar import timegm
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from io import BytesIO
from typing import Any

import feedparser
import httpx

from bot.context.headlines import Headline
from bot.errors import SourceUnreachable
from bot.prices.bars import Symbol

MAX_FEED_BYTES = 1_000_000
MAX_REDIRECTS = 3
QUIET_SECONDS = 15.0  # without a byte
ASKING = {
    "Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.1",
    "Accept-Encoding": "identity",  # what is packed small can be large
}
TAG = re.compile(r"<[^<>]*>")
KEYS = re.compile(r"(?<=//)[^/@]*@|\?.*")  # in an address: what may be secret
# Those of httpx, and what feedparser lets through where a feed is not shaped as it expects.
FAILURES = (
    httpx.HTTPError, httpx.InvalidURL, ArithmeticError, AssertionError, AttributeError, LookupError, OSError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip


@dataclass(slots=True)
class NewsFeed:
    """The feed at `address`. What has not changed since it was fetched is not sent again."""

    address: str
    _known_by: dict[str, str] = field(default_factory=dict)  # the headers by which its server knows what we have
    _headlines: list[Headline] = field(default_factory=list)

    def fetch(self, symbols: Sequence[Symbol]) -> list[Coroutine[Any, Any, list[Headline]]]:  # noqa: ARG002 - it knows none
        return [self._fetch()]

    async def _fetch(self) -> list[Headline]:
        try:
            async with httpx.AsyncClient(timeout=QUIET_SECONDS, headers=ASKING | self._known_by) as client:
                answer, body = await _get(client, httpx.URL(self.address))
            if answer.status_code != httpx.codes.NOT_MODIFIED:
                self._headlines = await asyncio.to_thread(_read, body)
                tags = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}
                self._known_by = {ask: answer.headers[tag] for ask, tag in tags.items() if tag in answer.headers}
        except FAILURES as error:
            where = KEYS.sub("", self.address)
            raise SourceUnreachable(f"{where} cannot be read ({type(error).__name__}: {error})") from error
        return self._headlines


async def _get(client: httpx.AsyncClient, address: httpx.URL) -> tuple[httpx.Response, bytes]:
    """The answer and its body; raises ValueError for what is not to be read."""
    for _ in range(MAX_REDIRECTS + 1):
        async with client.stream("GET", address) as answer:
            if answer.next_request is None:
                return answer, await _body(answer)
            before, address = address, answer.next_request.url
        if not _may_lead(before, address):
            raise ValueError(f"it leads to {address.host} without https")
    raise ValueError(f"more than {MAX_REDIRECTS} redirects")


def _may_lead(here: httpx.URL, there: httpx.URL) -> bool:
    """Nobody elsewhere may send us off https, or to where only this machine can reach."""
    return there.scheme == "https" or (here.scheme == there.scheme == "http" and here.host == there.host)


async def _body(answer: httpx.Response) -> bytes:
    if answer.status_code == httpx.codes.NOT_MODIFIED:
        return b""
    if answer.status_code != httpx.codes.OK:
        raise ValueError(f"HTTP {answer.status_code}")
    if (packed := answer.headers.get("Content-Encoding", "identity")) != "identity":
        raise ValueError(f"it comes packed ({packed}) though asked not to")
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > MAX_FEED_BYTES:
            raise ValueError(f"it is longer than {MAX_FEED_BYTES} bytes")
    return bytes(body)


def _read(body: bytes) -> list[Headline]:
    feed = feedparser.parse(BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    if not feed.get("version"):
        raise ValueError("it is no feed. Correct it in [news] feeds, or take it out")
    return [found for one in feed.entries if (found := _headline(one, feed.feed)) is not None]


def _headline(entry: Any, feed: Any) -> Headline | None:
    """An entry with a title, a publisher and a time."""
    title, link = _text(entry), entry.get("link") or ""
    publisher = _text(entry.get("source") or {}) or _text(feed)
    # Its own `get` warns where one is not there and the other is.
    when = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    if not (title and publisher and when):
        return None
    try:
        return Headline(title, publisher, link, datetime.fromtimestamp(timegm(when), UTC))
    except (OverflowError, OSError, ValueError):
        return None  # of another age


def _text(thing: Any) -> str:
    """A title as it is read."""
    title = thing.get("title") or ""
    plain = thing.get("title_detail", {}).get("type") == "text/plain"
    return title if plain else unescape(TAG.sub("", title))
