"""What do those need who answer, and what do they all do alike?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Protocol

from bot.baskets import Basket, BasketId
from bot.chart.data import ChartData
from bot.clock import Clock
from bot.conversation.asks import Ask, Reply
from bot.conversation.throttle import Throttle
from bot.delivery.model import Delivery, DeliveryState, Note, Notification, Silence
from bot.delivery.subscribers import Subscriber
from bot.errors import BotError
from bot.languages import languages
from bot.messages.catalogue import Catalogue, load_catalogue
from bot.messages.message import Button, Message, sanitize
from bot.pipeline import Rulebook
from bot.statistics.market_stats import MarketStats

BUTTONS_A_ROW = 2
MOST_BUTTONS = 90  # Telegram takes 100 below a message, and a few more are added
EVERYTHING = "all"


class Mistaken(BotError):
    """What was asked cannot be done; the lines say why and what to write, and the buttons offer it."""

    def __init__(self, *lines: str, buttons: tuple[tuple[Button, ...], ...] = ()) -> None:
        self.lines = lines
        self.buttons = buttons
        super().__init__(" ".join(lines))


class Register(Protocol):
    """Where subscriptions and the operator's orders are kept; every method raises StoreError."""

    async def subscriber(self, transport: str, chat: str, /) -> Subscriber | None: ...
    async def keep(self, subscriber: Subscriber, /) -> None: ...
    async def erase(self, transport: str, chat: str, /) -> None: ...
    async def cancel(self, transport: str, chat: str, reason: str, basket: BasketId | None = None, /) -> int: ...
    async def received(self, transport: str, chat: str, limit: int, /) -> Sequence[Delivery]: ...
    async def told_of(self, shown: str, limit: int, /) -> Sequence[Notification]: ...
    async def undelivered(self) -> Sequence[Delivery]: ...
    async def counts(self, transport: str, /) -> Mapping[DeliveryState, int]: ...
    async def add_note(self, note: Note, /) -> None: ...
    async def notes(self, now: datetime, /) -> Sequence[Note]: ...
    async def silence(self, basket: BasketId | None, until: datetime, reason: str, /) -> None: ...
    async def lift(self, basket: BasketId | None, /) -> bool: ...
    async def silences(self, now: datetime, /) -> Sequence[Silence]: ...


@dataclass(frozen=True, slots=True)
class View:
    """The market as it is known now: every figure, the rules, and since when that is (`as_of` a basket)."""

    board: MarketStats
    rulebook: Rulebook
    as_of: Callable[[Basket], datetime]


@dataclass(frozen=True, slots=True)
class Condition:
    """How the worker is: when it last looked and judged (None = not yet), what went wrong then ("" = nothing), and
    what it counted."""

    looked: datetime | None
    trouble: str
    counts: Mapping[str, int]


class Worker(Protocol):
    """The running bot, as far as people may ask about it or give it orders."""

    @property
    def rulebook(self) -> Rulebook:
        """The configured baskets and rules."""
        ...

    def condition(self) -> Condition: ...

    async def view(self) -> View:
        """The market now; raises BotError if there are no prices."""
        ...

    async def reload(self) -> Sequence[str]:
        """Read the configuration again; the answer says what changed. Raises ConfigError and then keeps the old one."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """Those who answer, and what they need. `administers` says whether a user administers a group: no, in doubt."""

    transport: str
    register: Register
    worker: Worker
    clock: Clock
    administers: Callable[[str, int], Awaitable[bool]]
    draw: Callable[[ChartData, str], Awaitable[bytes]]
    operators: Collection[int] = frozenset()
    throttle: Throttle = field(default_factory=Throttle)

    @property
    def baskets(self) -> tuple[Basket, ...]:
        return self.worker.rulebook.baskets

    def _names(self) -> dict[str, Basket]:
        """Every basket by its id and by its name in each language."""
        return {
            _plain(name): basket for basket in self.baskets for name in (basket.id, *(text for _, text in basket.names))
        }

    async def known(self, ask: Ask) -> Subscriber:
        """The chat's choices, or those that everybody begins with."""
        found = await self.register.subscriber(self.transport, ask.chat)
        if found is not None:
            return found
        return Subscriber(self.transport, ask.chat, ask.kind, self.clock.now(), spoken(ask.language))

    def basket(self, word: str, words: Catalogue, command: str) -> Basket:
        """The basket that is meant by an id or a name in any language; raises Mistaken with the likely ones."""
        meant, names = _plain(word), self._names()
        if meant in names:
            return names[meant]
        near = dict.fromkeys(names[name].id for name in get_close_matches(meant, names, n=3, cutoff=0.5))
        likely = [basket for basket in self.baskets if basket.id in near] or list(self.baskets)
        said = words.say("chat_no_basket", word=sanitize(word)[:40])
        raise Mistaken(said, buttons=self.choice(likely, words, command))

    def named_baskets(self, ask: Ask, words: Catalogue) -> list[Basket]:
        """The baskets that a command names, each once: all of them, one whose name has spaces, or one a word."""
        if EVERYTHING in map(str.lower, ask.words):
            return list(self.baskets)
        whole = self._names().get(_plain(" ".join(ask.words)))
        found = [self.basket(one, words, ask.command) for one in ask.words] if whole is None else [whole]
        return list(dict.fromkeys(found))

    def choice(self, baskets: Sequence[Basket], words: Catalogue, command: str) -> tuple[tuple[Button, ...], ...]:
        """A button for each basket that gives `command` with it."""
        return rows([Button(one.name(words.language), f"{command} {one.id}") for one in baskets[:MOST_BUTTONS]])

    def asked_basket(self, named: str, words: Catalogue, command: str) -> Basket:
        """The basket that a command is about; raises Mistaken with all of them as buttons if it names none."""
        if named:
            return self.basket(named, words, command)
        if len(self.baskets) == 1:
            return self.baskets[0]
        raise Mistaken(words.say("chat_which"), buttons=self.choice(self.baskets, words, command))


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def id_of(basket: Basket | None) -> BasketId | None:
    """The basket's id; None stands for all baskets."""
    return None if basket is None else basket.id


def about_words(basket: Basket | None, words: Catalogue) -> str:
    """What a choice or an order is about, by name."""
    return words.say("chat_everything") if basket is None else basket.name(words.language)


def spoken(code: str) -> str:
    """The language we have for a code such as "zh-hans"; English if we have none."""
    short = code.replace("_", "-").partition("-")[0].lower()
    return short if short in languages() else "en"


def rows(buttons: Sequence[Button], width: int = BUTTONS_A_ROW) -> tuple[tuple[Button, ...], ...]:
    return tuple(tuple(buttons[at : at + width]) for at in range(0, len(buttons), width))


def say(words: Catalogue, *lines: str, buttons: tuple[tuple[Button, ...], ...] = ()) -> Reply:
    """A reply of these lines."""
    return Reply(Message(words.language, lines), buttons)


def tongue(subscriber: Subscriber) -> Catalogue:
    return load_catalogue(subscriber.language)
