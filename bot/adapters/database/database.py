"""Alert state, notifications and outbox in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import fanout, operations, rows
from bot.adapters.database.fanout import chart_names, store_charts
from bot.adapters.database.operations import LeaseMixin, OperatorMixin, SubscriberMixin, silence_reason
from bot.adapters.database.outbox import (
    CLAIM,
    DUE,
    EXPIRE,
    EXPIRED,
    FADE,
    PROGRESS,
    TAKE,
    UNDER_WAY,
    VOID,
    apply_chat_signals,
    reset_chats,
)
from bot.adapters.database.tables import (
    UtcTime,
    charts,
    evaluated_closes,
    notifications,
    outbox,
    subject_states,
    texts,
    under_way,
    waits,
)
from bot.alerts.episodes import Subject, SubjectState
from bot.delivery.attempts import ChatSignal, DeliveryStep
from bot.delivery.model import Delivery, DeliveryState, Notification, SendMode
from bot.engine.incidents import IncidentNotice
from bot.prices.bars import Symbol
from bot.prices.revisions import ClosesBySession

SWEEP = timedelta(seconds=10)  # between updates of expired deliveries; `claim` skips them in any case
UNDELIVERED = (
    DeliveryState.PENDING,
    DeliveryState.SENDING,
    DeliveryState.UNCERTAIN,
    DeliveryState.FAILED,
    DeliveryState.EXPIRED,
)

FIRST = notifications.alias("first")
EVENTS = sa.select(notifications, FIRST.c.key.label("first")).outerjoin(FIRST, FIRST.c.id == notifications.c.original)


class Database(SubscriberMixin, OperatorMixin, LeaseMixin, operations.IncidentMixin):
    """Alert state, outbox, subscribers and incidents in one SQLite or PostgreSQL database."""

    _swept: datetime | None = None

    async def subject_states(self) -> dict[Subject, SubjectState]:
        """The states of all subjects evaluated so far."""
        async with self._transaction() as connection:
            return dict(map(rows.to_subject_state, await connection.execute(sa.select(subject_states))))

    async def evaluated_closes(self) -> dict[Symbol, ClosesBySession]:
        """The closes of the latest evaluations, in the order of their sessions."""
        stored: dict[Symbol, dict[date, float | None]] = {}
        async with self._transaction() as connection:
            for row in await connection.execute(sa.select(evaluated_closes).order_by(evaluated_closes.c.session)):
                stored.setdefault(Symbol(row.symbol), {})[row.session] = row.close
        return dict(stored)

    async def commit(
        self,
        states: Mapping[Subject, SubjectState],
        happened: Sequence[Notification],
        deliveries: Sequence[Delivery],
        subscribers_of: str | None = None,
        closes: Mapping[Symbol, ClosesBySession] | None = None,
        notices: Sequence[IncidentNotice] = (),
    ) -> int:
        """Store states, notifications with deliveries, evaluated closes and notices of incidents: all or nothing.

        `deliveries` are those of configured chats; with `subscribers_of` the subscribers of that transport get the
        notifications too. A notification with a stored key, or one that amends a replaced one, is left out with its
        deliveries; returns their number. A chat that moved gets its delivery under its present name; a configured
        chat that is gone gets a failed one. Edits, amendments and replies go out as `Notification` says.
        """
        added = 0
        async with self._writing() as connection:
            if states:
                await _store_states(connection, states)
            if closes:
                await connection.execute(
                    sa.delete(evaluated_closes).where(evaluated_closes.c.symbol.in_(tuple(closes)))
                )
                by_session = [
                    {"symbol": symbol, "session": session, "close": close}
                    for symbol, of_symbol in closes.items()
                    for session, close in of_symbol.items()
                ]
                await connection.execute(sa.insert(evaluated_closes), by_session)
            await operations.record_incidents(connection, notices)
            for event in happened:
                stored = sa.select(notifications.c.id).where(notifications.c.key == event.key)
                if await connection.scalar(stored) is None and await _is_current(connection, event):
                    of_event = [delivery for delivery in deliveries if delivery.event == event.key]
                    await _publish(connection, event, of_event, subscribers_of)
                    added += 1
        self._swept = None  # a new notification may have expired already
        return len(happened) - added

    async def claim(self, transport: str, now: datetime, limit: int, resting: Collection[str] = ()) -> list[Delivery]:
        async with self._writing() as connection:
            swept = await self._sweep(connection, now)
            about = {"transport": transport, "now": now, "most": limit, "resting": tuple(resting)}
            due = [rows.to_delivery(row) for row in await connection.execute(CLAIM, about)]
            claimed = [delivery for delivery in due if delivery.mode is not SendMode.AMEND or delivery.is_edit]
            if len(claimed) < len(due):
                void = [delivery.id for delivery in due if delivery not in claimed]
                await connection.execute(VOID, {"ids": void})
            if claimed:
                await connection.execute(TAKE, {"ids": [delivery.id for delivery in claimed]})
        self._swept = swept
        claimed.sort(key=lambda delivery: (not delivery.severe, delivery.kind, delivery.id))
        return [replace(delivery, state=DeliveryState.SENDING, not_before=None) for delivery in claimed]

    async def _sweep(self, connection: AsyncConnection, now: datetime) -> datetime:
        """Expire deliveries and delete charts, unless done within SWEEP; returns the time of the last time that was."""
        since = self._swept
        if since is not None and abs(now - since) < SWEEP:
            return since
        if since is None or now < since or await connection.scalar(EXPIRED, {"since": since, "now": now}):
            for statement in (EXPIRE, FADE):
                await connection.execute(statement, {"now": now})
        return now

    async def due(self, transport: str, now: datetime) -> bool:
        about = {"transport": transport, "now": now, "most": 1, "resting": ()}
        async with self._transaction() as connection:
            return (await connection.execute(DUE, about)).first() is not None

    async def record(self, steps: Sequence[DeliveryStep]) -> None:
        if not steps:
            return
        async with self._writing() as connection:
            ids = {"ids": [step.delivery.id for step in steps]}
            # An erased delivery has no row, and its id may belong to another one by now.
            stored = {(row.id, row.event, row.chat): row for row in await connection.execute(UNDER_WAY, ids)}
            names = [(step.delivery.id, step.delivery.event_number, step.chat) for step in steps]
            matches = [(step, stored[name]) for step, name in zip(steps, names, strict=True) if name in stored]
            valid = [_cancelled(step, row.cancelled) for step, row in matches]
            if valid:
                changed = [{"row": step.delivery.id, **rows.pick(step.delivery, rows.CHANGING)} for step in valid]
                await connection.execute(PROGRESS, changed)
                # HEARD resets a record: it matters only to chats with one.
                silent = {ChatSignal.NONE, ChatSignal.HEARD}
                signals = [
                    step for step, (_, row) in zip(valid, matches, strict=True) if row.noted or step.news not in silent
                ]
                await apply_chat_signals(connection, signals)

    async def orphans(self, transport: str) -> list[Delivery]:
        sending = (outbox.c.transport == transport) & (outbox.c.state == DeliveryState.SENDING)
        async with self._transaction() as connection:
            return list(map(rows.to_delivery, await connection.execute(rows.DELIVERIES.where(sending))))

    async def revive(self, transport: str, names: Collection[str]) -> None:
        """Reset the absence of these chats, so that messages go there again."""
        async with self._writing() as connection:
            await reset_chats(connection, transport, names)

    async def undelivered(self) -> list[Delivery]:
        """All deliveries that may not have arrived, oldest first."""
        query = rows.DELIVERIES.where(outbox.c.state.in_(UNDELIVERED)).order_by(outbox.c.id)
        async with self._transaction() as connection:
            return list(map(rows.to_delivery, await connection.execute(query)))

    async def counts(self, transport: str) -> dict[DeliveryState, int]:
        """The number of deliveries by state; states without any are missing."""
        query = sa.select(outbox.c.state, sa.func.count()).where(outbox.c.transport == transport)
        async with self._transaction() as connection:
            return dict((await connection.execute(query.group_by(outbox.c.state))).all())

    async def waiting(self, *transports: str) -> tuple[int, datetime | None]:
        """The number of deliveries pending or under way, and the creation time of their oldest notification."""
        # Each part uses its own index; an OR of them would use none.
        parts = [
            sa.select(outbox.c.event).where(outbox.c.transport.in_(transports), part) for part in (waits, under_way)
        ]
        waiting = sa.union_all(*parts).subquery()
        query = (
            sa.select(sa.func.count(), sa.type_coerce(sa.func.min(notifications.c.created), UtcTime))
            .select_from(waiting)
            .join(notifications, notifications.c.id == waiting.c.event)
        )
        async with self._transaction() as connection:
            count, oldest = (await connection.execute(query)).one()
        return count, oldest

    async def told(self, event_number: int) -> Notification | None:
        """The notification with the id `Delivery.event_number`."""
        async with self._transaction() as connection:
            return next(iter(await _events(connection, EVENTS.where(notifications.c.id == event_number))), None)

    async def picture(self, name: str) -> bytes | None:
        """The chart with the name `Delivery.picture`; None = its notification has expired."""
        async with self._transaction() as connection:
            content: bytes | None = await connection.scalar(sa.select(charts.c.content).where(charts.c.name == name))
        return content

    async def published(self, keys: Collection[str]) -> set[str]:
        """The ones of `keys` with a stored notification."""
        async with self._transaction() as connection:
            return set(
                await connection.scalars(sa.select(notifications.c.key).where(notifications.c.key.in_(tuple(keys))))
            )

    async def told_of(self, shown_id: str, limit: int) -> list[Notification]:
        """The last `limit` notifications with this public id, newest first."""
        query = EVENTS.where(notifications.c.public_id == shown_id).order_by(notifications.c.id.desc()).limit(limit)
        async with self._transaction() as connection:
            return await _events(connection, query)


async def migrate_database(url: str) -> None:
    """Create or upgrade the tables at `url`; StoreError for newer tables and failures of the database."""
    database = await Database.open(url, upgrade=True)
    await database.close()


async def _store_states(connection: AsyncConnection, states: Mapping[Subject, SubjectState]) -> None:
    same = sa.and_(*(subject_states.c[name] == sa.bindparam(f"old_{name}") for name in rows.SUBJECT))
    old = [{f"old_{name}": value for name, value in rows.pick(subject, rows.SUBJECT).items()} for subject in states]
    await connection.execute(sa.delete(subject_states).where(same), old)
    await connection.execute(sa.insert(subject_states), [rows.subject_state_row(*item) for item in states.items()])


async def _publish(
    connection: AsyncConnection, event: Notification, deliveries: Sequence[Delivery], subscribers_of: str | None
) -> None:
    """Store a new notification and its deliveries."""
    line = await _line(connection, event)
    silenced = await silence_reason(connection, event)
    number = await _add_event(connection, event, line, silenced)
    hours = await fanout.quiet_hours_at(connection, event.created)
    out = fanout.Fanout(connection, event, number, line, hours, [delivery.chat for delivery in deliveries])
    if event.mode is SendMode.AMEND:
        await out.amend()
        return
    wide = event.mode is not SendMode.REPLY and not silenced and not event.is_withdrawal
    if line is not None and event.mode is SendMode.EDIT:
        await out.edit()
        if wide:
            await out.replace()
        await out.supersede()
    if line is not None and event.mode is SendMode.REPLY:
        await out.reply()
    if wide:
        await out.send(deliveries)
        if subscribers_of is not None:
            await out.send_to_subscribers(subscribers_of)


async def _is_current(connection: AsyncConnection, event: Notification) -> bool:
    """False for an amendment of a notification that is no longer the latest of its chain."""
    if event.mode is not SendMode.AMEND:
        return True
    line = sa.literal(await _line(connection, event), notifications.c.id.type)
    in_chain = notifications.c.id.in_(rows.edit_chain(line))
    keys = sa.select(notifications.c.key).where(in_chain, notifications.c.mode != SendMode.REPLY)
    latest: str | None = await connection.scalar(keys.order_by(notifications.c.id.desc()).limit(1))
    return latest is not None and latest == event.original


async def _line(connection: AsyncConnection, event: Notification) -> int | None:
    """The id of the first notification of the chain of `event`; None = it starts one."""
    if event.original is None or event.mode is SendMode.SEND:
        return None
    first = sa.func.coalesce(notifications.c.original, notifications.c.id)
    number: int | None = await connection.scalar(sa.select(first).where(notifications.c.key == event.original))
    return number


async def _add_event(connection: AsyncConnection, event: Notification, line: int | None, silenced: str) -> int:
    row = rows.notification_row(event, line, silenced)
    number: int = (await connection.execute(sa.insert(notifications).returning(notifications.c.id), row)).scalar_one()
    names = await (chart_names if event.mode is SendMode.AMEND else store_charts)(connection, event)
    by_language = {message.language: message for message in event.messages}
    new = [
        {
            "event": number,
            "language": language,
            "lines": message.lines,
            "position": position,
            "picture": names.get(language, ""),
        }
        for position, (language, message) in enumerate(by_language.items())
    ]
    await connection.execute(sa.insert(texts), new)
    return number


async def _events(connection: AsyncConnection, query: sa.Select[Any]) -> list[Notification]:
    """The notifications of a query of EVENTS, with their messages."""
    events = (await connection.execute(query)).all()
    query = sa.select(texts).where(texts.c.event.in_([row.id for row in events])).order_by(texts.c.position)
    messages = (await connection.execute(query)).all()
    return [rows.to_notification(row, [text for text in messages if text.event == row.id]) for row in events]


def _cancelled(step: DeliveryStep, reason: str) -> DeliveryStep:
    """The step without another attempt if its delivery was cancelled (for `reason`) while under way."""
    delivery = step.delivery
    if not reason or delivery.not_before is None:
        return step
    state = DeliveryState.UNCERTAIN if delivery.unconfirmed else DeliveryState.FAILED
    return replace(step, delivery=replace(delivery, state=state, not_before=None, reason=reason))
