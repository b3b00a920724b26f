"""The health of the loops, watched and reported, and the notices of the operators."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.adapters.database.database import Database
from bot.alerts.rules import Severity
from bot.chat.service import ChatService
from bot.clock import Clock
from bot.delivery.model import ChatKind, Destination, Notification, NotificationKey, route
from bot.dispatcher import Dispatcher
from bot.engine.incidents import (
    Incident,
    IncidentKind,
    IncidentNotice,
    OpenIncidents,
    OperatorNotice,
    UnconfirmedNotice,
    UnevaluatedSessions,
    update_incidents,
)
from bot.engine.loop import Engine
from bot.errors import StoreError
from bot.health import BasketStatus, DatabaseStatus, Health, HealthInputs, HealthSignal, StatusReport, assess_health
from bot.languages import languages
from bot.lease import LeaderLease
from bot.messages.catalogue import load_catalogue
from bot.messages.message import Message
from bot.settings.load import Settings

DATABASE_TIMEOUT = 3.0  # seconds
CHECK_EVERY = 10.0  # seconds
NOTICE_MAX_AGE = timedelta(hours=12)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunningLoops:
    """The loops of an active process; without Telegram there is no chat."""

    engine: Engine
    dispatcher: Dispatcher
    chat: ChatService | None = None


class HealthMonitor:
    """Reports on the loops of this process, or on none while it stands by.

    `settings` are those of the start: the periods of the loops change with a restart only.
    """

    def __init__(self, settings: Settings, clock: Clock, database: Database, lease: LeaderLease) -> None:
        self._settings = settings
        self._clock = clock
        self._database = database
        self._lease = lease
        self._query: asyncio.Task[DatabaseStatus] | None = None
        self.begin(None)

    def begin(self, loops: RunningLoops | None) -> None:
        """Report on these loops from now on; None = this process stands by."""
        self._loops, self._since = loops, self._clock.monotonic()
        self._incidents: OpenIncidents | None = None  # not read yet

    async def close(self) -> None:
        """Wait for the database."""
        if self._query is not None:
            await asyncio.wait([self._query])

    def inputs(self) -> HealthInputs:
        if self._loops is None:
            return HealthInputs(self._since, active=False, failing=(self._lease.last_error,))
        engine, dispatcher, chat = self._loops.engine, self._loops.dispatcher, self._loops.chat
        engine_error = engine.last_error if engine.internal_error else ""
        return HealthInputs(
            since=self._since,
            active=True,
            poll_every=60.0 * self._settings.schedule.poll_minutes,
            request_timeout=self._settings.source.deadline_seconds,
            completed_at=engine.completed_at,
            progressed_at=engine.progressed_at,
            idle=engine.idle,
            last_error=engine.last_error,
            polls_chat=chat is not None,
            polled_at=chat.polled_at if chat else None,
            failing=(self._lease.last_error, dispatcher.last_error, engine_error),
        )

    def health(self) -> Health:
        return assess_health(self.inputs(), self._clock.monotonic())

    async def report(self) -> StatusReport:
        """The status now; one query of the database at a time, with a timeout."""
        if self._query is None or self._query.done():
            self._query = asyncio.create_task(self.database_status())
        done, _ = await asyncio.wait([self._query], timeout=DATABASE_TIMEOUT)
        timeout = DatabaseStatus(f"the database has not answered for {DATABASE_TIMEOUT:g} s")
        database = self._query.result() if done else timeout
        inputs, health, now, monotonic = self.inputs(), self.health(), self._clock.now(), self._clock.monotonic()
        if database.error:
            health = replace(health, problems={HealthSignal.WORK: database.error, **health.problems})

        def wall_time(time: float | None) -> datetime | None:
            return None if time is None else now - timedelta(seconds=monotonic - time)

        report = StatusReport(
            now,
            health,
            since=now - timedelta(seconds=monotonic - inputs.since),
            completed_at=wall_time(inputs.completed_at),
            last_error=inputs.last_error,
            polls_chat=inputs.polls_chat,
            polled_at=wall_time(inputs.polled_at),
            database=database,
        )
        if self._loops is None:
            return report
        engine, chat = self._loops.engine, self._loops.chat
        counts = {"engine": dict(engine.counts), "dispatcher": dict(self._loops.dispatcher.counts)}
        baskets = (
            BasketStatus(basket.id, basket.name("en"), engine.evaluated_until.get(basket.id))
            for basket in engine.config.rulebook.baskets
        )
        return replace(
            report,
            checked_at=engine.checked_at,
            last_check=engine.last_check,
            baskets=tuple(baskets),
            counts=counts | ({"chat": dict(chat.counts)} if chat else {}),
        )

    async def database_status(self) -> DatabaseStatus:
        """The lease, the open incidents and, of an active process, the pending deliveries."""
        try:
            lease, waiting, oldest = await self._database.read(), None, None
            if self._loops is not None:
                waiting, oldest = await self._database.waiting(*self._loops.dispatcher.transports)
            return DatabaseStatus("", lease, waiting, oldest, tuple((await self._database.open_incidents()).values()))
        except StoreError as error:
            return DatabaseStatus(str(error))

    async def run(self, stop: asyncio.Event, notify: Callable[[Sequence[OperatorNotice]], Awaitable[None]]) -> None:
        """Until `stop`, notify the operators once when a health signal fails and once when it is back."""
        stopped = asyncio.ensure_future(stop.wait())
        while not (await asyncio.wait([stopped], timeout=CHECK_EVERY))[0]:
            try:
                await self.check(notify)
            except StoreError as error:
                log.info("the operators cannot be told how the bot is, the next look tries again: %s", error)

    async def check(self, notify: Callable[[Sequence[OperatorNotice]], Awaitable[None]]) -> None:
        """Notify the operators of the signals that changed. Raises StoreError; the next check repeats it then."""
        if self._incidents is None:
            stored = await self._database.open_incidents()
            self._incidents = {key: stored[key] for key in stored if key.kind is IncidentKind.UNHEALTHY}
        health = self.health()
        failing = {Incident(IncidentKind.UNHEALTHY, signal): problem for signal, problem in health.problems.items()}
        if health.starting:  # incidents from before the start may last
            failing = {incident: notice.detail for incident, notice in self._incidents.items()} | failing
        incidents, notices = update_incidents(self._incidents, failing, self._clock.now())
        if notices:
            await notify(notices)
        self._incidents = incidents


@dataclass(frozen=True, slots=True)
class OperatorNotifier:
    """Notifies the operators, by user `numbers`, in their private chats of `transport`; without any, the log only."""

    database: Database
    clock: Clock
    transport: str
    numbers: Collection[int]

    async def notify(self, notices: Sequence[OperatorNotice]) -> None:
        """Log the notices, and store them in the outbox like an alert: each survives a restart and is sent once.

        The open incidents are stored in the same transaction, so that their beginnings and ends stay pairs.
        """
        for notice in notices:
            log.warning("for the operators: %s", notice)
        of_incidents = [notice for notice in notices if isinstance(notice, IncidentNotice)]
        chats = [Destination(self.transport, str(number), ChatKind.PRIVATE) for number in sorted(self.numbers)]
        notifications = [self.notification(notice) for notice in notices] if chats else []
        if notifications or of_incidents:
            deliveries = [delivery for notification in notifications for delivery in route(notification, chats)]
            await self.database.commit({}, notifications, deliveries, notices=of_incidents)

    def notification(self, notice: OperatorNotice) -> Notification:
        """The notification of a notice; an unconfirmed alert keeps its text, with the reason above and no buttons."""
        if isinstance(notice, UnconfirmedNotice):
            symbols = ", ".join(notice.depends_on)
            reasons = {code: load_catalogue(code).say("unsure", symbols=symbols) for code in languages()}
            messages = (
                Message(message.language, (reasons[message.language], *message.lines))
                for message in notice.notification.messages
                if message.language in reasons
            )
            return replace(notice.notification, baskets=(), messages=tuple(messages))
        if isinstance(notice, UnevaluatedSessions):
            key = "unjudged/" + ",".join(f"{basket}/{day}" for basket, day in notice.sessions)
        else:
            incident, time, end = notice.incident, notice.ended or notice.since, "end" if notice.ended else "begin"
            key = f"notice/{incident.kind}/{incident.about}/{time.isoformat()}/{end}"
        now = self.clock.now()
        return Notification(
            key=NotificationKey(key),
            id="",
            baskets=(),
            severity=Severity.WARNING,
            session=now.date(),
            created=now,
            expires=now + NOTICE_MAX_AGE,
            messages=(Message("en", (load_catalogue("en").say("notice", text=str(notice)),)),),
        )
