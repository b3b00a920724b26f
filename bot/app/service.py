"""The running bot as the chat sees it, and the engine's configuration by the settings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.adapters.calendars import CachedCalendars
from bot.adapters.database.database import Database
from bot.app.monitor import HealthMonitor
from bot.app.sources import with_closures_from
from bot.chat.requests import MarketView
from bot.delivery.model import ChatKind, Destination
from bot.engine.enrichment import HeadlineSource
from bot.engine.evaluation import EngineConfig
from bot.engine.loop import Engine
from bot.engine.schedule import EvaluationTiming, oldest_price_time
from bot.errors import BotError, NoData
from bot.health import StatusReport
from bot.languages import languages
from bot.pipeline import Rulebook
from bot.settings.load import Settings, effective_values

NEEDS_RESTART = (
    *("telegram.token", "telegram.base_url", "telegram.connect", "telegram.read"),
    *("storage.", "source.", "schedule.poll", "operation."),
)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class RunningBot:
    """The running bot (`bot.chat.requests.BotService`).

    `load` reads the configuration, `open_news` opens its sources of headlines. `operators` are the user numbers of the
    operators: one set, shared with the chat and the notifier.
    """

    engine: Engine
    database: Database
    monitor: HealthMonitor
    calendars: CachedCalendars
    settings: Settings
    load: Callable[[], Settings]
    open_news: Callable[[Settings], Sequence[HeadlineSource]]
    operators: set[int]

    @property
    def rulebook(self) -> Rulebook:
        return self.engine.config.rulebook

    async def status(self) -> StatusReport:
        return await self.monitor.report()

    async def view(self) -> MarketView:
        if self.engine.stats is None:
            raise NoData("no prices have been fetched yet; the first look is under way")
        price_times, checked_at = self.engine.price_times, self.engine.checked_at
        assert checked_at is not None  # the same check set `stats`
        return MarketView(
            self.engine.stats,
            self.rulebook,
            lambda basket: oldest_price_time(basket, price_times, self.calendars, checked_at),
        )

    async def reload(self) -> Sequence[str]:
        """Read the configuration again, for the next price check. Raises ConfigError and keeps the old one."""
        new = await asyncio.to_thread(self.load)
        calendars = await asyncio.to_thread(with_closures_from, self.calendars, new, self.engine.clock, new.baskets())
        changes = changed_settings(self.settings, new)
        self.settings = new
        self.operators.clear()
        self.operators.update(new.telegram.operators)
        self.calendars = self.engine.calendars = calendars
        transport = self.engine.config.subscribers_of
        self.engine.config = engine_config(new, subscribers_of=transport)
        self.engine.headlines.sources, self.engine.headlines.names = self.open_news(new), new.names
        if transport is not None:
            await self.database.widen(transport, [basket.id for basket in new.baskets()])
        return changes

    async def reload_and_log(self) -> None:
        """Read the configuration again on a signal, and log the result."""
        try:
            changes = await self.reload()
        except BotError as error:
            log.warning("the configuration was not read again, the old one stays: %s", error)
        else:
            log.info("the configuration was read again: %s", "; ".join(changes) or "nothing has changed")


def changed_settings(old: Settings, new: Settings) -> list[str]:
    """A line for each key with another value, and whether the change needs a restart."""
    before, after = ({key: str(value) for key, value, _ in effective_values(settings)} for settings in (old, new))
    return [
        f"{key}: {before.get(key, '(not set)')} → {after.get(key, '(not set)')}"
        + (" (after a restart)" if key.startswith(NEEDS_RESTART) else "")
        for key in before | after
        if before.get(key) != after.get(key)
    ]


def engine_config(
    settings: Settings, destinations: Sequence[Destination] | None = None, *, subscribers_of: str | None = None
) -> EngineConfig:
    """The engine's configuration for `destinations` (None = the configured chats) and the subscribers of a transport.

    Messages are composed in the languages of the chats; a subscriber may choose any.
    """
    chats = settings.destinations() if destinations is None else tuple(destinations)
    of_chats = tuple(dict.fromkeys(chat.language for chat in chats))
    return EngineConfig(
        rulebook=settings.rulebook(),
        destinations=chats,
        languages=languages() if subscribers_of else of_chats or tuple(settings.delivery.languages),
        timing=EvaluationTiming(
            settle=timedelta(minutes=settings.schedule.settle_minutes),
            expiry=timedelta(hours=settings.delivery.expiry_hours),
            provisional=settings.schedule.provisional,
        ),
        subscribers_of=subscribers_of,
        charts=settings.delivery.charts,
        config=settings.fingerprint(),
    )


def terminal_destinations(languages: Sequence[str]) -> tuple[Destination, ...]:
    """The terminal as a chat, once a language."""
    return tuple(Destination("terminal", f"terminal ({code})", ChatKind.TERMINAL, code) for code in languages)
