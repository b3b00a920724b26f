"""Loop 2: how does what waits in the outbox reach its chats? Claim, limit, send, record."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
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

MOST_IN_FLIGHT = 8  # also the most copies too many after a kill
POLL = 0.5  # seconds between looks at the outbox when it has nothing
LONGEST_BACKOFF = 5.0  # seconds; a stop is noticed after at most this
LANDING = 20.0  # seconds that requests under way are given at a stop
PROBE = 30.0  # seconds between requests while the token is refused

log = logging.getLogger(__name__)


class Dispatch:
    """Sends what waits for one transport, `MOST_IN_FLIGHT` requests at a time.

    `steady` says what is due and what has expired (None = `clock` does); a message that is late by either is marked.
    `sleep` is asyncio's, or that of a clock which is not the machine's; `jitter` gives numbers from 0 to 1.
    `counts` counts outcomes by the name of their type, and the loop's own `errors`. `trouble` says why its last round
    failed ("" = it did not).
    """

    def __init__(
        self,
        outbox: Outbox,
        transport: Transport,
        clock: Clock,
        limits: RateLimits | None = None,
        *,
        steady: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._transport = transport
        self.transport_name = transport.name
        self._clock = clock
        self._steady = steady or clock
        self._limits = limits or RateLimits()
        self._sleep = sleep
        self._jitter = jitter
        self._flying: dict[asyncio.Task[SendOutcome], Delivery] = {}
        self._steps: list[DeliveryStep] = []
        self._recovered = False
        self._refused_since: float | None = None
        self.counts: Counter[str] = Counter()
        self.trouble = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then nothing more is claimed, and what is under way has 20 s to land and be recorded.

        Raises TokenRefused when the token was refused for ten minutes, and StoreLost. Every other error is logged, and
        the loop tries again.
        """
        failures = 0
        try:
            while not stop.is_set():
                try:
                    await self._rest(await self._turn())
                    failures, self.trouble = 0, ""
                except (LeaseLost, StoreLost, InvalidToken):
                    raise
                except Exception as error:
                    failures += 1
                    self.trouble = short_message(error)
                    self.counts["errors"] += 1
                    log.exception("dispatch failed and tries again")
                    await self._sleep(min(LONGEST_BACKOFF, POLL * 2 ** min(failures, 10)))
        finally:
            await self._land()

    async def drain(self) -> None:
        """Until nothing is due. Errors are not caught, and a refused token raises TokenRefused at once."""
        try:
            wait = await self._turn()
            while self._flying or await self._outbox.due(self.transport_name, self._steady.now()):
                await self._rest(wait)
                wait = await self._turn(patience=0.0)
        finally:
            await self._land()

    async def _turn(self, patience: float = TOKEN_PATIENCE) -> float:
        """Record what has come back and send one more; the answer is how many seconds there is nothing to do."""
        if not self._recovered:
            await self._recover()
        await self._record()
        now = self._clock.monotonic()
        if self._refused_since is not None and now - self._refused_since >= patience:
            raise InvalidToken
        wait = self._limits.wait(now)
        if wait > 0 or len(self._flying) >= MOST_IN_FLIGHT:
            return min(wait or POLL, POLL)
        # One at a time and only when it can leave at once: whatever is claimed when we are killed counts as sent.
        with self._limits.choosing(now) as resting:
            claimed = await self._outbox.claim(self.transport_name, self._steady.now(), 1, resting)
            for delivery in claimed:
                self._launch(delivery)
        return 0.0 if claimed else POLL

    def _launch(self, delivery: Delivery) -> None:
        self._limits.began(delivery.chat, delivery.kind, self._clock.monotonic())
        message = message_to_send(delivery, max(self._clock.now(), self._steady.now()))
        self._flying[asyncio.create_task(self._transport.send(delivery, message))] = delivery

    async def _rest(self, seconds: float) -> None:
        """Wait for an answer, or for `seconds` if none comes."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await self._sleep(seconds)

    async def _recover(self) -> None:
        """What an earlier process had under way may have arrived: nobody heard the answer."""
        unheard = Uncertain("the bot ended before the answer came")
        now = self._steady.now()
        orphans = await self._outbox.orphans(self.transport_name)
        steps = [next_step(one, unheard, now, self._jitter()) for one in orphans]
        if steps:
            await self._outbox.record(steps)
            log.warning("the last run was killed while sending", extra={"deliveries": len(steps)})
        self._recovered = True

    async def _record(self) -> None:
        """Store the answers that have come; they are kept until the store takes them."""
        for task in [task for task in self._flying if task.done()]:
            self._steps.append(self._judge(self._flying.pop(task), task))
        if self._steps:
            await self._outbox.record(self._steps)
            self._steps.clear()

    def _judge(self, delivery: Delivery, task: asyncio.Task[SendOutcome]) -> DeliveryStep:
        """The step that an answer asks for; the limits learn of it here."""
        error = task.exception()
        if error is None:
            outcome = task.result()
        else:
            log.error("sending failed in a way nobody foresaw", exc_info=error)
            outcome = Uncertain(f"{type(error).__name__} while sending")
        self.counts[outcome.label] += 1
        self._mind(delivery, outcome)
        step = next_step(delivery, outcome, self._steady.now(), self._jitter())
        then = step.delivery
        level = logging.INFO if then.not_before or not then.reason else logging.WARNING
        about = {"alert": then.event_id, "chat": then.chat, "outcome": outcome.label, "reason": then.reason}
        log.log(level, "delivery %s", then.state.value, extra=about)
        return step

    def _mind(self, delivery: Delivery, outcome: SendOutcome) -> None:
        """Let the limits and the patience with the token know."""
        now = self._clock.monotonic()
        arrived = isinstance(outcome, Sent | Uncertain)
        self._limits.ended(delivery.chat, delivery.kind, now, arrived=arrived)
        match outcome:
            case RateLimited(seconds):
                self._limits.flood(delivery.chat, seconds, now)
            case TokenRejected():
                self._limits.halt(PROBE, now)
                self._refused_since = now if self._refused_since is None else self._refused_since
            case NotSent() | Uncertain():
                pass
            case _:
                self._refused_since = None

    async def _land(self) -> None:
        """Give what is under way its time, record what comes, and leave the rest as it is: it may have arrived."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=LANDING)
        try:
            await self._record()
        except (LeaseLost, StoreError):
            log.exception("the last answers could not be stored: some messages may be sent again")
        for task in self._flying:
            task.cancel()


async def send_test(transport: Transport, destination: Destination, text: str, clock: Clock) -> SendOutcome:
    """Send `text` past the outbox, to see whether a chat can be reached; raises TokenRefused."""
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
