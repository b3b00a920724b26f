"""Subscribers, notes, silences, incidents, lease row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import rows
from bot.adapters.database.connection import LEASE, TransactionalStore
from bot.adapters.database.outbox import (
    chat_filter,
    delete_subscriber,
    fail_waiting,
    former_names,
    load_subscriber,
    migrate_chat,
    save_subscriber,
)
from bot.adapters.database.tables import (
    basket_subscriptions,
    chats,
    incidents,
    lease,
    notes,
    notifications,
    on_its_way,
    outbox,
    silences,
    subscribers,
)
from bot.baskets import BasketId
from bot.delivery.model import Delivery, Note, Notification, Silence
from bot.delivery.subscribers import Subscriber
from bot.engine.incidents import Incident, IncidentKind, IncidentNotice
from bot.lease import Lease


class SubscriberMixin(TransactionalStore):
    """Subscribers and the deliveries of their chats."""

    async def subscriber(self, transport: str, chat: str) -> Subscriber | None:
        async with self._transaction() as connection:
            return await load_subscriber(connection, transport, chat)

    async def keep(self, subscriber: Subscriber) -> None:
        """Store the subscriber in place of the stored one; a chat that was gone is back.

        Raises ZoneInfoNotFoundError for an unknown time zone.
        """
        ZoneInfo(subscriber.zone)
        async with self._writing() as connection:
            # The chat has just written, so it exists under this name.
            this = chat_filter(chats, subscriber.transport, subscriber.chat)
            await connection.execute(sa.delete(chats).where(*this))
            await save_subscriber(connection, subscriber)

    async def erase(self, transport: str, chat: str) -> None:
        """Delete the subscriber, the record and all deliveries of the chat, under its former names as well."""
        async with self._writing() as connection:
            # The index on the deliveries of a chat begins with the event.
            all_events = outbox.c.event.in_(sa.select(notifications.c.id))
            for name in [chat, *await former_names(connection, transport, chat)]:
                await delete_subscriber(connection, transport, name)
                await connection.execute(sa.delete(chats).where(*chat_filter(chats, transport, name)))
                await connection.execute(sa.delete(outbox).where(*chat_filter(outbox, transport, name), all_events))

    async def cancel(self, transport: str, chat: str, reason: str, basket: BasketId | None = None) -> int:
        """Fail the waiting deliveries of the chat, for `reason`; their number.

        With a basket only notifications about it, and about no other basket that the chat subscribes to. A delivery
        under way may arrive; otherwise there is no other attempt.
        """
        async with self._writing() as connection:
            query = sa.select(outbox.c.id, notifications.c.baskets).join(
                notifications, notifications.c.id == outbox.c.event
            )
            query = query.where(*chat_filter(outbox, transport, chat), on_its_way)
            deliveries = (await connection.execute(query)).all()
            if basket is not None:
                of_chat = chat_filter(basket_subscriptions, transport, chat)
                subscribed = await connection.scalars(sa.select(basket_subscriptions.c.basket).where(*of_chat))
                others = set(subscribed) - {basket}
                deliveries = [row for row in deliveries if basket in row.baskets and others.isdisjoint(row.baskets)]
            return await fail_waiting(connection, [row.id for row in deliveries], reason)

    async def move(self, transport: str, old: str, new: str) -> None:
        """Give the subscriber and the waiting deliveries of the chat `old` to the chat `new`."""
        if old != new:
            async with self._writing() as connection:
                await migrate_chat(connection, transport, old, new)

    async def widen(self, transport: str, baskets: Iterable[BasketId]) -> None:
        """Add the missing ones of these baskets to subscribers to all baskets, at their own minimal severity."""
        columns = ["transport", "chat", "basket", "min_severity"]
        async with self._writing() as connection:
            for basket in baskets:
                has = sa.exists().where(
                    rows.same_chat(basket_subscriptions, subscribers), basket_subscriptions.c.basket == basket
                )
                lacking = sa.select(
                    subscribers.c.transport, subscribers.c.chat, sa.literal(basket), subscribers.c.min_severity
                ).where(subscribers.c.transport == transport, subscribers.c.all_baskets, ~has)
                await connection.execute(sa.insert(basket_subscriptions).from_select(columns, lacking))

    async def received(self, transport: str, chat: str, limit: int) -> list[Delivery]:
        """The last `limit` deliveries of the chat in any state, newest first."""
        query = rows.DELIVERIES.where(*chat_filter(outbox, transport, chat))
        query = query.order_by(notifications.c.id.desc()).limit(limit)
        async with self._transaction() as connection:
            return list(map(rows.to_delivery, await connection.execute(query)))


class OperatorMixin(TransactionalStore):
    """Notes and silences."""

    async def add_note(self, note: Note) -> None:
        row = {"basket": note.basket or "", "text": note.text, "written": note.written, "until": note.until}
        async with self._writing() as connection:
            await connection.execute(sa.insert(notes), row)

    async def notes(self, now: datetime) -> list[Note]:
        """The notes in force at `now`, in the order of their writing."""
        query = sa.select(notes).where(notes.c.written <= now, notes.c.until > now)
        async with self._transaction() as connection:
            return list(map(rows.to_note, await connection.execute(query.order_by(notes.c.written, notes.c.id))))

    async def silence(self, basket: BasketId | None, until: datetime, reason: str) -> None:
        """Store a silence in place of the earlier one of the same basket (None = of all)."""
        async with self._writing() as connection:
            await _lift(connection, basket)
            await connection.execute(sa.insert(silences), {"basket": basket or "", "until": until, "reason": reason})

    async def lift(self, basket: BasketId | None) -> bool:
        """End the silence of the basket (None = of all); False if there was none."""
        async with self._writing() as connection:
            return await _lift(connection, basket)

    async def silences(self, now: datetime) -> list[Silence]:
        """The silences that have not ended at `now`."""
        async with self._transaction() as connection:
            return await active(connection, now)


async def active(connection: AsyncConnection, now: datetime) -> list[Silence]:
    """The silences that have not ended at `now`, by basket."""
    query = sa.select(silences).where(silences.c.until > now).order_by(silences.c.basket)
    return list(map(rows.to_silence, await connection.execute(query)))


async def silence_reason(connection: AsyncConnection, event: Notification) -> str:
    """The reason of the silence over everything, or over every basket of `event`, when it is due; "" = no silence."""
    reasons = {silence.basket: silence.reason for silence in await active(connection, event.created)}
    if None in reasons:
        return reasons[None]
    return reasons[event.baskets[0]] if event.baskets and reasons.keys() >= set(event.baskets) else ""


async def _lift(connection: AsyncConnection, basket: BasketId | None) -> bool:
    return (await connection.execute(sa.delete(silences).where(silences.c.basket == (basket or "")))).rowcount > 0


class IncidentMixin(TransactionalStore):
    """Open incidents with their first notice."""

    async def open_incidents(self) -> dict[Incident, IncidentNotice]:
        """The open incidents, oldest first."""
        query = sa.select(incidents).order_by(incidents.c.since, incidents.c.state, incidents.c.about)
        async with self._transaction() as connection:
            result = await connection.execute(query)
            stored = [
                IncidentNotice(Incident(IncidentKind(row.state), row.about), row.since, row.detail) for row in result
            ]
        return {notice.incident: notice for notice in stored}


async def record_incidents(connection: AsyncConnection, notices: Iterable[IncidentNotice]) -> None:
    """Store the incidents that began, delete the ones that ended."""
    for notice in notices:
        state, about = notice.incident.kind.value, notice.incident.about
        await connection.execute(sa.delete(incidents).where(incidents.c.state == state, incidents.c.about == about))
        if notice.ended is None:
            row = {"state": state, "about": about, "since": notice.since, "detail": notice.detail}
            await connection.execute(sa.insert(incidents), row)


MAKE = sa.text("INSERT INTO lease (name, holder, epoch, beat) VALUES (:name, '', 0, 0) ON CONFLICT DO NOTHING")
OURS = lease.c.name == LEASE


class LeaseMixin(TransactionalStore):
    """The lease row (`bot.lease.LeaseStore`); after `acquire` every writing transaction checks its epoch."""

    async def read(self) -> Lease | None:
        async with self._transaction() as connection:
            row = (await connection.execute(sa.select(lease).where(OURS))).first()
        return None if row is None else Lease(row.holder, row.epoch, row.beat)

    async def acquire(self, seen: Lease | None, holder: str) -> bool:
        before = seen or Lease("", 0, 0)
        as_seen = (lease.c.holder == before.holder, lease.c.epoch == before.epoch, lease.c.beat == before.beat)
        taken = sa.update(lease).where(OURS, *as_seen).values(holder=holder, epoch=before.epoch + 1, beat=0)
        async with self._transaction() as connection:
            await connection.execute(MAKE, {"name": LEASE})
            if (await connection.execute(taken)).rowcount == 0:
                return False
        self._epoch = before.epoch + 1
        return True

    async def renew(self) -> None:
        async with self._writing() as connection:
            await connection.execute(sa.update(lease).where(OURS).values(beat=lease.c.beat + 1))

    async def release(self) -> None:
        mine = sa.update(lease).where(OURS, lease.c.epoch == self._epoch)
        async with self._transaction() as connection:
            await connection.execute(mine.values(holder="", epoch=lease.c.epoch + 1))
