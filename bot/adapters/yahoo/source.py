"""Yahoo prices with a deadline and a circuit breaker, and Yahoo news."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yfinance

from bot.adapters.yahoo.yfinance_api import (
    FAILURES,
    configure_yfinance,
    download_history,
    limited_session,
    translate_error,
)
from bot.clock import Clock, server_clock_offset
from bot.context.headlines import Headline
from bot.errors import SourceBackingOff, SourceUnreachable
from bot.prices.bars import Bars, IncrementalSource, Symbol, validate_rows

# The first download fetches a cookie and a crumb before the prices: one of the three may hang.
REQUESTS_PER_DOWNLOAD = 3
MAX_FAILURES = 5  # in a row
PAUSE_SECONDS = 300.0
JITTER = 0.2  # of the pause, so that many bots do not come back at one moment
MAX_ARTICLES = 20  # of a symbol


class YahooPrices:
    """Yahoo's daily prices, one download at a time, each given up after `deadline_seconds`.

    yfinance keeps its session, cookies and settings for the whole process: have one YahooPrices in it. `cache_dir`
    holds its cookies. `session` is a curl_cffi session, every request of which is limited from then on; None = a new
    one.

    `ahead` is how far Yahoo's clock was ahead of this machine's at its last answer.
    """

    def __init__(self, cache_dir: Path, deadline_seconds: float, session: Any = None) -> None:
        self._cache_dir = cache_dir
        self._deadline_seconds = deadline_seconds
        self._given_session = session
        self._session: Any = None
        self.ahead: timedelta | None = None
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, "yahoo")

    def bars(self, symbol: Symbol) -> Bars:
        """The whole history; the last row of an open session holds the latest price.

        Raises NoData if Yahoo says that it has no such symbol; for every other failure SourceUnreachable.
        """
        return self._fetch(symbol, None)

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        """The rows from `day` on, `day` included. Raises as `bars` does."""
        return self._fetch(symbol, day)

    def close(self) -> None:
        """Stop the worker thread; a download that hangs is left to its end."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, symbol: Symbol, since: date | None) -> Bars:
        with self._lock:
            if self._session is None:
                configure_yfinance(self._cache_dir)
                seconds = self._deadline_seconds / REQUESTS_PER_DOWNLOAD
                self._session = limited_session(self._given_session, seconds, self._note_date)
            download = self._worker.submit(self._download, symbol, since)
            try:
                return download.result(self._deadline_seconds)
            except TimeoutError:
                self.close()
                self._worker = ThreadPoolExecutor(1, "yahoo")
                raise SourceUnreachable(
                    f"Yahoo gave no answer about {symbol} within {self._deadline_seconds:g} s. Ask again in a few"
                    " minutes; if it stays so, look at the network."
                ) from None

    def _note_date(self, date_header: str | None) -> None:
        self.ahead = server_clock_offset(date_header) or self.ahead

    def _download(self, symbol: Symbol, since: date | None) -> Bars:
        try:
            rows, as_of = download_history(symbol, since, self._session)
        except FAILURES as error:
            raise translate_error(symbol, error) from error
        bars = validate_rows(symbol, "Yahoo", rows, as_of)
        if np.isnan(bars.close).all() and np.isnan(bars.adjusted).all():
            raise SourceUnreachable(f"Yahoo sent no price of {symbol}. Ask again in a few minutes.")
        return bars


class CircuitBreaker:
    """A source that is not asked for five minutes after five failures in a row; then one request decides.

    NoData about a symbol is an answer, not a failure. `chance` gives numbers from 0 to 1.
    """

    def __init__(self, upstream: IncrementalSource, clock: Clock, chance: Callable[[], float] = random.random) -> None:
        self._upstream = upstream
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._paused_until = 0.0

    def bars(self, symbol: Symbol) -> Bars:
        """The whole history. Raises what the upstream source raises, and SourceResting during the pause."""
        return self._fetch(symbol, lambda: self._upstream.bars(symbol))

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        """The rows from `day` on. Raises as `bars` does."""
        return self._fetch(symbol, lambda: self._upstream.bars_since(symbol, day))

    def _fetch(self, symbol: Symbol, request: Callable[[], Bars]) -> Bars:
        left = self._paused_until - self._clock.monotonic()
        if self._failures >= MAX_FAILURES and left > 0:
            raise SourceBackingOff(
                f"{symbol} is not asked about: the source failed {self._failures} times in a row and is left alone for"
                f" {left:.0f} s more. What failed is in the log before this; nothing needs to be done."
            )
        try:
            bars = request()
        except SourceUnreachable:
            self._failures += 1
            self._paused_until = self._clock.monotonic() + PAUSE_SECONDS * (1 + JITTER * self._chance())
            raise
        except Exception:
            self._failures = 0
            raise
        self._failures = 0
        return bars


class YahooNews:
    """Yahoo's latest articles, one request a symbol, one symbol after the other.

    It uses the session that a YahooPrices has set for the whole process, so that each request is as limited as those
    for prices; it never holds them up.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    def fetch(self, symbols: Sequence[Symbol]) -> list[Coroutine[Any, Any, list[Headline]]]:
        return [self._headlines(symbol) for symbol in symbols]

    async def _headlines(self, symbol: Symbol) -> list[Headline]:
        async with self._lock:
            return await asyncio.to_thread(_download_headlines, symbol)


def _download_headlines(symbol: Symbol) -> list[Headline]:
    """The latest articles that are complete. Raises SourceUnreachable."""
    try:
        # A new Ticker each time: one keeps the first answer for ever.
        articles = yfinance.Ticker(symbol).get_news(count=MAX_ARTICLES)
        headlines = [_to_headline(symbol, article) for article in articles[:MAX_ARTICLES]]
    except FAILURES as error:
        reason = str(error)[:200]
        raise SourceUnreachable(f"Yahoo told no news of {symbol} ({type(error).__name__}: {reason}).") from error
    return [headline for headline in headlines if headline is not None]


def _to_headline(symbol: Symbol, article: Any) -> Headline | None:
    """The headline of an article, None without a title, a publisher or a time; fields may be missing or of any type."""
    title, publisher, published = (
        _text(article, "content", *path) for path in (("title",), ("provider", "displayName"), ("pubDate",))
    )
    link = _text(article, "content", "canonicalUrl", "url") or _text(article, "content", "clickThroughUrl", "url")
    try:
        at = datetime.fromisoformat(published)
    except ValueError:
        return None
    return Headline(title, publisher, link, at, (symbol,)) if title and publisher and at.tzinfo else None


def _text(article: Any, *path: str) -> str:
    """The text at a path of keys; empty if there is none."""
    for name in path:
        article = article.get(name) if isinstance(article, dict) else None
    return article if isinstance(article, str) else ""
