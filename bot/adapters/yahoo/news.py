"""What does Yahoo file under a symbol's news?"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any

from bot.context.headlines import Headline
from bot.errors import SourceUnreachable
from bot.prices.bars import Symbol

MOST_ARTICLES = 20  # of a symbol


class YahooNews:
    """Yahoo's latest articles, one request a symbol, one symbol after the other.

    It asks by the session that a Yahoo has set for the whole process, so that each request is as bounded as those for
    prices; it never holds them up.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    def about(self, symbols: Sequence[Symbol]) -> list[Coroutine[Any, Any, list[Headline]]]:
        return [self._of(symbol) for symbol in symbols]

    async def _of(self, symbol: Symbol) -> list[Headline]:
        async with self._turn:
            return await asyncio.to_thread(_articles, symbol)


def _articles(symbol: Symbol) -> list[Headline]:
    import yfinance  # noqa: PLC0415  # half a second and 70 MB, and there since prices were asked for

    from bot.adapters.yahoo.library import FAILURES  # noqa: PLC0415

    try:
        # A new Ticker each time: one keeps the first answer for ever.
        told = yfinance.Ticker(symbol).get_news(count=MOST_ARTICLES)
        return [found for one in told[:MOST_ARTICLES] if (found := _headline(symbol, one)) is not None]
    except FAILURES as error:
        said = str(error)[:200]
        raise SourceUnreachable(f"Yahoo told no news of {symbol} ({type(error).__name__}: {said}).") from error


def _headline(symbol: Symbol, article: Any) -> Headline | None:
    """An article with a title, a publisher and a time; every field may be missing or of another kind."""
    title, publisher, when = (
        _text(article, "content", *path) for path in (("title",), ("provider", "displayName"), ("pubDate",))
    )
    link = _text(article, "content", "canonicalUrl", "url") or _text(article, "content", "clickThroughUrl", "url")
    try:
        at = datetime.fromisoformat(when)
    except ValueError:
        return None
    return Headline(title, publisher, link, at, (symbol,)) if title and publisher and at.tzinfo else None


def _text(article: Any, *path: str) -> str:
    for name in path:
        article = article.get(name) if isinstance(article, dict) else None
    return article if isinstance(article, str) else ""
