"""Requests, replies, roles, the throttle, and the context that every handler takes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import Enum
from typing import Protocol

from bot.baskets import Basket, BasketId
from bot.chart.data import ChartData
from bot.clock import Clock
from bot.delivery.model import ChatKind, Delivery, DeliveryState, Note, Notification, Silence
from bot.delivery.subscribers import Subscriber
from bot.errors import BotError
from bot.health import StatusReport
from bot.languages import languages
from bot.messages.catalogue import Catalogue, load_catalogue
from bot.messages.message import Button, Message, sanitize
from bot.pipeline import Rulebook
from bot.statistics.market_stats import MarketStats

BUTTONS_PER_ROW = 2
MAX_BUTTONS = 90  # Telegram takes 100 below a message, and a few more are added
ALL_BASKETS = "all"

THROTTLE_CAPACITY = 8.0  # commands at once
# Commands in the long run. A group may be sent one message in three seconds, and its alerts shall find room.
THROTTLE_PER_SECOND = 0.25
MAX_BUCKETS = 10_000  # the bucket that was not used for longest is dropped, and so is full again

ButtonRows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A command given in a chat, typed or by a button.

    `user` is the number of a person (None = unknown); `anonymous`: an administrator speaks as the group. `command` is
    without the slash, "" = the text is no command. `language` is the language code of the person's program ("" =
    unknown).
    """

    chat: str
    kind: ChatKind
    user: int | None
    command: str
    words: tuple[str, ...] = ()
    language: str = ""
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a message with rows of buttons, or a file with the message as the caption.

    `file_name` names `content`; a name ending in .png is shown as a picture.
    """

    message: Message
    buttons: ButtonRows = ()
    file_name: str = ""
    content: bytes = b""


class InvalidRequest(BotError):
    """A request that cannot be served; the lines give the reason and the remedy, the buttons offer the remedy."""

    def __init__(self, *lines: str, buttons: ButtonRows = ()) -> None:
        self.lines = lines
        self.buttons = buttons
        super().__init__(" ".join(lines))


class ChatRole(Enum):
    """Role of the user in the chat of the request. OPERATOR exists in private chats only: group members would read the
    reply.
    """

    PERSON = "person"
    OPERATOR = "operator"
    MEMBER = "group member"
    ADMINISTRATOR = "group administrator"


class Audience(Enum):
    """The users of a command: everyone, the deciders of the chat, or the operators."""

    EVERYONE = "everyone"
    DECIDERS = "deciders"
    OPERATORS = "operators"


ALLOWED = {
    Audience.EVERYONE: frozenset(ChatRole),
    Audience.DECIDERS: frozenset(ChatRole) - {ChatRole.MEMBER},
    Audience.OPERATORS: frozenset({ChatRole.OPERATOR}),
}


def role_of(request: ChatRequest, *, operator: bool, administers: bool) -> ChatRole:
    """The role of the user of a request in a private chat or a group."""
    if request.kind is ChatKind.GROUP:
        return ChatRole.ADMINISTRATOR if administers or request.anonymous else ChatRole.MEMBER
    return ChatRole.OPERATOR if operator else ChatRole.PERSON


class Admission(Enum):
    """Verdict of the throttle: answer, refuse, or ignore; REFUSED is given once, until the bucket is full again."""

    WELCOME = "welcome"
    REFUSED = "refused"
    IGNORED = "ignored"


@dataclass(slots=True)
class _TokenBucket:
    level: float
    updated_at: float
    refused: bool = False


class Throttle:
    """A token bucket for each person and each chat; a request takes a token of each. `now` is monotonic, in seconds."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, _TokenBucket] = OrderedDict()

    def admit(self, names: Iterable[str], now: float) -> Admission:
        buckets = [self._filled(name, now) for name in names]
        empty = [bucket for bucket in buckets if bucket.level < 1]
        if not empty:
            for bucket in buckets:
                bucket.level -= 1
            return Admission.WELCOME
        refused_before = all(bucket.refused for bucket in empty)
        for bucket in empty:
            bucket.refused = True
        return Admission.IGNORED if refused_before else Admission.REFUSED

    def _filled(self, name: str, now: float) -> _TokenBucket:
        bucket = self._buckets.setdefault(name, _TokenBucket(THROTTLE_CAPACITY, now))
        self._buckets.move_to_end(name)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        bucket.level = min(THROTTLE_CAPACITY, bucket.level + (now - bucket.updated_at) * THROTTLE_PER_SECOND)
        bucket.updated_at = now
        bucket.refused = bucket.refused and bucket.level < THROTTLE_CAPACITY
        return bucket


class SubscriberStore(Protocol):
    """Chats and choices; every method raises StoreError."""

    async def subscriber(self, transport: str, chat: str, /) -> Subscriber | None: ...
    async def keep(self, subscriber: Subscriber, /) -> None: ...
    async def erase(self, transport: str, chat: str, /) -> None: ...


class DeliveryStore(Protocol):
    """Past and pending deliveries; every method raises StoreError."""

    async def cancel(self, transport: str, chat: str, reason: str, basket: BasketId | None = None, /) -> int: ...
    async def received(self, transport: str, chat: str, limit: int, /) -> Sequence[Delivery]: ...
    async def told_of(self, shown: str, limit: int, /) -> Sequence[Notification]: ...
    async def undelivered(self) -> Sequence[Delivery]: ...
    async def counts(self, transport: str, /) -> Mapping[DeliveryState, int]: ...


