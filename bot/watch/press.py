"""What does the press say of what was just told?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.context.headlines import Headline, select_headlines
from bot.delivery.model import Notification, NotificationKey, SendMode
from bot.errors import BotError, SourceUnreachable
from bot.messages.change_text import with_headlines
from bot.pipeline import with_headlines_edit
from bot.prices.bars import Symbol

PATIENCE = 60.0  # seconds; headlines that come later come too late
FRESH = timedelta(hours=2)  # of an older alert the newest headlines are not from its window
MOST_REMEMBERED = 200  # events

Add = Callable[[Sequence[Notification]], Awaitable[None]]

log = logging.getLogger(__name__)


class News(Protocol):
    """A source of headlines."""

    def about(self, symbols: Sequence[Symbol], /) -> Sequence[Coroutine[Any, Any, Sequence[Headline]]]:
        """The questions to be asked about these symbols, independent of each other; each raises SourceUnreachable."""
        ...


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Whose headlines may stand beside an event: those about `losers`, the largest first, published after `since`."""

    event: Notification
    losers: tuple[Symbol, ...]
    since: datetime


@dataclass(slots=True)
class Press:
    """Asks for headlines once an alert is stored, in the background; what comes within `patience` seconds is added.

    `names` are the companies' names by symbol. What was found is remembered for what takes an event's place; a restart
    forgets it.
    """

    sources: Sequence[News] = ()
    names: Mapping[Symbol, str] = field(default_factory=dict)
    patience: float = PATIENCE
    _found: dict[NotificationKey, tuple[Headline, ...]] = field(default_factory=dict)
    _asking: set[asyncio.Task[None]] = field(default_factory=set)

    def read(self, sources: Sequence[News], names: Mapping[str, str]) -> None:
        """Ask these from now on."""
        self.sources = sources
        self.names = {Symbol(symbol): name for symbol, name in names.items()}

    def beside(self, event: Notification) -> Notification:
        """`event` with the headlines that stood beside what it takes the place of."""
        found = self._found.get(event.original) if event.original is not None else None
        if event.manner is not SendMode.EDIT or event.withdraws or found is None:
            return event
        self._remember(event.key, found)
        return replace(event, messages=tuple(with_headlines(one, found) for one in event.messages))

    def ask(self, inquiries: Sequence[Inquiry], now: datetime, add: Add) -> None:
        """Ask all sources about events that were just stored, and `add` those again that something is found for."""
        fresh = [one for one in inquiries if now - one.event.created <= FRESH]
        if self.sources and fresh:
            task = asyncio.create_task(self._ask(fresh, add))
            self._asking.add(task)
            task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Give up what is being asked; what is being stored is stored."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _ask(self, inquiries: Sequence[Inquiry], add: Add) -> None:
        headlines = await self._headlines([*dict.fromkeys(one for each in inquiries for one in each.losers)])
        amended = []
        for one in inquiries:
            event = one.event
            found = select_headlines(headlines, one.losers, self.names, one.since, event.created)
            with_them = with_headlines_edit(event, found)
            if with_them.messages != event.messages and found != self._found.get(event.key):
                self._remember(event.key, found)
                amended.append(with_them)
        if amended:
            await add(amended)

    async def _headlines(self, symbols: Sequence[Symbol]) -> list[Headline]:
        """Everything that comes in time; of what does not, the log tells."""
        asked = [asyncio.create_task(one) for source in self.sources for one in source.about(symbols)]
        if not asked:
            return []
        try:
            await asyncio.wait(asked, timeout=self.patience)
        finally:
            late = [task for task in asked if task.cancel()]
        if late:
            log.warning("no headlines of %s of %s places within %g s", len(late), len(asked), self.patience)
        found: list[Headline] = []
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, SourceUnreachable):
                log.warning("no headlines: %s", answer)
            elif isinstance(answer, Exception):
                log.error("no headlines, for a reason nobody foresaw", exc_info=answer)
            elif not isinstance(answer, BaseException):
                found += answer
        return found

    def _remember(self, event: NotificationKey, found: tuple[Headline, ...]) -> None:
        self._found[event] = found
        while len(self._found) > MOST_REMEMBERED:
            del self._found[next(iter(self._found))]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, BotError):
            log.warning("headlines were not added: %s", error)
        else:
            log.error("headlines were not added, for a reason nobody foresaw", exc_info=error)
