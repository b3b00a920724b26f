"""What does the running bot tell those who ask, and which orders does it take?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.adapters.calendars.built import ExchangeCalendars
from bot.adapters.database.database import Database
from bot.app.setup import setup_of
from bot.app.sources import with_closures_from
from bot.conversation.desk import Condition, View
from bot.converse import Converse
from bot.dispatch import Dispatch
from bot.errors import BotError, NoData
from bot.pipeline import Rulebook
from bot.settings.effective import effective
from bot.settings.load import Settings
from bot.watch.due import as_of
from bot.watch.loop import Watch
from bot.watch.press import News

# What is wired once, at the start.
AT_START = (
    *("telegram.token", "telegram.base_url", "telegram.connect", "telegram.read"),
    *("storage.", "source.", "schedule.poll", "operation."),
)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Office:
    """The loops as others see them; `load` reads the configuration anew, `news` opens its sources of headlines.

    `operators` are the numbers of those who give orders now; whoever needs them holds this very set.
    """

    watch: Watch
    dispatch: Dispatch
    database: Database
    calendars: ExchangeCalendars
    settings: Settings
    load: Callable[[], Settings]
    news: Callable[[Settings], Sequence[News]]
    converse: Converse | None = None
    operators: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.operators.update(self.settings.telegram.operators)

    @property
    def rulebook(self) -> Rulebook:
        return self.watch.setup.rulebook

    def condition(self) -> Condition:
        counts = dict(self.watch.counts) | dict(self.dispatch.counts)
        return Condition(self.watch.looked, self.watch.trouble, counts)

    async def view(self) -> View:
        if self.watch.board is None:
            raise NoData("no prices have been fetched yet; the first look is under way")
        stamps, looked = self.watch.stamps, self.watch.looked
        assert looked is not None  # it brought the board
        return View(self.watch.board, self.rulebook, lambda one: as_of(one, stamps, self.calendars, looked))

    async def reload(self) -> Sequence[str]:
        """Read the configuration again; it counts from the next look on. Raises ConfigError and keeps the old one."""
        new = await asyncio.to_thread(self.load)
        calendars = await asyncio.to_thread(with_closures_from, self.calendars, new, self.watch.clock, new.baskets())
        changes = differences(self.settings, new)
        self.settings = new
        self.operators.clear()
        self.operators.update(new.telegram.operators)
        self.calendars = self.watch.calendars = calendars
        self.watch.setup = setup_of(new, subscribers_of=self.watch.setup.subscribers_of)
        self.watch.press.read(self.news(new), new.names)
        if (transport := self.watch.setup.subscribers_of) is not None:
            await self.database.widen(transport, [one.id for one in new.baskets()])
        return changes

    async def reload_and_say(self) -> None:
        """The same for a signal: whoever sent it reads the log."""
        try:
            changes = await self.reload()
        except BotError as error:
            log.warning("the configuration was not read again, the old one stays: %s", error)
        else:
            log.info("the configuration was read again: %s", "; ".join(changes) or "nothing has changed")


def differences(old: Settings, new: Settings) -> list[str]:
    """A line for each key whose value is another now, and whether that takes a restart."""
    before, after = ({key: str(value) for key, value, _ in effective(one)} for one in (old, new))
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return [
        f"{key}: {before.get(key, '(not set)')} → {after.get(key, '(not set)')}"
        + (" (after a restart)" if key.startswith(AT_START) else "")
        for key in keys
    ]
