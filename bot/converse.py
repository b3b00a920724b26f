"""Loop 3: who asks something? Hear, answer, reply."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.conversation.answering import answer, sorry
from bot.conversation.asks import Ask, Reply
from bot.conversation.desk import Desk
from bot.delivery.attempts import (
    TOKEN_PATIENCE,
    ChatGone,
    ChatMoved,
    RateLimited,
    SendOutcome,
    Sent,
    TokenRejected,
    Uncertain,
)
from bot.delivery.rate_limits import RateLimits
from bot.errors import InvalidToken

# Replies that wait for their turn, in all and of one chat; whoever asks beyond that may ask again.
MOST_WAITING, MOST_OF_ONE_CHAT = 100, 10
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds after a failure, doubled each time
MOST_IN_FLIGHT = 4
LANDING = 10.0  # seconds that replies are given at a stop
POLL = 0.2  # seconds between looks at replies that wait

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that arrived: what was asked (None = nothing for us), how to reply, and which chat has moved where.

    `press` is the transport's name for the pressed button that waits for a sign, `message_id` that of the message
    with the words or the button.
    """

    number: int
    ask: Ask | None = None
    press: str = ""
    message_id: int | None = None
    moved: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """A reply that waits for its turn, or is under way; `message_id` is that of the message with the words.

    `moved` says that it goes after a chat that has moved, where what was asked is no message (None).
    """

    ask: Ask
    reply: Reply
    message_id: int | None
    moved: bool = False


class Deaf(Exception):
    """Nothing can be heard now; `token` says that we are not known there."""

    def __init__(self, reason: str, *, token: bool = False) -> None:
        self.token = token
        super().__init__(reason)


class Line(Protocol):
    """Whoever brings questions and takes replies."""

    async def hear(self, after: int) -> Sequence[Heard]:
        """What arrived after the number `after` (-1 = whatever waits); waits a while for it. Raises Deaf."""
        ...

    async def acknowledge(self, heard: Heard) -> None:
        """Show that a pressed button was noticed; a failure is no harm."""
        ...

    async def reply(self, ask: Ask, reply: Reply, message_id: int | None) -> SendOutcome:
        """Say it where it was asked, as an answer to the message with the words if that is known."""
        ...


