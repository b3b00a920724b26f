"""Subscribers, chat records, notes, silences, incidents, lease row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import rows
from bot.adapters.database.connection import LEASE, TransactionalStore, replace_rows
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
    waits,
)
from bot.baskets import BasketId
from bot.delivery.attempts import ChatRecord
from bot.delivery.model import Delivery, DeliveryState, Note, Notification, Silence
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
            await connection.execute(sa.delete(chats).where(this))
            await save_subscriber(connection, subscriber)

    async def erase(self, transport: str, chat: str) -> None:
        """Delete the subscriber, the record and all deliveries of the chat, under its former names as well."""
        async with self._writing() as connection:
            # The index on the deliveries of a chat begins with the event.
            all_events = outbox.c.event.in_(sa.select(notifications.c.id))
            for name in [chat, *await former_names(connection, transport, chat)]:
                for table in (basket_subscriptions, subscribers, chats):
                    await connection.execute(sa.delete(table).where(chat_filter(table, transport, name)))
                await connection.execute(sa.delete(outbox).where(chat_filter(outbox, transport, name), all_events))

    async def cancel(self, transport: str, chat: str, reason: str, basket: BasketId | None = None) -> int:
        """Fail the waiting deliveries of the chat, for `reason`; their number.

        With a basket only notifications about it, and about no other basket that the chat subscribes to. A delivery
        under way may arrive; otherwise there is no other attempt.
        """
        async with self._writing() as connection:
            query = sa.select(outbox.c.id, notifications.c.baskets).where(notifications.c.id == outbox.c.event)
            query = query.where(chat_filter(outbox, transport, chat), on_its_way)
            deliveries = (await connection.execute(query)).all()
            if basket is not None:
                of_chat = chat_filter(basket_subscriptions, transport, chat)
                subscribed = await connection.scalars(sa.select(basket_subscriptions.c.basket).where(of_chat))
                others = set(subscribed) - {basket}
                deliveries = [row for row in deliveries if basket in row.baskets and others.isdisjoint(row.baskets)]
            these = sa.update(outbox).where(outbox.c.id.in_([row.id for row in deliveries]))
            await connection.execute(these.where(~waits).values(cancelled=reason))
            failed = these.where(waits).values(state=DeliveryState.FAILED, not_before=None, reason=reason)
            return (await connection.execute(failed)).rowcount

    async def move(self, transport: str, old: str, new: str) -> None:
        """Give the subscriber and the waiting deliveries of the chat `old` to the chat `new`."""
        if old != new:
            async with self._writing() as connection:
                await migrate_chat(connection, transport, old, new)

    async def widen(self, transport: str, baskets: Iterable[BasketId]) -> None:
        """Add the missing ones of these baskets to subscribers to all baskets, at their own minimal severity."""
        async with self._writing() as connection:
            for basket in baskets:
                row = {
                    "transport": subscribers.c.transport,
                    "chat": subscribers.c.chat,
                    "basket": sa.literal(basket),
                    "min_severity": subscribers.c.min_severity,
                }
                stored = sa.exists().where(
                    rows.same_chat(basket_subscriptions, subscribers), basket_subscriptions.c.basket == basket
                )
                of_all = (subscribers.c.transport == transport) & subscribers.c.all_baskets
                lacking = sa.select(*row.values()).where(of_all, ~stored)
                await connection.execute(sa.insert(basket_subscriptions).from_select(list(row), lacking))

    async def received(self, transport: str, chat: str, limit: int) -> list[Delivery]:
        """The last `limit` deliveries of the chat in any state, newest first."""
        query = rows.DELIVERIES.where(chat_filter(outbox, transport, chat))
        query = query.order_by(notifications.c.id.desc()).limit(limit)
        return list(map(rows.to_delivery, await self._rows(query)))


async def chat_records(connection: AsyncConnection) -> dict[tuple[str, str], ChatRecord]:
    """The stored records of chats, by transport and chat."""
    return {
        (row.transport, row.chat): rows.from_row(ChatRecord, row) for row in await connection.execute(sa.select(chats))
    }


def resolve_chat(records: Mapping[tuple[str, str], ChatRecord], transport: str, chat: str) -> tuple[str, bool]:
    """The present name of `chat`, and whether it is gone."""
    while moved_to := records.get((transport, chat), ChatRecord()).moved_to:
        chat = moved_to
    return chat, records.get((transport, chat), ChatRecord()).gone


async def reset_chats(connection: AsyncConnection, transport: str, names: Collection[str]) -> None:
    """Reset absence and refusals of these chats; their moves stay."""
    if names:
        these = (chats.c.transport == transport) & chats.c.chat.in_(tuple(names))
        await connection.execute(sa.update(chats).where(these).values(gone=False, refusals=0, refused_since=None))


async def save_chat(connection: AsyncConnection, transport: str, chat: str, record: ChatRecord) -> None:
    """Store the record of a chat in place of the stored one."""
    row = {"transport": transport, "chat": chat, **asdict(record)}
    await replace_rows(connection, chats, chat_filter(chats, transport, chat), [row])


async def migrate_chat(connection: AsyncConnection, transport: str, old: str, new: str) -> None:
    """Give subscriber and waiting deliveries of `old` to `new`, except of notifications that `new` has already."""
    await connection.execute(sa.delete(chats).where(chat_filter(chats, transport, new)))
    await save_chat(connection, transport, old, ChatRecord(moved_to=new))
    of_new = outbox.alias("of_new")
    twin = sa.exists().where(chat_filter(of_new, transport, new), of_new.c.event == outbox.c.event)
    waiting = sa.update(outbox).where(chat_filter(outbox, transport, old), waits)
    await connection.execute(
        waiting.where(twin).values(state=DeliveryState.SUPERSEDED, not_before=None, reason=f"{new} has it")
    )
    await connection.execute(waiting.values(chat=new))
    if before := await load_subscriber(connection, transport, old):
        for table in (basket_subscriptions, subscribers):
            await connection.execute(sa.delete(table).where(chat_filter(table, transport, old)))
        after = await load_subscriber(connection, transport, new)
        await save_subscriber(connection, after.merged_with(before) if after else replace(before, chat=new))


async def load_subscriber(connection: AsyncConnection, transport: str, chat: str) -> Subscriber | None:
    (stored, subscriptions) = [
        (await connection.execute(sa.select(table).where(chat_filter(table, transport, chat)))).all()
        for table in (subscribers, basket_subscriptions)
    ]
    return rows.to_subscriber(stored[0], subscriptions) if stored else None


async def save_subscriber(connection: AsyncConnection, subscriber: Subscriber) -> None:
    """Store the subscriber and its subscriptions in place of the stored ones."""
    new = {subscribers: [rows.subscriber_row(subscriber)], basket_subscriptions: rows.subscription_rows(subscriber)}
    for table, table_rows in new.items():
        this = chat_filter(table, subscriber.transport, subscriber.chat)
        await replace_rows(connection, table, this, table_rows)


async def former_names(connection: AsyncConnection, transport: str, chat: str) -> list[str]:
    """All earlier names of the chat, before its moves."""
    before = sa.select(chats.c.chat).where(chats.c.transport == transport, chats.c.moved_to == chat)
    names: list[str] = []
    for name in await connection.scalars(before):
        names += [name, *await former_names(connection, transport, name)]
    return names


def chat_filter(table: sa.FromClause, transport: str, chat: str) -> sa.ColumnElement[bool]:
    """The condition for the rows of this chat."""
    return (table.c.transport == transport) & (table.c.chat == chat)


class OperatorMixin(TransactionalStore):
    """Notes, silences and open incidents."""

    async def add_note(self, note: Note) -> None:
        async with self._writing() as connection:
            await connection.execute(sa.insert(notes), rows.to_row(notes, note, basket=note.basket or ""))

    async def notes(self, now: datetime) -> list[Note]:
        """The notes in force at `now`, in the order of their writing."""
        query = sa.select(notes).where(notes.c.written <= now, notes.c.until > now)
        stored = await self._rows(query.order_by(notes.c.written, notes.c.id))
        return [rows.from_row(Note, row, basket=row.basket or None) for row in stored]

    async def silence(self, basket: BasketId | None, until: datetime, reason: str) -> None:
        """Store a silence in place of the earlier one of the same basket (None = of all)."""
        row = {"basket": basket or "", "until": until, "reason": reason}
        async with self._writing() as connection:
            await replace_rows(connection, silences, silences.c.basket == row["basket"], [row])

    async def lift(self, basket: BasketId | None) -> bool:
        """End the silence of the basket (None = of all); False if there was none."""
        async with self._writing() as connection:
            ended = await connection.execute(sa.delete(silences).where(silences.c.basket == (basket or "")))
            return ended.rowcount > 0

    async def silences(self, now: datetime) -> list[Silence]:
        """The silences that have not ended at `now`, by basket."""
        return [rows.from_row(Silence, row, basket=row.basket or None) for row in await self._rows(active(now))]

    async def open_incidents(self) -> dict[Incident, IncidentNotice]:
        """The open incidents with their first notice, oldest first."""
        query = sa.select(incidents).order_by(incidents.c.since, incidents.c.state, incidents.c.about)
        opened = {Incident(IncidentKind(row.state), row.about): row for row in await self._rows(query)}
        return {incident: rows.from_row(IncidentNotice, row, incident=incident) for incident, row in opened.items()}


def active(now: datetime) -> sa.Select[Any]:
    """The silences that have not ended at `now`, by basket."""
    return sa.select(silences).where(silences.c.until > now).order_by(silences.c.basket)


async def silence_reason(connection: AsyncConnection, notification: Notification) -> str:
    """The reason of the silence over everything, or over every basket of a notification, when due; "" = no silence."""
    reasons: dict[str, str] = {row.basket: row.reason for row in await connection.execute(active(notification.created))}
    if "" in reasons:
        return reasons[""]
    baskets = notification.baskets
    return reasons[baskets[0]] if baskets and reasons.keys() >= set(baskets) else ""


async def record_incidents(connection: AsyncConnection, notices: Iterable[IncidentNotice]) -> None:
    """Store the incidents that began, delete the ones that ended."""
    for notice in notices:
        row = {"state": notice.incident.kind.value, "about": notice.incident.about, "since": notice.since}
        this = (incidents.c.state == row["state"]) & (incidents.c.about == row["about"])
        new = [] if notice.ended else [row | {"detail": notice.detail}]
        await replace_rows(connection, incidents, this, new)


CREATE_LEASE = sa.text("INSERT INTO lease (name, holder, epoch, beat) VALUES (:name, '', 0, 0) ON CONFLICT DO NOTHING")
OURS = lease.c.name == LEASE


class LeaseMixin(TransactionalStore):
    """The lease row (`bot.lease.LeaseStore`); after `acquire` every writing transaction checks its epoch."""

    async def read(self) -> Lease | None:
        stored = await self._rows(sa.select(lease).where(OURS))
        return rows.from_row(Lease, stored[0]) if stored else None

    async def acquire(self, seen: Lease | None, holder: str) -> bool:
        before = seen or Lease("", 0, 0)
        as_seen = (lease.c.holder == before.holder, lease.c.epoch == before.epoch, lease.c.beat == before.beat)
        taken = sa.update(lease).where(OURS, *as_seen).values(holder=holder, epoch=before.epoch + 1, beat=0)
        async with self._transaction() as connection:
            await connection.execute(CREATE_LEASE, {"name": LEASE})
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
