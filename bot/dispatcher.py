"""Loop 2, the dispatcher: claim deliveries of the outbox, apply rate limits, send, record outcomes."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.alerts.rules import Severity
from bot.clock import Clock
from bot.delivery.attempts import (
    TOKEN_PATIENCE,
    DeliveryStep,
    NotSent,
    Outbox,
    RateLimited,
    SendOutcome,
    Sent,
    TokenRejected,
    Transport,
    Uncertain,
    next_step,
)
from bot.delivery.formatting import message_to_send
from bot.delivery.model import Delivery, Destination, NotificationKey
from bot.delivery.rate_limits import RateLimits
from bot.errors import InvalidToken, LeaseLost, StoreError, StoreLost, short_message
from bot.messages.message import Message

MAX_IN_FLIGHT = 8  # also the most duplicates after a kill
POLL_SECONDS = 0.5  # between claims while the outbox has nothing
MAX_BACKOFF_SECONDS = 5.0  # a stop is noticed after at most this
SHUTDOWN_GRACE_SECONDS = 20.0  # for requests in flight at a stop
PROBE_SECONDS = 30.0  # between requests while the token is refused

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Receiver:
    """A transport with rate limits; receives the deliveries with the transport's name.

    `refused_since` is the monotonic time of the first refusal of the token (None = not refused).
    """

    transport: Transport
    limits: RateLimits = field(default_factory=RateLimits)
    refused_since: float | None = None


class Dispatcher:
    """Sends the pending deliveries of all receivers, at most MAX_IN_FLIGHT requests at a time.

    `steady` decides about due and expired deliveries (None = `clock` decides); a message late by either clock is
    marked. `sleep` is asyncio's, or that of a simulated clock; `jitter` returns numbers from 0 to 1. `counts` counts
    outcomes by type, and the loop's `errors`. `last_error` is the failure of the last round ("" = no failure).
    """

    def __init__(
        self,
        outbox: Outbox,
        receivers: Sequence[Receiver],
        clock: Clock,
        *,
        steady: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.transports = tuple(receiver.transport.name for receiver in receivers)
        self._outbox = outbox
        self._receivers = receivers
        self._clock = clock
        self._steady = steady or clock
        self._sleep = sleep
        self._jitter = jitter
        self._in_flight: dict[asyncio.Task[SendOutcome], tuple[Receiver, Delivery]] = {}
        self._steps: list[DeliveryStep] = []
        self._recovered = False
        self.counts: Counter[str] = Counter()
        self.last_error = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; then nothing more is claimed, and requests in flight have 20 s to end and be recorded.

        Raises TokenRefused when a token was refused for ten minutes, and StoreLost. All other errors are logged and
        retried.
        """
        failures = 0
        try:
            while not stop.is_set():
                try:
                    await self._wait(await self._send_next())
                    failures, self.last_error = 0, ""
                except (LeaseLost, StoreLost, InvalidToken):
                    raise
                except Exception as error:
                    failures += 1
                    self.last_error = short_message(error)
                    self.counts["errors"] += 1
                    log.exception("dispatch failed and tries again")
                    await self._sleep(min(MAX_BACKOFF_SECONDS, POLL_SECONDS * 2 ** min(failures, 10)))
        finally:
            await self._shut_down()

    async def drain(self) -> None:
        """Send until nothing is due. Errors are not caught, and a refused token raises TokenRefused at once."""
        try:
            seconds = await self._send_next()
            while self._in_flight or await self._is_due():
                await self._wait(seconds)
                seconds = await self._send_next(token_patience=0.0)
        finally:
            await self._shut_down()

    async def _is_due(self) -> bool:
        now = self._steady.now()
        return any([await self._outbox.due(name, now) for name in self.transports])

    async def _send_next(self, token_patience: float = TOKEN_PATIENCE) -> float:
        """Record outcomes and send one more message by each receiver. Return the seconds to wait."""
        if not self._recovered:
            await self._recover()
        await self._record()
        return min([await self._send_by(receiver, token_patience) for receiver in self._receivers])

    async def _send_by(self, receiver: Receiver, token_patience: float) -> float:
        now, limits = self._clock.monotonic(), receiver.limits
        if receiver.refused_since is not None and now - receiver.refused_since >= token_patience:
            raise InvalidToken
        seconds = limits.wait(now)
        if seconds > 0 or len(self._in_flight) >= MAX_IN_FLIGHT:
            return min(seconds or POLL_SECONDS, POLL_SECONDS)
        # One at a time and only when it can leave at once: whatever is claimed at a kill counts as sent.
        with limits.choosing(now) as resting:
            claimed = await self._outbox.claim(receiver.transport.name, self._steady.now(), 1, resting)
            for delivery in claimed:
                limits.began(delivery.chat, delivery.kind, self._clock.monotonic())
                message = message_to_send(delivery, max(self._clock.now(), self._steady.now()))
                task = asyncio.create_task(receiver.transport.send(delivery, message))
                self._in_flight[task] = (receiver, delivery)
        return 0.0 if claimed else POLL_SECONDS

    async def _wait(self, seconds: float) -> None:
        """Wait for an outcome, or for `seconds` if none comes."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await self._sleep(seconds)

    async def _recover(self) -> None:
        """Deliveries in flight at the end of an earlier process may have arrived: record an unknown outcome."""
        unknown, now = Uncertain("the bot ended before the answer came"), self._steady.now()
        orphans = [delivery for name in self.transports for delivery in await self._outbox.orphans(name)]
        if steps := [next_step(delivery, unknown, now, self._jitter()) for delivery in orphans]:
            await self._outbox.record(steps)
            log.warning("the last run was killed while sending", extra={"deliveries": len(steps)})
        self._recovered = True

    async def _record(self) -> None:
        """Store the collected outcomes; outcomes stay collected until the store accepts them."""
        for task in [task for task in self._in_flight if task.done()]:
            self._steps.append(self._step(*self._in_flight.pop(task), task))
        if self._steps:
            await self._outbox.record(self._steps)
            self._steps.clear()

    def _step(self, receiver: Receiver, delivery: Delivery, task: asyncio.Task[SendOutcome]) -> DeliveryStep:
        """The step that follows from an outcome; the receiver's limits are updated."""
        error = task.exception()
        if error is None:
            outcome = task.result()
        else:
            log.error("sending failed in a way nobody foresaw", exc_info=error)
            outcome = Uncertain(f"{type(error).__name__} while sending")
        self.counts[outcome.label] += 1
        self._update_limits(receiver, delivery, outcome)
        step = next_step(delivery, outcome, self._steady.now(), self._jitter())
        after = step.delivery
        level = logging.INFO if after.not_before or not after.reason else logging.WARNING
        about = {"alert": after.event_id, "chat": after.chat, "outcome": outcome.label, "reason": after.reason}
        log.log(level, "delivery %s", after.state.value, extra=about)
        return step

    def _update_limits(self, receiver: Receiver, delivery: Delivery, outcome: SendOutcome) -> None:
        now, limits = self._clock.monotonic(), receiver.limits
        limits.ended(delivery.chat, delivery.kind, now, arrived=isinstance(outcome, Sent | Uncertain))
        match outcome:
            case RateLimited(seconds):
                limits.flood(delivery.chat, seconds, now)
            case TokenRejected():
                limits.halt(PROBE_SECONDS, now)
                receiver.refused_since = now if receiver.refused_since is None else receiver.refused_since
            case NotSent() | Uncertain():
                pass
            case _:
                receiver.refused_since = None

    async def _shut_down(self) -> None:
        """Wait for requests in flight and record the outcomes; unfinished requests stay `sending`: they may arrive."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=SHUTDOWN_GRACE_SECONDS)
        try:
            await self._record()
        except (LeaseLost, StoreError):
            log.exception("the last answers could not be stored: some messages may be sent again")
        for task in self._in_flight:
            task.cancel()


async def send_test_message(transport: Transport, destination: Destination, text: str, clock: Clock) -> SendOutcome:
    """Send `text` without the outbox, to check that a chat can be reached; raises TokenRefused."""
    now = clock.now()
    delivery = Delivery(
        event=NotificationKey("test"),
        event_id="test",
        severity=Severity.NOTICE,
        created=now,
        expires=now + timedelta(minutes=1),
        transport=destination.transport,
        chat=destination.chat,
        kind=destination.kind,
        message=Message(destination.language, (text,)),
        not_before=now,
    )
    outcome = await transport.send(delivery, delivery.message)
    if isinstance(outcome, TokenRejected):
        raise InvalidToken
    return outcome