class Converse:
    """Answers one question after the other, in the order they came, and replies as the limits allow.

    `limits` are shared with loop 2. `sleep` is asyncio's, or that of a clock which is not the machine's. `counts`
    counts what happened, by name; `listened` is when a look for questions last succeeded, monotonic.
    """

    def __init__(
        self,
        desk: Desk,
        line: Line,
        limits: RateLimits,
        move: Callable[[str, str, str], Awaitable[None]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._desk = desk
        self._line = line
        self._limits = limits
        self._move = move
        self._sleep = sleep
        self._after = -1
        self._known: deque[int] = deque(maxlen=1000)
        self._waiting: deque[Owed] = deque()
        self._flying: dict[asyncio.Task[SendOutcome], Owed] = {}
        self._signs: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()
        self.listened: float | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises TokenRefused when the token was refused for ten minutes."""
        ended = asyncio.ensure_future(stop.wait())
        hearing, speaking = asyncio.create_task(self._hear()), asyncio.create_task(self._speak())
        try:
            done, _ = await asyncio.wait([ended, hearing, speaking], return_when=asyncio.FIRST_COMPLETED)
            for one in done - {ended}:
                one.result()
        finally:
            hearing.cancel()
            over = self._desk.clock.monotonic() + LANDING
            while (self._waiting or self._flying) and self._desk.clock.monotonic() < over and not speaking.done():
                await self._sleep(POLL)
            for task in (rest := (ended, speaking, *self._flying, *self._signs)):
                task.cancel()
            await asyncio.gather(hearing, *rest, return_exceptions=True)

    async def _hear(self) -> None:
        pause, refused_since = FIRST_PAUSE, None
        while True:
            try:
                heard = await self._line.hear(self._after)
            except Deaf as error:
                now = self._desk.clock.monotonic()
                if error.token:
                    refused_since = now if refused_since is None else refused_since
                    if now - refused_since >= TOKEN_PATIENCE:
                        raise InvalidToken from error
                self.counts["deaf"] += 1
                log.warning("commands cannot be heard now, the next look tries again: %s", error)
            except Exception:
                self.counts["errors"] += 1
                log.exception("hearing failed in a way nobody foresaw and tries again")
            else:
                pause, refused_since = FIRST_PAUSE, None
                self.listened = self._desk.clock.monotonic()
                for one in heard:
                    await self._attend(one)
                    self._after = max(self._after, one.number)
                continue
            await self._sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _attend(self, heard: Heard) -> None:
        """Answer one thing that arrived; a mistake of ours costs this one its answer, and no other."""
        if heard.number in self._known:
            return
        self._known.append(heard.number)
        try:
            if heard.moved:
                await self._move(self._desk.transport, *heard.moved)
            if heard.press:
                self._acknowledge(heard)
            reply = await answer(self._desk, heard.ask) if heard.ask else None
        except Exception:
            self.counts["errors"] += 1
            log.exception("an update could not be answered")
            reply = sorry(heard.ask) if heard.ask else None
        self.counts["heard"] += 1
        if heard.ask and reply is not None:
            self._owe(Owed(heard.ask, reply, heard.message_id))

    def _acknowledge(self, heard: Heard) -> None:
        """Without waiting for it, and not if others wait for theirs already: the sign goes away by itself."""
        if len(self._signs) < MOST_IN_FLIGHT:
            sign = asyncio.create_task(self._line.acknowledge(heard))
            self._signs.add(sign)
            sign.add_done_callback(self._signs.discard)

    def _owe(self, new: Owed) -> None:
        """It waits for its turn if there is room; a chat that must be left alone shall not take that of the others."""
        own = sum(one.ask.chat == new.ask.chat for one in self._waiting)
        if len(self._waiting) < MOST_WAITING and own < MOST_OF_ONE_CHAT:
            self._waiting.append(new)
        else:
            self.counts["dropped"] += 1

    async def _speak(self) -> None:
        while True:
            self._collect()
            now = self._desk.clock.monotonic()
            wait = self._limits.wait_for_reply(now)
            ready = self._ready(now) if wait <= 0 and len(self._flying) < MOST_IN_FLIGHT else None
            if ready is None:
                await self._sleep(min(wait or POLL, POLL))
                continue
            self._limits.replied(ready.ask.chat, ready.ask.kind, now)
            self._flying[asyncio.create_task(self._line.reply(ready.ask, ready.reply, ready.message_id))] = ready

    def _ready(self, now: float) -> Owed | None:
        """The first reply whose chat does not rest."""
        resting = self._limits.resting(now)
        for at, one in enumerate(self._waiting):
            if one.ask.chat not in resting:
                del self._waiting[at]
                return one
        return None

    def _collect(self) -> None:
        for task in [task for task in self._flying if task.done()]:
            self._mind(self._flying.pop(task), task)

    def _mind(self, owed: Owed, task: asyncio.Task[SendOutcome]) -> None:
        """A flood is waited for, and the reply said then; in the place of a file that failed, words say that.

        A chat that has moved is followed once. What failed otherwise is not said again.
        """
        now, error = self._desk.clock.monotonic(), task.exception()
        outcome = Uncertain(f"{type(error).__name__} while replying") if error else task.result()
        if error:
            log.error("replying failed in a way nobody foresaw", exc_info=error)
        self.counts[f"reply {outcome.label}"] += 1
        self._limits.ended(owed.ask.chat, owed.ask.kind, now, arrived=isinstance(outcome, Sent | Uncertain))
        if isinstance(outcome, RateLimited):
            self._limits.flood(owed.ask.chat, outcome.seconds, now)
            self._waiting.appendleft(owed)
        elif isinstance(outcome, ChatMoved) and not owed.moved:
            there = replace(owed.ask, chat=outcome.chat)
            self._waiting.appendleft(Owed(there, owed.reply, None, moved=True))
        elif not isinstance(outcome, Sent):
            log.warning("a reply was not taken: %s", outcome)
            if owed.reply.content and not isinstance(outcome, ChatGone | TokenRejected):
                self._waiting.appendleft(replace(owed, reply=sorry(owed.ask)))
