"""Enrichment of notifications: headlines and charts, each within a time limit."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.baskets import Basket
from bot.chart.data import ChartData
from bot.context.headlines import Headline, select_headlines
from bot.delivery.model import Notification, NotificationKey, SendMode
from bot.errors import BotError, SourceUnreachable
from bot.messages.change_text import with_headlines
from bot.pipeline import with_headlines_edit
from bot.prices.bars import Symbol
from bot.statistics.verdict import Verdict

HEADLINE_TIMEOUT_SECONDS = 60.0
HEADLINE_MAX_AGE = timedelta(hours=2)  # the newest headlines are not from the window of an older alert
MAX_REMEMBERED = 200  # notifications whose headlines are kept
CHART_TIMEOUT_SECONDS = 4.0  # for all charts of a check: what is not rendered by then is posted as text

log = logging.getLogger(__name__)


class HeadlineSource(Protocol):
    """A source of headlines."""

    def fetch(self, symbols: Sequence[Symbol], /) -> Sequence[Coroutine[Any, Any, Sequence[Headline]]]:
        """The requests about these symbols, independent of each other; each raises SourceUnreachable."""
        ...


class ChartRenderer(Protocol):
    """A renderer of charts."""

    def warm_up(self) -> None:
        """Prepare for rendering soon."""
        ...

    async def render(self, chart: ChartData, language: str) -> bytes:
        """The chart as a PNG. Raises BotError if it cannot be rendered."""
        ...


@dataclass(frozen=True, slots=True)
class HeadlineRequest:
    """A notification, and the headlines it may show: about `losers`, largest first, published after `since`."""

    notification: Notification
    losers: tuple[Symbol, ...]
    since: datetime


@dataclass(slots=True)
class HeadlineService:
    """Headlines from all sources, and those that notifications show already; a restart forgets the latter.

    `names` are the companies' names by symbol.
    """

    sources: Sequence[HeadlineSource] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    timeout: float = HEADLINE_TIMEOUT_SECONDS
    _shown: dict[NotificationKey, tuple[Headline, ...]] = field(default_factory=dict)
    _searches: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, search: Coroutine[Any, Any, None]) -> None:
        """Run a search in the background until `close`."""
        task = asyncio.create_task(search)
        self._searches.add(task)
        task.add_done_callback(self._searches.discard)

    async def close(self) -> None:
        """Cancel the searches; what is being stored is stored."""
        for task in self._searches:
            task.cancel()
        await asyncio.gather(*self._searches, return_exceptions=True)

    def with_earlier(self, notification: Notification) -> Notification:
        """`notification` with the headlines of the notification that it replaces."""
        headlines = self._shown.get(notification.original) if notification.original is not None else None
        if notification.mode is not SendMode.EDIT or notification.is_withdrawal or headlines is None:
            return notification
        self._remember(notification.key, headlines)
        messages = tuple(with_headlines(message, headlines) for message in notification.messages)
        return replace(notification, messages=messages)

    async def search(self, requests: Sequence[HeadlineRequest], now: datetime) -> list[Notification]:
        """The recent notifications for which headlines are found in time, with these headlines."""
        requests = [request for request in requests if now - request.notification.created <= HEADLINE_MAX_AGE]
        if not requests:
            return []
        headlines = await self._fetch([*dict.fromkeys(symbol for request in requests for symbol in request.losers)])
        names = {Symbol(symbol): name for symbol, name in self.names.items()}
        changed = []
        for request in requests:
            notification = request.notification
            selected = select_headlines(headlines, request.losers, names, request.since, notification.created)
            edit = with_headlines_edit(notification, selected)
            if edit.messages != notification.messages and selected != self._shown.get(notification.key):
                self._remember(notification.key, selected)
                changed.append(edit)
        return changed

    async def _fetch(self, symbols: Sequence[Symbol]) -> list[Headline]:
        requests = [asyncio.create_task(work) for source in self.sources for work in source.fetch(symbols)]
        if not requests:
            return []
        try:
            await asyncio.wait(requests, timeout=self.timeout)
        finally:
            late = [task for task in requests if task.cancel()]
        if late:
            log.warning("no headlines of %s of %s places within %g s", len(late), len(requests), self.timeout)
        headlines: list[Headline] = []
        for result in await asyncio.gather(*requests, return_exceptions=True):
            if isinstance(result, SourceUnreachable):
                log.warning("no headlines: %s", result)
            elif isinstance(result, Exception):
                log.error("no headlines, for a reason nobody foresaw", exc_info=result)
            elif not isinstance(result, BaseException):
                headlines += result
        return headlines

    def _remember(self, key: NotificationKey, headlines: tuple[Headline, ...]) -> None:
        self._shown[key] = headlines
        while len(self._shown) > MAX_REMEMBERED:
            del self._shown[next(iter(self._shown))]


async def with_charts(notifications: Sequence[Notification], renderer: ChartRenderer) -> tuple[Notification, ...]:
    """The notifications with the charts that are rendered in time, the most severe first.

    The same chart is rendered once. Without its chart a notification is posted as text.
    """
    rendered: dict[tuple[Basket, Verdict], dict[str, bytes]] = defaultdict(dict)  # then by language
    by_severity = sorted(notifications, key=lambda notification: -notification.severity)
    charts = [(item.chart, message.language) for item in by_severity if item.chart for message in item.messages]
    try:
        async with asyncio.timeout(CHART_TIMEOUT_SECONDS):
            for chart, language in charts:
                pictures = rendered[chart.basket, chart.verdict]
                if language not in pictures:
                    try:
                        pictures[language] = await renderer.render(chart, language)
                    except BotError as error:
                        log.warning("a chart cannot be drawn, its alert goes without: %s", error)
    except TimeoutError:
        log.warning("charts take longer than %s s: some alerts go without", CHART_TIMEOUT_SECONDS)
    return tuple(
        replace(item, pictures=rendered[item.chart.basket, item.chart.verdict]) if item.chart else item
        for item in notifications
    )
