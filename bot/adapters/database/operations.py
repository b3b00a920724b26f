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
from bot.adapters.database.tables import chats as chats_table
from bot.adapters.database.tables import (
    events,
    lease,
    notes,
    on_its_way,
    outbox,
    silences,
    subscribers,
    troubles,
    wishes,
)
from bot.baskets import BasketId
from bot.delivery.model import Delivery, Note, Notification, Silence
from bot.delivery.subscribers import Subscriber
from bot.engine.incidents import Incident, IncidentKind, IncidentNotice
from bot.lease import Lease


class SubscriberMixin(TransactionalStore):
    """Chats that set themselves up."""

    async def subscriber(self, transport: str, chat: str) -> Subscriber | None:
        async with self._transaction() as connection:
            return await load_subscriber(connection, transport, chat)

    async def keep(self, subscriber: Subscriber) -> None:
        """Store all of it, in the place of what was known of the chat; one that was gone is back.

        Raises ZoneInfoNotFoundError for a zone that nobody knows.
        """
        ZoneInfo(subscriber.zone)
        async with self._writing() as connection:
            # It speaks to us, so it is there and called so.
            await connection.execute(
                sa.delete(chats_table).where(*chat_filter(chats_table, subscriber.transport, subscriber.chat))
            )
            await save_subscriber(connection, subscriber)

    async def erase(self, transport: str, chat: str) -> None:
        """Forget the chat and everything that was or is to be sent there, under the names it had before, too."""
        async with self._writing() as connection:
            everything = outbox.c.event.in_(sa.select(events.c.id))  # the index on a chat's messages begins with it
            for name in [chat, *await former_names(connection, transport, chat)]:
                await delete_subscriber(connection, transport, name)
                for table, which in ((chats_table, ()), (outbox, (everything,))):
                    await connection.execute(sa.delete(table).where(*chat_filter(table, transport, name), *which))

    async def cancel(self, transport: str, chat: str, reason: str, basket: BasketId | None = None) -> int:
        """What waits for the chat has failed, for `reason`; the answer is how many that are.

        With a basket only events about it, and about no other for which the chat has a wish. What is under way may
        arrive; if it does not, it is not tried again.
        """
        async with self._writing() as connection:
            found = (
                await connection.execute(
                    sa.select(outbox.c.id, events.c.baskets)
                    .join(events, events.c.id == outbox.c.event)
                    .where(*chat_filter(outbox, transport, chat), on_its_way)
                )
            ).all()
            if basket is not None:
                left = await connection.scalars(sa.select(wishes.c.basket).where(*chat_filter(wishes, transport, chat)))
                others = set(left) - {basket}
                found = [row for row in found if basket in row.baskets and others.isdisjoint(row.baskets)]
            return await fail_waiting(connection, [row.id for row in found], reason)

    async def move(self, transport: str, old: str, new: str) -> None:
        """The chat `old` is now called `new`: its choices and what waits for it are found there."""
        if old != new:
            async with self._writing() as connection:
                await migrate_chat(connection, transport, old, new)

    async def widen(self, transport: str, baskets: Iterable[BasketId]) -> None:
        """Chats that want everything get a wish for each of these baskets that they lack, at their own level."""
        async with self._writing() as connection:
            for basket in baskets:
                has = sa.exists().where(
                    rows.same_chat(wishes, subscribers),
                    wishes.c.basket == basket,
                )
                lacking = sa.select(
                    subscribers.c.transport, subscribers.c.chat, sa.literal(basket), subscribers.c.lowest
                ).where(subscribers.c.transport == transport, subscribers.c.everything, ~has)
                await connection.execute(
                    sa.insert(wishes).from_select(["transport", "chat", "basket", "lowest"], lacking)
                )

    async def received(self, transport: str, chat: str, limit: int) -> list[Delivery]:
        """The chat's last `limit` deliveries in whatever state, newest first."""
        query = rows.DELIVERIES.where(*chat_filter(outbox, transport, chat)).order_by(events.c.id.desc()).limit(limit)
        async with self._transaction() as connection:
            return list(map(rows.to_delivery, await connection.execute(query)))


