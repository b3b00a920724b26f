"""Headlines from RSS and Atom feeds."""

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
QUIET_SECONDS = 15.0  # between two bytes
HEADERS = {
    "Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.1",
    "Accept-Encoding": "identity",  # a small compressed body may expand to a large one
}
TAG = re.compile(r"<[^<>]*>")
KEYS = re.compile(r"(?<=//)[^/@]*@|\?.*")  # parts of an address that may hold secrets
# Errors of httpx, and of feedparser for a feed of an unexpected shape.
FAILURES = (
    httpx.HTTPError, httpx.InvalidURL, ArithmeticError, AssertionError, AttributeError, LookupError, OSError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip


@dataclass(slots=True)
class NewsFeed:
    """The feed at `address`, fetched again only if it has changed (ETag, Last-Modified)."""

    address: str
    _validators: dict[str, str] = field(default_factory=dict)  # request headers of a conditional GET
    _headlines: list[Headline] = field(default_factory=list)

    def fetch(self, symbols: Sequence[Symbol]) -> list[Coroutine[Any, Any, list[Headline]]]:  # noqa: ARG002 - a feed has no symbols
        return [self._fetch()]

    async def _fetch(self) -> list[Headline]:
        try:
            async with httpx.AsyncClient(timeout=QUIET_SECONDS, headers=HEADERS | self._validators) as client:
                answer, body = await _get(client, httpx.URL(self.address))
            if answer.status_code != httpx.codes.NOT_MODIFIED:
                self._headlines = await asyncio.to_thread(_read, body)
                tags = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}
                self._validators = {name: answer.headers[tag] for name, tag in tags.items() if tag in answer.headers}
        except FAILURES as error:
            where = KEYS.sub("", self.address)
            raise SourceUnreachable(f"{where} cannot be read ({type(error).__name__}: {error})") from error
        return self._headlines


async def _get(client: httpx.AsyncClient, address: httpx.URL) -> tuple[httpx.Response, bytes]:
    """The response after redirects, and its body; ValueError for a redirect or body that is not accepted."""
    for _ in range(MAX_REDIRECTS + 1):
        async with client.stream("GET", address) as answer:
            if answer.next_request is None:
                return answer, await _body(answer)
            before, address = address, answer.next_request.url
        if not _may_lead(before, address):
            raise ValueError(f"it leads to {address.host} without https")
    raise ValueError(f"more than {MAX_REDIRECTS} redirects")


def _may_lead(here: httpx.URL, there: httpx.URL) -> bool:
    """Whether a redirect is safe: to https, or within a host that is on http already, never to the local network."""
    return there.scheme == "https" or (here.scheme == there.scheme == "http" and here.host == there.host)


async def _body(answer: httpx.Response) -> bytes:
    if answer.status_code == httpx.codes.NOT_MODIFIED:
        return b""
    if answer.status_code != httpx.codes.OK:
        raise ValueError(f"HTTP {answer.status_code}")
    if (encoding := answer.headers.get("Content-Encoding", "identity")) != "identity":
        raise ValueError(f"it comes packed ({encoding}) though asked not to")
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MAX_FEED_BYTES:
            raise ValueError(f"it is longer than {MAX_FEED_BYTES} bytes")
    return bytes(body)


def _read(body: bytes) -> list[Headline]:
    feed = feedparser.parse(BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    if not feed.get("version"):
        raise ValueError("it is no feed. Correct it in [news] feeds, or take it out")
    return [headline for entry in feed.entries if (headline := _headline(entry, feed.feed)) is not None]


def _headline(entry: Any, feed: Any) -> Headline | None:
    """The headline of an entry; None without a title, a publisher or a valid time."""
    title, link = _text(entry), entry.get("link") or ""
    publisher = _text(entry.get("source") or {}) or _text(feed)
    # The entry's own `get` warns if only one of them exists.
    published = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    if not (title and publisher and published):
        return None
    try:
        return Headline(title, publisher, link, datetime.fromtimestamp(timegm(published), UTC))
    except (OverflowError, OSError, ValueError):
        return None  # a year out of range


def _text(item: Any) -> str:
    """The title of an entry, source or feed as plain text."""
    title = item.get("title") or ""
    plain = item.get("title_detail", {}).get("type") == "text/plain"
    return title if plain else unescape(TAG.sub("", title))
