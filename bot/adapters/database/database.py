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
    bodies,
    events,
    judged_on,
    memories,
    outbox,
    pictures,
    under_way,
    waits,
)
from bot.alerts.episodes import Subject, SubjectState
from bot.delivery.attempts import ChatSignal, DeliveryStep
from bot.delivery.model import Delivery, DeliveryState, Notification, SendMode
from bot.engine.incidents import IncidentNotice
from bot.prices.bars import Symbol
from bot.prices.revisions import ClosesBySession

SWEEP = timedelta(seconds=10)  # between looks for what has expired; it is not handed out in any case
UNDELIVERED = (
    DeliveryState.PENDING,
    DeliveryState.SENDING,
    DeliveryState.UNCERTAIN,
    DeliveryState.FAILED,
    DeliveryState.EXPIRED,
)

FIRST = events.alias("first")
EVENTS = sa.select(events, FIRST.c.key.label("first")).outerjoin(FIRST, FIRST.c.id == events.c.original)


class Database(SubscriberMixin, OperatorMixin, LeaseMixin, operations.IncidentMixin):
    """Alert state, outbox, subscribers and troubles in one SQLite or PostgreSQL database."""

    _swept: datetime | None = None

    async def subject_states(self) -> dict[Subject, SubjectState]:
        """What is known of every subject ever judged."""
        async with self._transaction() as connection:
            return dict(map(rows.to_subject_state, await connection.execute(sa.select(memories))))

    async def evaluated_closes(self) -> dict[Symbol, ClosesBySession]:
        """The closes that the latest sessions were judged on, in order."""
        found: dict[Symbol, dict[date, float | None]] = {}
        async with self._transaction() as connection:
            for row in await connection.execute(sa.select(judged_on).order_by(judged_on.c.session)):
                found.setdefault(Symbol(row.symbol), {})[row.session] = row.close
        return dict(found)

    async def commit(
        self,
        known: Mapping[Subject, SubjectState],
        happened: Sequence[Notification],
        deliveries: Sequence[Delivery],
        subscribers_of: str | None = None,
        closes: Mapping[Symbol, ClosesBySession] | None = None,
        notices: Sequence[IncidentNotice] = (),
    ) -> int:
        """Store what is known of these subjects, these events with their deliveries, the closes that all that was
        judged on, and which troubles the operators know of after these notices: all of it or nothing.

        The deliveries are those of configured chats; with `subscribers_of` the subscribers of that transport hear the
        events too. An event whose key is stored already is left out with its deliveries; the answer is how many were.
        A chat that moved is written to where it is now; a configured one that is gone gets a delivery that has failed
        already. Events that edit, amend or answer earlier ones go where `Event` says; one that amends what has been
        replaced counts as known.
        """
        added = 0
        async with self._writing() as connection:
            await _remember(connection, known)
            await _note(connection, closes or {})
            await operations.record_incidents(connection, notices)
            for event in happened:
                known_already = sa.select(events.c.id).where(events.c.key == event.key)
                if await connection.scalar(known_already) is None and await _stands(connection, event):
                    await _tell(
                        connection, event, [one for one in deliveries if one.event == event.key], subscribers_of
                    )
                    added += 1
        self._swept = None  # an event may have ceased to be news before it came
        return len(happened) - added

    async def claim(self, transport: str, now: datetime, limit: int, resting: Collection[str] = ()) -> list[Delivery]:
        async with self._writing() as connection:
            swept = await self._sweep(connection, now)
            about = {"transport": transport, "now": now, "most": limit, "resting": tuple(resting)}
            due = [rows.to_delivery(row) for row in await connection.execute(CLAIM, about)]
            claimed = [one for one in due if one.mode is not SendMode.AMEND or one.is_edit]
            if len(claimed) < len(due):
                await connection.execute(VOID, {"ids": [one.id for one in due if one not in claimed]})
            if claimed:
                await connection.execute(TAKE, {"ids": [one.id for one in claimed]})
        self._swept = swept
        claimed.sort(key=lambda one: (not one.severe, one.kind, one.id))
        return [replace(one, state=DeliveryState.SENDING, not_before=None) for one in claimed]

    async def _sweep(self, connection: AsyncConnection, now: datetime) -> datetime:
        """What has waited past its expiry is over. The answer is until when that has been looked after."""
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
            # Of an erased delivery nothing is left, and its number may have been given to another.
            found = {(row.id, row.event, row.chat): row for row in await connection.execute(UNDER_WAY, ids)}
            names = [(step.delivery.id, step.delivery.event_number, step.chat) for step in steps]
            known = [(step, found[name]) for step, name in zip(steps, names, strict=True) if name in found]
            true = [_given_up(step, row.cancelled) for step, row in known]
            if true:
                changed = [{"row": step.delivery.id, **rows.pick(step.delivery, rows.CHANGING)} for step in true]
                await connection.execute(PROGRESS, changed)
                # To hear from a chat again says something only if something is noted of it.
                silent = {ChatSignal.NONE, ChatSignal.HEARD}
                telling = [
                    one for one, (_, row) in zip(true, known, strict=True) if row.noted or one.news not in silent
                ]
                await apply_chat_signals(connection, telling)

    async def orphans(self, transport: str) -> list[Delivery]:
        sending = (outbox.c.transport == transport) & (outbox.c.state == DeliveryState.SENDING)
        async with self._transaction() as connection:
            return list(map(rows.to_delivery, await connection.execute(rows.DELIVERIES.where(sending))))

    async def revive(self, transport: str, names: Collection[str]) -> None:
        """Write to these chats again, even those that were gone."""
        async with self._writing() as connection:
            await reset_chats(connection, transport, names)

    async def undelivered(self) -> list[Delivery]:
        """Everything that some chat has not certainly got, oldest first, with the reason where there is one."""
        short = outbox.c.state.in_(UNDELIVERED)
        async with self._transaction() as connection:
            found = await connection.execute(rows.DELIVERIES.where(short).order_by(outbox.c.id))
            return list(map(rows.to_delivery, found))

    async def counts(self, transport: str) -> dict[DeliveryState, int]:
        """How many deliveries are in each state that some are in."""
        query = sa.select(outbox.c.state, sa.func.count()).where(outbox.c.transport == transport)
        async with self._transaction() as connection:
            return dict((await connection.execute(query.group_by(outbox.c.state))).all())

    async def waiting(self, *transports: str) -> tuple[int, datetime | None]:
        """How many deliveries are pending or under way, and when the oldest of their events was due."""
        # Each part has an index of its own, which an OR of them would not use.
        parts = [
            sa.select(outbox.c.event).where(outbox.c.transport.in_(transports), part) for part in (waits, under_way)
        ]
        waiting = sa.union_all(*parts).subquery()
        query = (
            sa.select(sa.func.count(), sa.type_coerce(sa.func.min(events.c.created), UtcTime))
            .select_from(waiting)
            .join(events, events.c.id == waiting.c.event)
        )
        async with self._transaction() as connection:
            count, oldest = (await connection.execute(query)).one()
        return count, oldest

    async def told(self, event_number: int) -> Notification | None:
        """The event with this number (`Delivery.event_number`)."""
        async with self._transaction() as connection:
            return next(iter(await _events(connection, EVENTS.where(events.c.id == event_number))), None)

    async def picture(self, name: str) -> bytes | None:
        """The picture with this name (`Delivery.picture`); None = its event is no news any more."""
        async with self._transaction() as connection:
            found: bytes | None = await connection.scalar(sa.select(pictures.c.content).where(pictures.c.name == name))
        return found

    async def published(self, keys: Collection[str]) -> set[str]:
        """Those of `keys` whose events are stored."""
        async with self._transaction() as connection:
            return set(await connection.scalars(sa.select(events.c.key).where(events.c.key.in_(tuple(keys)))))

    async def told_of(self, shown_id: str, limit: int) -> list[Notification]:
        """The last `limit` events that people see under this id, newest first."""
        query = EVENTS.where(events.c.shown == shown_id).order_by(events.c.id.desc()).limit(limit)
        async with self._transaction() as connection:
            return await _events(connection, query)