class OperatorMixin(TransactionalStore):
    """Notes and silences."""

    async def add_note(self, note: Note) -> None:
        row = {"basket": note.basket or "", "text": note.text, "written": note.written, "until": note.until}
        async with self._writing() as connection:
            await connection.execute(sa.insert(notes), row)

    async def notes(self, now: datetime) -> list[Note]:
        """Those that hold at `now`, in the order of their writing."""
        holding = sa.select(notes).where(notes.c.written <= now, notes.c.until > now)
        async with self._transaction() as connection:
            return list(map(rows.to_note, await connection.execute(holding.order_by(notes.c.written, notes.c.id))))

    async def silence(self, basket: BasketId | None, until: datetime, reason: str) -> None:
        """In the place of an earlier silence of the same basket (None = of all)."""
        async with self._writing() as connection:
            await _lift(connection, basket)
            await connection.execute(sa.insert(silences), {"basket": basket or "", "until": until, "reason": reason})

    async def lift(self, basket: BasketId | None) -> bool:
        """End this silence; whether there was one."""
        async with self._writing() as connection:
            return await _lift(connection, basket)

    async def silences(self, now: datetime) -> list[Silence]:
        """Those that have not ended at `now`."""
        async with self._transaction() as connection:
            return await active(connection, now)


async def active(connection: AsyncConnection, now: datetime) -> list[Silence]:
    found = await connection.execute(sa.select(silences).where(silences.c.until > now).order_by(silences.c.basket))
    return list(map(rows.to_silence, found))


async def silence_reason(connection: AsyncConnection, event: Notification) -> str:
    """Why nobody is told of `event`: everything, or each of its baskets, is silenced when it is due; "" = no reason."""
    reasons = {one.basket: one.reason for one in await active(connection, event.created)}
    if None in reasons:
        return reasons[None]
    return reasons[event.baskets[0]] if event.baskets and reasons.keys() >= set(event.baskets) else ""


async def _lift(connection: AsyncConnection, basket: BasketId | None) -> bool:
    return (await connection.execute(sa.delete(silences).where(silences.c.basket == (basket or "")))).rowcount > 0


class IncidentMixin(TransactionalStore):
    """What goes on, as it was told when it began."""

    async def open_incidents(self) -> dict[Incident, IncidentNotice]:
        """Those that have not ended, oldest first."""
        query = sa.select(troubles).order_by(troubles.c.since, troubles.c.state, troubles.c.about)
        async with self._transaction() as connection:
            known = [(Incident(IncidentKind(row.state), row.about), row) for row in await connection.execute(query)]
        return {one: IncidentNotice(one, row.since, row.detail) for one, row in known}


async def record_incidents(connection: AsyncConnection, notices: Iterable[IncidentNotice]) -> None:
    """What has begun is kept, what has ended forgotten."""
    for one in notices:
        state, about = one.incident.kind.value, one.incident.about
        await connection.execute(sa.delete(troubles).where(troubles.c.state == state, troubles.c.about == about))
        if one.ended is None:
            row = {"state": state, "about": about, "since": one.since, "detail": one.detail}
            await connection.execute(sa.insert(troubles), row)


MAKE = sa.text("INSERT INTO lease (name, holder, epoch, beat) VALUES (:name, '', 0, 0) ON CONFLICT DO NOTHING")
OURS = lease.c.name == LEASE


class LeaseMixin(TransactionalStore):
    """The lease row (`bot.lease.LeaseStore`), and once acquired the proof of it in every transaction that writes."""

    async def read(self) -> Lease | None:
        async with self._transaction() as connection:
            found = (await connection.execute(sa.select(lease).where(OURS))).first()
        return None if found is None else Lease(found.holder, found.epoch, found.beat)

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
