"""Claiming, outcomes and expiry of deliveries, and their counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database.connection import TransactionalStore
from bot.adapters.database.operations import chat_filter, migrate_chat, reset_chats, save_chat
from bot.adapters.database.rows import CHANGING, DELIVERIES, edit_chain, from_row, pick, same_chat, to_delivery
from bot.adapters.database.tables import UtcTime, charts, chats, notifications, outbox, under_way, waits
from bot.delivery.attempts import ChatRecord, ChatSignal, DeliveryStep, after_refusal
from bot.delivery.model import CHANGES, Delivery, DeliveryState, SendMode

SWEEP = timedelta(seconds=10)  # between updates of expired deliveries; `claim` skips them in any case
UNDELIVERED = (
    *(DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.UNCERTAIN),
    *(DeliveryState.FAILED, DeliveryState.EXPIRED),
)


def due_deliveries() -> sa.Select[Any]:
    """The ids of the first `most` deliveries due at `now` for `transport`, in the order of Outbox.claim.

    A chat gets its messages in order: only its first waiting delivery, and none while another is under way.
    """
    now = sa.bindparam("now", type_=outbox.c.expires.type)
    before, sending = outbox.alias("before"), outbox.alias("sending")
    has_sending = sa.select(sending.c.id).where(
        same_chat(sending, outbox), sending.c.state == sa.literal_column("'sending'")
    )
    earlier = before.c.id < outbox.c.id
    more_urgent = before.c.severe & ~outbox.c.severe
    as_urgent = before.c.severe == outbox.c.severe
    # An edit makes no sound: it overtakes deliveries kept for the end of quiet hours, except those of its chain.
    # Messages do not wait for edits and replies, as these may wait for a less urgent message.
    its_turn = outbox.c.mode.not_in(CHANGES) & (before.c.mode == SendMode.SEND) & (more_urgent | (as_urgent & earlier))
    original = sa.select(notifications.c.original).where(notifications.c.id == outbox.c.event).correlate(outbox)
    chain = edit_chain(original.scalar_subquery())
    its_chain = (outbox.c.mode != SendMode.SEND) & earlier & before.c.event.in_(chain)
    waits_before = sa.select(before.c.id).where(
        same_chat(before, outbox),
        before.c.not_before.is_not(None) & (before.c.expires > now),
        its_turn | its_chain,
    )
    return (
        sa.select(outbox.c.id)
        .where(outbox.c.transport == sa.bindparam("transport"), outbox.c.not_before <= now)
        .where(outbox.c.expires > now, outbox.c.chat.not_in(sa.bindparam("resting", expanding=True)))
        .where(is_empty(has_sending), is_empty(waits_before))
        .order_by(outbox.c.severe.desc(), outbox.c.kind, outbox.c.id)
        .limit(sa.bindparam("most"))
    )


def is_empty(query: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """NOT EXISTS in a form that PostgreSQL does not plan as a join of the whole table with itself."""
    return query.limit(1).correlate(outbox).scalar_subquery().is_(None)


# Built once: building takes longer than running.
DUE = due_deliveries()
# SKIP LOCKED is for PostgreSQL; SQLite has one writer and ignores it.
CLAIM = DELIVERIES.where(outbox.c.id.in_(DUE.with_for_update(skip_locked=True)))
# The deliveries under way, and whether their chats have a record to reset.
UNDER_WAY = sa.select(
    *(outbox.c[name] for name in ("id", "event", "chat", "cancelled")),
    sa.exists().where(same_chat(chats, outbox)).label("noted"),
).where(outbox.c.id.in_(sa.bindparam("ids", expanding=True)), outbox.c.state == DeliveryState.SENDING)
# Waiting deliveries past their expiry; an uncertain one stays uncertain, as a copy may have arrived.
EXPIRE = sa.update(outbox).where(waits, outbox.c.expires <= sa.bindparam("now"))
EXPIRE = EXPIRE.values(
    state=sa.case(
        (outbox.c.state != DeliveryState.UNCERTAIN, sa.literal(DeliveryState.EXPIRED, outbox.c.state.type)),
        else_=outbox.c.state,
    ),
    not_before=None,
    reason=sa.case((outbox.c.reason == "", "waited past its expiry"), else_=outbox.c.reason),
)
DELETE_CHARTS = sa.delete(charts).where(charts.c.expires <= sa.bindparam("now"))
# A notification that expired between two times: a cheap proxy for expired deliveries, which have the same expiry.
EXPIRED = (
    sa.select(notifications.c.id)
    .where(notifications.c.expires > sa.bindparam("since"), notifications.c.expires <= sa.bindparam("now"))
    .limit(1)
)
THESE = outbox.c.id.in_(sa.bindparam("ids", expanding=True))
# Amendments without a message to amend.
VOID = (
    sa.update(outbox)
    .where(THESE)
    .values(state=DeliveryState.SUPERSEDED, not_before=None, reason="there is no message to add it to")
)
TAKE = sa.update(outbox).where(THESE).values(state=DeliveryState.SENDING, not_before=None)
PROGRESS = (
    sa.update(outbox).where(outbox.c.id == sa.bindparam("row")).values({name: sa.bindparam(name) for name in CHANGING})
)


async def apply_chat_signal(connection: AsyncConnection, step: DeliveryStep) -> None:
    """Store the chat signal of a delivery step, and apply it to the waiting deliveries of the chat."""
    transport, chat = step.delivery.transport, step.chat
    match step.news:
        case ChatSignal.HEARD:
            await reset_chats(connection, transport, [chat])
        case ChatSignal.MOVED:
            await migrate_chat(connection, transport, chat, step.delivery.chat)
        case ChatSignal.GONE | ChatSignal.REFUSED:
            stored = (await connection.execute(sa.select(chats).where(chat_filter(chats, transport, chat)))).first()
            before = from_row(ChatRecord, stored) if stored else ChatRecord()
            record = ChatRecord(gone=True) if step.news is ChatSignal.GONE else after_refusal(before, step.at)
            await save_chat(connection, transport, chat, record)
            if record.gone:
                this = chat_filter(outbox, step.delivery.transport, step.delivery.chat)
                failed = {"state": DeliveryState.FAILED, "not_before": None, "reason": step.delivery.reason}
                await connection.execute(sa.update(outbox).where(this, waits).values(failed))


def without_cancelled_retry(step: DeliveryStep, reason: str) -> DeliveryStep:
    """The step without another attempt if its delivery was cancelled (for `reason`) while under way."""
    delivery = step.delivery
    if not reason or delivery.not_before is None:
        return step
    state = DeliveryState.UNCERTAIN if delivery.unconfirmed else DeliveryState.FAILED
    return replace(step, delivery=replace(delivery, state=state, not_before=None, reason=reason))


class OutboxMixin(TransactionalStore):
    """The outbox (`bot.delivery.attempts.Outbox`) and its counts."""

    _swept: datetime | None = None  # the last update of expired deliveries

    async def claim(self, transport: str, now: datetime, limit: int, resting: Collection[str] = ()) -> list[Delivery]:
        swept = self._swept
        async with self._writing() as connection:
            if swept is None or abs(now - swept) >= SWEEP:
                times = {"since": swept, "now": now}
                if swept is None or now < swept or await connection.scalar(EXPIRED, times):
                    await connection.execute(EXPIRE, {"now": now})
                    await connection.execute(DELETE_CHARTS, {"now": now})
                swept = now
            parameters = {"transport": transport, "now": now, "most": limit, "resting": tuple(resting)}
            due = [to_delivery(row) for row in await connection.execute(CLAIM, parameters)]
            claimed = [delivery for delivery in due if delivery.mode is not SendMode.AMEND or delivery.is_edit]
            if void := [delivery.id for delivery in due if delivery not in claimed]:
                await connection.execute(VOID, {"ids": void})
            if claimed:
                await connection.execute(TAKE, {"ids": [delivery.id for delivery in claimed]})
        self._swept = swept
        claimed.sort(key=lambda delivery: (not delivery.severe, delivery.kind, delivery.id))
        return [replace(delivery, state=DeliveryState.SENDING, not_before=None) for delivery in claimed]

    async def due(self, transport: str, now: datetime) -> bool:
        return bool(await self._rows(DUE, transport=transport, now=now, most=1, resting=()))

    async def record(self, steps: Sequence[DeliveryStep]) -> None:
        if not steps:
            return
        async with self._writing() as connection:
            ids = {"ids": [step.delivery.id for step in steps]}
            # An erased delivery has no row, and its id may belong to another one by now.
            stored = {(row.id, row.event, row.chat): row for row in await connection.execute(UNDER_WAY, ids)}
            matches = [(step, stored.get((step.delivery.id, step.delivery.event_number, step.chat))) for step in steps]
            valid = [(without_cancelled_retry(step, row.cancelled), row) for step, row in matches if row]
            if valid:
                deliveries = [step.delivery for step, _ in valid]
                await connection.execute(PROGRESS, [{"row": item.id, **pick(item, CHANGING)} for item in deliveries])
            for step, row in valid:
                if row.noted or step.news is not ChatSignal.HEARD:  # HEARD resets a record
                    await apply_chat_signal(connection, step)

    async def orphans(self, transport: str) -> list[Delivery]:
        sending = (outbox.c.transport == transport) & (outbox.c.state == DeliveryState.SENDING)
        return list(map(to_delivery, await self._rows(DELIVERIES.where(sending))))

    async def revive(self, transport: str, names: Collection[str]) -> None:
        """Reset the absence of these chats, so that messages go there again."""
        async with self._writing() as connection:
            await reset_chats(connection, transport, names)

    async def undelivered(self) -> list[Delivery]:
        """All deliveries that may not have arrived, oldest first."""
        query = DELIVERIES.where(outbox.c.state.in_(UNDELIVERED)).order_by(outbox.c.id)
        return list(map(to_delivery, await self._rows(query)))

    async def counts(self, transport: str) -> dict[DeliveryState, int]:
        """The number of deliveries by state; states without any are missing."""
        query = sa.select(outbox.c.state, sa.func.count()).where(outbox.c.transport == transport)
        return dict(map(tuple, await self._rows(query.group_by(outbox.c.state))))

    async def waiting(self, *transports: str) -> tuple[int, datetime | None]:
        """The number of deliveries pending or under way, and the creation time of their oldest notification."""
        events = sa.select(outbox.c.event).where(outbox.c.transport.in_(transports))
        # Each part uses its own index; an OR of them would use none.
        waiting = sa.union_all(events.where(waits), events.where(under_way)).subquery()
        oldest = sa.type_coerce(sa.func.min(notifications.c.created), UtcTime).label("oldest")
        query = sa.select(sa.func.count().label("number"), oldest)
        (row,) = await self._rows(query.join(waiting, notifications.c.id == waiting.c.event))
        return row.number, row.oldest
