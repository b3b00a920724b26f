"""A desk at which people ask: a small market, a real store, a clock that stands still, and a strict reader."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from bot.adapters.database.database import Database
from bot.baskets import Basket
from bot.chart.data import ChartData
from bot.chart.draw import render_chart
from bot.chat.requests import ChatRequest, MarketView, Reply
from bot.chat.router import ChatRouter
from bot.delivery.model import ChatKind
from bot.errors import BotError
from bot.health import DatabaseStatus, Health, StatusReport
from bot.pipeline import Rulebook
from bot.statistics.market_stats import MarketStats
from tests.fake_telegram.texts import inline_keyboard, shown_caption, shown_text
from tests.unit.engine.small_world import AGAIN, DAYS, TECH, rulebook, world
from tests.virtual import VirtualClock
from tests.world import NEW_YORK, basket

KIM, GROUP = "1001", "-2001"
OPERATOR = 9001
LONGEST_ID = "a_basket_with_the_longest_of_ids"  # 32 characters
NOW = datetime(2025, 7, 2, 12, tzinfo=UTC)


async def drawn(facts: ChartData, language: str) -> bytes:
    """The real chart, drawn here: a test needs no process of its own for it."""
    return await asyncio.to_thread(render_chart, facts, language)


@cache
def book() -> Rulebook:
    """The small world's rules, and baskets whose names and ids are as odd as the configuration allows."""
    plain = rulebook()
    tech = replace(plain.baskets[0], names=(("en", "Tech"), ("zh", "科技")))
    odd = replace(basket(LONGEST_ID, *TECH), names=(("en", "R&D <b>in Memory</b>"), ("zh", "研发 <内存>")))
    return replace(plain, baskets=(tech, *plain.baskets[1:], odd))


@cache
def board() -> MarketStats:
    return world().board(book(), datetime.fromtimestamp(int(world().get(NEW_YORK).closes[AGAIN]) + 3600, UTC))


@dataclass
class Clerk:
    """The running bot as the desk sees it; `trouble` is what a look at the market raises, if anything."""

    rulebook: Rulebook = field(default_factory=book)
    trouble: Exception | None = None
    changes: Sequence[str] = ()
    refuses: BotError | None = None
    looked: datetime | None = None
    waiting: int = 0

    async def status(self) -> StatusReport:
        return StatusReport(
            now=NOW,
            health=Health(active=True),
            since=NOW,
            checked_at=self.looked,
            last_error=str(self.trouble or ""),
            counts={"engine": {"turns": 3}},
            database=DatabaseStatus(waiting=self.waiting),
        )

    async def view(self) -> MarketView:
        if self.trouble is not None:
            raise self.trouble
        return MarketView(board(), self.rulebook, lambda _basket: NOW)

    async def reload(self) -> Sequence[str]:
        if self.refuses is not None:
            raise self.refuses
        return self.changes


@dataclass
class Room:
    """Where one asks; `administrators` are the users who administer any group."""

    database: Database
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    clerk: Clerk = field(default_factory=Clerk)
    administrators: set[int] = field(default_factory=set)
    language: str = "en"

    def __post_init__(self) -> None:
        self.router = ChatRouter(
            "telegram", self.database, self.clerk, self.clock, drawn, self._administers, frozenset({OPERATOR})
        )

    async def _administers(self, chat: str, user: int) -> bool:
        return user in self.administrators

    def ask(self, text: str, **about: Any) -> ChatRequest:
        """What Kim asks in private, unless told otherwise."""
        command, *words = text.removeprefix("/").split() or [""]
        told: dict[str, Any] = {"chat": KIM, "kind": ChatKind.PRIVATE, "user": int(KIM), "language": self.language}
        return ChatRequest(command=command if text.startswith("/") else "", words=tuple(words), **told | about)

    async def say(self, text: str, **about: Any) -> str:
        """What Kim reads, as Telegram shows it; "" = nothing. Time enough passes for the next command."""
        reply = await self.reply(text, **about)
        return "" if reply is None else shown(reply)

    async def reply(self, text: str, **about: Any) -> Reply | None:
        self.clock.seconds += 60
        return await self.router.handle_request(self.ask(text, **about))

    async def buttons(self, text: str, **about: Any) -> list[str]:
        """The commands behind the buttons of a reply."""
        reply = await self.reply(text, **about)
        assert reply is not None
        shown(reply)
        return [button.command for row in reply.buttons for button in row]


def shown(reply: Reply) -> str:
    """The reply as Telegram shows it; an error if Telegram would not take it."""
    keyboard = [[{"text": one.label, "callback_data": one.command} for one in row] for row in reply.buttons]
    inline_keyboard({"reply_markup": json.dumps({"inline_keyboard": keyboard})})
    read = (shown_caption, "caption") if reply.content else (shown_text, "text")
    function: Callable[[dict[str, str]], str] = read[0]
    return function({read[1]: reply.message.html, "parse_mode": "HTML"})


def latest() -> str:
    """The last session there is."""
    return str(DAYS[AGAIN])


def named(name: str) -> Basket:
    return next(one for one in book().baskets if one.id == name)
