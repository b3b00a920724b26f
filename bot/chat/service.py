"""Loop 3: poll for updates, handle requests in order, send replies within the rate limits."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from bot.chat.requests import ChatRequest, Reply
from bot.chat.router import ChatRouter, error_reply
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

# Replies that are pending, in all and of one chat; whoever asks beyond that may ask again.
MAX_PENDING, MAX_PENDING_PER_CHAT = 100, 10
FIRST_BACKOFF, MAX_BACKOFF = 1.0, 60.0  # seconds after a failure, doubled each time
MAX_IN_FLIGHT = 4
SHUTDOWN_GRACE_SECONDS = 10.0  # for replies at a stop
POLL_SECONDS = 0.2  # between looks at pending replies

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IncomingUpdate:
    """An update: a request (None = nothing for the bot), the place of the reply, and a chat's move from one id to
    another.

    `button_press` is the transport's id of an unacknowledged button press, `message_id` the id of the message with the
    words or the button.
    """

    number: int
    request: ChatRequest | None = None
    button_press: str = ""
    message_id: int | None = None
    moved: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PendingReply:
    """A reply, waiting or under way; `message_id` is the id of the message with the request.

    `moved`: the chat has moved, and the new chat has no such message (`message_id` is None).
    """

    request: ChatRequest
    reply: Reply
    message_id: int | None
    moved: bool = False


class PollError(Exception):
    """No updates now; `token` says that the transport does not know the bot."""

    def __init__(self, reason: str, *, token: bool = False) -> None:
        self.token = token
        super().__init__(reason)


class ChatGateway(Protocol):
    """A transport that brings updates and takes replies."""

    async def poll(self, after: int) -> Sequence[IncomingUpdate]:
        """The updates after the number `after` (-1 = all pending); waits a while for the first. Raises PollError."""
        ...

    async def acknowledge(self, update: IncomingUpdate) -> None:
        """Show that a pressed button was noticed; a failure is no harm."""
        ...

    async def reply(self, request: ChatRequest, reply: Reply, message_id: int | None) -> SendOutcome:
        """Send the reply to the chat of the request, as an answer to the message `message_id` if given."""
        ...


class ChatService:
    """Handles updates one by one in order of arrival, and replies within the rate limits.

    `limits` are shared with loop 2. `move` stores the new id of a chat. `sleep` is asyncio's, or that of a simulated
    clock. `counts` counts by name; `polled_at` is the monotonic time of the last successful poll.
    """

    def __init__(
        self,
        router: ChatRouter,
        gateway: ChatGateway,
        limits: RateLimits,
        move: Callable[[str, str, str], Awaitable[None]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._router = router
        self._clock = router.clock
        self._gateway = gateway
        self._limits = limits
        self._move = move
        self._sleep = sleep
        self._after = -1
        self._handled: deque[int] = deque(maxlen=1000)
        self._pending: deque[PendingReply] = deque()
        self._in_flight: dict[asyncio.Task[SendOutcome], PendingReply] = {}
        self._acknowledging: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()
        self.polled_at: float | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises TokenRefused when the token was refused for ten minutes."""
        stopped = asyncio.ensure_future(stop.wait())
        polling, sending = asyncio.create_task(self._poll()), asyncio.create_task(self._send_replies())
        try:
            done, _ = await asyncio.wait([stopped, polling, sending], return_when=asyncio.FIRST_COMPLETED)
            for ended in done - {stopped}:
                ended.result()
        finally:
            polling.cancel()
            deadline = self._clock.monotonic() + SHUTDOWN_GRACE_SECONDS
            while (self._pending or self._in_flight) and self._clock.monotonic() < deadline and not sending.done():
                await self._sleep(POLL_SECONDS)
            rest: list[asyncio.Task[Any]] = [stopped, sending, *self._in_flight, *self._acknowledging]
            for task in rest:
                task.cancel()
            await asyncio.gather(polling, *rest, return_exceptions=True)

    async def _poll(self) -> None:
        backoff, refused_since = FIRST_BACKOFF, None
        while True:
            try:
                updates = await self._gateway.poll(self._after)
            except PollError as error:
                now = self._clock.monotonic()
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
                backoff, refused_since = FIRST_BACKOFF, None
                self.polled_at = self._clock.monotonic()
                for update in updates:
                    await self._handle(update)
                    self._after = max(self._after, update.number)
                continue
            await self._sleep(backoff)
            backoff = min(MAX_BACKOFF, 2 * backoff)

    async def _handle(self, update: IncomingUpdate) -> None:
        """Handle one update; an internal error costs only the answer to the same update.

        Beyond the limits of pending replies, in all or of one chat, a reply is dropped and counted.
        """
        if update.number in self._handled:
            return
        self._handled.append(update.number)
        request, reply = update.request, None
        try:
            if update.moved:
                await self._move(self._router.transport, *update.moved)
            # Nobody waits for it, and beyond a few it is left out: the sign goes away by itself.
            if update.button_press and len(self._acknowledging) < MAX_IN_FLIGHT:
                task = asyncio.create_task(self._gateway.acknowledge(update))
                self._acknowledging.add(task)
                task.add_done_callback(self._acknowledging.discard)
            if request is not None:
                reply = await self._router.handle_request(request)
        except Exception:
            self.counts["errors"] += 1
            log.exception("an update could not be answered")
            reply = error_reply(request) if request else None
        self.counts["heard"] += 1
        if request is None or reply is None:
            return
        of_chat = sum(pending.request.chat == request.chat for pending in self._pending)
        if len(self._pending) < MAX_PENDING and of_chat < MAX_PENDING_PER_CHAT:
            self._pending.append(PendingReply(request, reply, update.message_id))
        else:
            self.counts["dropped"] += 1

    async def _send_replies(self) -> None:
        while True:
            for task in [task for task in self._in_flight if task.done()]:
                self._finish(self._in_flight.pop(task), task)
            now = self._clock.monotonic()
            wait = self._limits.wait_for_reply(now)
            pending = self._next_reply(now) if wait <= 0 and len(self._in_flight) < MAX_IN_FLIGHT else None
            if pending is None:
                await self._sleep(min(wait or POLL_SECONDS, POLL_SECONDS))
                continue
            request = pending.request
            self._limits.replied(request.chat, request.kind, now)
            sending = self._gateway.reply(request, pending.reply, pending.message_id)
            self._in_flight[asyncio.create_task(sending)] = pending

    def _next_reply(self, now: float) -> PendingReply | None:
        """Take the first reply whose chat does not rest."""
        resting = self._limits.resting(now)
        for index, pending in enumerate(self._pending):
            if pending.request.chat not in resting:
                del self._pending[index]
                return pending
        return None

    def _finish(self, pending: PendingReply, task: asyncio.Task[SendOutcome]) -> None:
        """After a flood the reply is sent again; in place of a failed file an error text is sent.

        A moved chat is followed once. No other failure is tried again.
        """
        request, now, error = pending.request, self._clock.monotonic(), task.exception()
        outcome = Uncertain(f"{type(error).__name__} while replying") if error else task.result()
        if error:
            log.error("replying failed in a way nobody foresaw", exc_info=error)
        self.counts[f"reply {outcome.label}"] += 1
        self._limits.ended(request.chat, request.kind, now, arrived=isinstance(outcome, Sent | Uncertain))
        if isinstance(outcome, RateLimited):
            self._limits.flood(request.chat, outcome.seconds, now)
            self._pending.appendleft(pending)
        elif isinstance(outcome, ChatMoved) and not pending.moved:
            there = replace(request, chat=outcome.chat)
            self._pending.appendleft(PendingReply(there, pending.reply, None, moved=True))
        elif not isinstance(outcome, Sent):
            log.warning("a reply was not taken: %s", outcome)
            if pending.reply.content and not isinstance(outcome, ChatGone | TokenRejected):
                self._pending.appendleft(replace(pending, reply=error_reply(request)))