async def migrate_database(url: str) -> None:
    """Create the tables at `url`, or bring them to this version; StoreError if they are newer or it cannot be."""
    database = await Database.open(url, upgrade=True)
    await database.close()


async def _remember(connection: AsyncConnection, known: Mapping[Subject, SubjectState]) -> None:
    if not known:
        return
    same = sa.and_(*(memories.c[name] == sa.bindparam(f"old_{name}") for name in rows.SUBJECT))
    old = [{f"old_{name}": value for name, value in rows.pick(subject, rows.SUBJECT).items()} for subject in known]
    await connection.execute(sa.delete(memories).where(same), old)
    await connection.execute(sa.insert(memories), [rows.subject_state_row(*item) for item in known.items()])


async def _note(connection: AsyncConnection, closes: Mapping[Symbol, ClosesBySession]) -> None:
    """What these symbols were judged on, in the place of what was noted of them."""
    if closes:
        await connection.execute(sa.delete(judged_on).where(judged_on.c.symbol.in_(tuple(closes))))
        noted = [
            {"symbol": symbol, "session": day, "close": close}
            for symbol, each in closes.items()
            for day, close in each.items()
        ]
        await connection.execute(sa.insert(judged_on), noted)


async def _tell(
    connection: AsyncConnection, event: Notification, deliveries: Sequence[Delivery], subscribers_of: str | None
) -> None:
    """Store a new event and its deliveries."""
    line = await _line(connection, event)
    silenced = await silence_reason(connection, event)
    number = await _add_event(connection, event, line, silenced)
    hours = await fanout.quiet_hours_at(connection, event.created)
    telling = fanout.Fanout(connection, event, number, line, hours, [one.chat for one in deliveries])
    if event.mode is SendMode.AMEND:
        await telling.amend()
        return
    wide = event.mode is not SendMode.REPLY and not silenced and not event.is_withdrawal
    if line is not None and event.mode is SendMode.EDIT:
        await telling.edit()
        if wide:
            await telling.replace()
        await telling.supersede()
    if line is not None and event.mode is SendMode.REPLY:
        await telling.reply()
    if wide:
        await telling.send(deliveries)
        if subscribers_of is not None:
            await telling.send_to_subscribers(subscribers_of)


