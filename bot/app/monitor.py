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
    """The loops of an active process; without Telegram nobody is polled."""

    engine: Engine
    dispatcher: Dispatcher
    chat: ChatService | None = None


class HealthMonitor:
    """Reports on the loops of this process, or on none while it stands by.

    `settings` are those of the start: the pace of the loops does not change before the next one.
    """

    def __init__(self, settings: Settings, clock: Clock, database: Database, lease: LeaderLease) -> None:
        self._settings = settings
        self._clock = clock
        self._database = database
        self._lease = lease
        self._query: asyncio.Task[DatabaseStatus] | None = None
        self.begin(None)

    def begin(self, loops: RunningLoops | None) -> None:
        """From now on these loops are reported on; None = this process stands by."""
        self._loops, self._since = loops, self._clock.monotonic()
        self._incidents: OpenIncidents | None = None  # not read yet

    async def close(self) -> None:
        """Wait for the database."""
        if self._query is not None:
            await asyncio.wait([self._query])

    def inputs(self) -> HealthInputs:
        if self._loops is None:
            return HealthInputs(self._since, active=False, failing=tuple(filter(None, [self._lease.trouble])))
        engine, dispatcher, chat = self._loops.engine, self._loops.dispatcher, self._loops.chat
        failing = [self._lease.trouble, dispatcher.last_error, engine.last_error if engine.internal_error else ""]
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
            polled_at=None if chat is None else chat.polled_at,
            failing=tuple(filter(None, failing)),
        )

    def health(self) -> Health:
        return assess_health(self.inputs(), self._clock.monotonic())

    async def report(self) -> StatusReport:
        """The status now; the database is asked once at a time, and not waited for long."""
        if self._query is None or self._query.done():
            self._query = asyncio.create_task(self._database_status())
        done, _ = await asyncio.wait([self._query], timeout=DATABASE_TIMEOUT)
        timeout = DatabaseStatus(f"the database has not answered for {DATABASE_TIMEOUT:g} s")
        database = self._query.result() if done else timeout
        inputs, health = self.inputs(), self.health()
        if database.error:
            health = replace(health, problems={HealthSignal.WORK: database.error, **health.problems})
        report = StatusReport(
            now=self._clock.now(),
            health=health,
            since=self._wall_time(inputs.since),
            completed_at=None if inputs.completed_at is None else self._wall_time(inputs.completed_at),
            last_error=inputs.last_error,
            polls_chat=inputs.polls_chat,
            polled_at=None if inputs.polled_at is None else self._wall_time(inputs.polled_at),
            database=database,
        )
        if self._loops is None:
            return report
        engine, dispatcher, chat = self._loops.engine, self._loops.dispatcher, self._loops.chat
        counts = {"engine": dict(engine.counts), "dispatcher": dict(dispatcher.counts)}
        if chat is not None:
            counts["chat"] = dict(chat.counts)
        baskets = engine.config.rulebook.baskets
        return replace(
            report,
            checked_at=engine.checked_at,
            last_check=engine.last_check,
            baskets=tuple(
                BasketStatus(basket.id, basket.name("en"), engine.evaluated_until.get(basket.id)) for basket in baskets
            ),
            counts=counts,
        )

    async def run(self, stop: asyncio.Event, notify: Callable[[Sequence[OperatorNotice]], Awaitable[None]]) -> None:
        """Until `stop`, notify the operators once when a health signal fails and once when it is back."""
        stopped = asyncio.ensure_future(stop.wait())
        while not (await asyncio.wait([stopped], timeout=CHECK_EVERY))[0]:
            try:
                await self.check(notify)
            except StoreError as error:
                log.info("the operators cannot be told how the bot is, the next look tries again: %s", error)

    async def check(self, notify: Callable[[Sequence[OperatorNotice]], Awaitable[None]]) -> None:
        """Notify the operators of the signals that changed; raises StoreError, and then the next check does."""
        if self._incidents is None:
            self._incidents = OpenIncidents(await self._database.open_incidents()).about_bot(True)
        health = self.health()
        failing = {Incident(IncidentKind.UNHEALTHY, signal): problem for signal, problem in health.problems.items()}
        if health.starting:  # what was wrong before the start may be so still
            failing = {incident: was.detail for incident, was in self._incidents.notices.items()} | failing
        incidents, notices = self._incidents.updated(failing, self._clock.now())
        if notices:
            await notify(notices)
        self._incidents = incidents

    async def _database_status(self) -> DatabaseStatus:
        transports = () if self._loops is None else self._loops.dispatcher.transports
        try:
            return await read_database_status(self._database, *transports)
        except StoreError as error:
            return DatabaseStatus(str(error))

    def _wall_time(self, moment: float) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic() - moment)


async def read_database_status(database: Database, *transports: str) -> DatabaseStatus:
    """The lease, the open incidents and the pending deliveries of `transports` (none: not asked); raises StoreError."""
    lease = await database.read()
    waiting, oldest = await database.waiting(*transports) if transports else (None, None)
    return DatabaseStatus("", lease, waiting, oldest, tuple((await database.open_incidents()).values()))


@dataclass(frozen=True, slots=True)
class OperatorNotifier:
    """Notifies the operators in their private chats of `transport`, by `numbers`; without any, the log alone has it."""

    database: Database
    clock: Clock
    transport: str
    numbers: Collection[int]

    async def notify(self, notices: Sequence[OperatorNotice]) -> None:
        """Log the notices, and store them in the outbox like an alert: each survives a restart and is sent once.

        Which incidents are open is stored in the same transaction, so that their beginnings and ends stay pairs.
        """
        for notice in notices:
            log.warning("for the operators: %s", notice)
        of_incidents = [notice for notice in notices if isinstance(notice, IncidentNotice)]
        chats = [Destination(self.transport, str(number), ChatKind.PRIVATE) for number in sorted(self.numbers)]
        events = [self._event(notice) for notice in notices] if chats else []
        if events or of_incidents:
            deliveries = [delivery for event in events for delivery in route(event, chats)]
            await self.database.commit({}, events, deliveries, notices=of_incidents)

    def _event(self, notice: OperatorNotice) -> Notification:
        if isinstance(notice, UnconfirmedNotice):
            return _unconfirmed(notice)
        if isinstance(notice, UnevaluatedSessions):
            key = "unjudged/" + ",".join(f"{basket}/{day}" for basket, day in notice.sessions)
        else:
            incident, when = notice.incident, notice.ended or notice.since
            end = "end" if notice.ended else "begin"
            key = f"notice/{incident.kind}/{incident.about}/{when.isoformat()}/{end}"
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


def _unconfirmed(notice: UnconfirmedNotice) -> Notification:
    """The alert that no chat gets, with the reason above it; without buttons, for it is no alert."""
    symbols = ", ".join(notice.depends_on)
    messages = (
        Message(message.language, (load_catalogue(message.language).say("unsure", symbols=symbols), *message.lines))
        for message in notice.notification.messages
        if message.language in languages()
    )
    return replace(notice.notification, baskets=(), messages=tuple(messages))