class OperatorStore(Protocol):
    """Notes and silences; every method raises StoreError."""

    async def add_note(self, note: Note, /) -> None: ...
    async def notes(self, now: datetime, /) -> Sequence[Note]: ...
    async def silence(self, basket: BasketId | None, until: datetime, reason: str, /) -> None: ...
    async def lift(self, basket: BasketId | None, /) -> bool: ...
    async def silences(self, now: datetime, /) -> Sequence[Silence]: ...


class ChatStore(SubscriberStore, DeliveryStore, OperatorStore, Protocol):
    """Everything that handlers read and write."""


@dataclass(frozen=True, slots=True)
class MarketView:
    """The market at the last price check: every figure, the rules, and when a basket's latest prices are from."""

    board: MarketStats
    rulebook: Rulebook
    as_of: Callable[[Basket], datetime]


class BotService(Protocol):
    """The running bot: queries and orders."""

    @property
    def rulebook(self) -> Rulebook:
        """The configured baskets and rules."""
        ...

    async def view(self) -> MarketView:
        """The market now; raises BotError if there are no prices."""
        ...

    async def status(self) -> StatusReport: ...

    async def reload(self) -> Sequence[str]:
        """Read the configuration again and return the changes; raises ConfigError and keeps the previous one."""
        ...


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """One request, the choices of the chat, and the services of a handler.

    `render_chart` returns the PNG of a chart in a language.
    """

    request: ChatRequest
    subscriber: Subscriber
    store: ChatStore
    bot: BotService
    clock: Clock
    render_chart: Callable[[ChartData, str], Awaitable[bytes]]

    @property
    def words(self) -> tuple[str, ...]:
        """The words after the command."""
        return self.request.words

    @property
    def language(self) -> str:
        return self.subscriber.language

    @property
    def catalogue(self) -> Catalogue:
        return load_catalogue(self.language)

    @property
    def baskets(self) -> tuple[Basket, ...]:
        return self.bot.rulebook.baskets

    def say(self, phrase: str, **fields: object) -> str:
        """A phrase in the language of the chat."""
        return self.catalogue.say(phrase, **fields)

    def reply(self, *lines: str, buttons: ButtonRows = ()) -> Reply:
        return text_reply(self.catalogue, *lines, buttons=buttons)

    def basket(self, name: str) -> Basket:
        """The basket with that id or name, in any language; raises InvalidRequest with similar baskets."""
        names = self._baskets_by_name()
        if (key := _name_key(name)) in names:
            return names[key]
        near = {names[match].id for match in get_close_matches(key, names, n=3, cutoff=0.5)}
        likely = [basket for basket in self.baskets if basket.id in near] or self.baskets
        text = self.say("chat_no_basket", word=sanitize(name)[:40])
        raise InvalidRequest(text, buttons=self.basket_buttons(likely, self.request.command))

    def basket_or_only(self, name: str) -> Basket:
        """The basket named `name`; without a name the only basket, or InvalidRequest with all baskets as buttons."""
        if name:
            return self.basket(name)
        if len(self.baskets) == 1:
            return self.baskets[0]
        raise InvalidRequest(self.say("chat_which"), buttons=self.basket_buttons(self.baskets, self.request.command))

    @property
    def means_all(self) -> bool:
        """Whether the request is about all baskets."""
        return ALL_BASKETS in map(str.lower, self.words)

    def named_baskets(self) -> list[Basket]:
        """The baskets of the request, without repetition: all, a single basket with spaces in the name, or a basket a
        word.
        """
        if self.means_all:
            return list(self.baskets)
        whole = self._baskets_by_name().get(_name_key(" ".join(self.words)))
        return list(dict.fromkeys([whole] if whole else map(self.basket, self.words)))

    def basket_buttons(self, baskets: Sequence[Basket], command: str) -> ButtonRows:
        """A button for every basket, with `command` and the basket's id."""
        buttons = [Button(basket.name(self.language), f"{command} {basket.id}") for basket in baskets]
        return button_rows(buttons[:MAX_BUTTONS])

    def basket_or_all(self, basket: Basket | None) -> str:
        """The name of the basket; None = all baskets."""
        return self.say("chat_everything") if basket is None else basket.name(self.language)

    def _baskets_by_name(self) -> dict[str, Basket]:
        return {
            _name_key(name): basket
            for basket in self.baskets
            for name in (basket.id, *(name for _, name in basket.names))
        }


def _name_key(name: str) -> str:
    return " ".join(name.split()).casefold()


def id_of(basket: Basket | None) -> BasketId | None:
    """The basket's id; None stands for all baskets."""
    return None if basket is None else basket.id


def supported_language(code: str) -> str:
    """The language of a catalogue for a code such as "zh-hans"; "en" if there is none."""
    short = code.replace("_", "-").partition("-")[0].lower()
    return short if short in languages() else "en"


def button_rows(buttons: Sequence[Button]) -> ButtonRows:
    return tuple(tuple(buttons[start : start + BUTTONS_PER_ROW]) for start in range(0, len(buttons), BUTTONS_PER_ROW))


def text_reply(catalogue: Catalogue, *lines: str, buttons: ButtonRows = ()) -> Reply:
    return Reply(Message(catalogue.language, lines), buttons)