async def _stands(connection: AsyncConnection, event: Notification) -> bool:
    """Whether what an event amends is still what its chats see; of every other event it is."""
    if event.mode is not SendMode.AMEND:
        return True
    line = sa.literal(await _line(connection, event), events.c.id.type)
    shown = sa.select(events.c.key).where(events.c.id.in_(rows.edit_chain(line)), events.c.manner != SendMode.REPLY)
    latest: str | None = await connection.scalar(shown.order_by(events.c.id.desc()).limit(1))
    return latest is not None and latest == event.original


async def _line(connection: AsyncConnection, event: Notification) -> int | None:
    """The number of the first of the events whose place `event` takes, or which it answers."""
    if event.original is None or event.mode is SendMode.SEND:
        return None
    first = sa.func.coalesce(events.c.original, events.c.id)
    found: int | None = await connection.scalar(sa.select(first).where(events.c.key == event.original))
    return found


async def _add_event(connection: AsyncConnection, event: Notification, line: int | None, silenced: str) -> int:
    row = rows.notification_row(event, line, silenced)
    number: int = (await connection.execute(sa.insert(events).returning(events.c.id), row)).scalar_one()
    shown = await (chart_names if event.mode is SendMode.AMEND else store_charts)(connection, event)
    texts = [
        {
            **rows.pick(one, ("language", "lines")),
            "event": number,
            "position": position,
            "picture": shown.get(one.language, ""),
        }
        for position, one in enumerate({one.language: one for one in event.messages}.values())
    ]
    await connection.execute(sa.insert(bodies), texts)
    return number


async def _events(connection: AsyncConnection, query: sa.Select[Any]) -> list[Notification]:
    """The events of a query of EVENTS, with their messages."""
    found = (await connection.execute(query)).all()
    texts = sa.select(bodies).where(bodies.c.event.in_([row.id for row in found])).order_by(bodies.c.position)
    written = (await connection.execute(texts)).all()
    return [rows.to_notification(row, [text for text in written if text.event == row.id]) for row in found]


def _given_up(step: DeliveryStep, why: str) -> DeliveryStep:
    """The step, but what its chat gave up on meanwhile is not tried again."""
    one = step.delivery
    if not why or one.not_before is None:
        return step
    state = DeliveryState.UNCERTAIN if one.unconfirmed else DeliveryState.FAILED
    return replace(step, delivery=replace(one, state=state, not_before=None, reason=why))
