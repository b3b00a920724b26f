"""Claiming, expiry, chat records."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import rows
from bot.adapters.database.rows import CHANGING, DELIVERIES, edit_chain, same_chat
from bot.adapters.database.tables import basket_subscriptions, charts, chats, notifications, outbox, subscribers, waits
from bot.delivery.attempts import ChatRecord, ChatSignal, DeliveryStep, after_refusal
from bot.delivery.model import CHANGES, Delivery, DeliveryState, SendMode
from bot.delivery.subscribers import Subscriber


def _due() -> sa.Select[Any]:
    """The ids of the first `most` deliveries due at `now` for `transport`, in the order of Outbox.claim.

    A chat gets its messages in order: only its first waiting delivery, and none while another is under way.
    """
    now = sa.bindparam("now", type_=outbox.c.expires.type)
    before, sending = outbox.alias("before"), outbox.alias("sending")
    under_way = sa.select(sending.c.id).where(
        same_chat(sending, outbox), sending.c.state == sa.literal_column("'sending'")
    )
    earlier = before.c.id < outbox.c.id
    more_urgent = before.c.severe & ~outbox.c.severe
    as_urgent = before.c.severe == outbox.c.severe
    # An edit makes no sound: it overtakes deliveries kept for the end of quiet hours, except those of its chain.
    # Messages do not wait for edits and replies, as these may wait for a less urgent message.
    its_turn = outbox.c.mode.not_in(CHANGES) & (before.c.mode == SendMode.SEND) & (more_urgent | (as_urgent & earlier))
    line = (
        sa.select(notifications.c.original)
        .where(notifications.c.id == outbox.c.event)
        .correlate(outbox)
        .scalar_subquery()
    )
    its_chain = (outbox.c.mode != SendMode.SEND) & earlier & before.c.event.in_(edit_chain(line))
    waits_before = sa.select(before.c.id).where(
        same_chat(before, outbox),
        before.c.not_before.is_not(None) & (before.c.expires > now),
        its_turn | its_chain,
    )
    return (
        sa.select(outbox.c.id)
        .where(outbox.c.transport == sa.bindparam("transport"), outbox.c.not_before <= now)
        .where(outbox.c.expires > now, outbox.c.chat.not_in(sa.bindparam("resting", expanding=True)))
        .where(_none(under_way), _none(waits_before))
        .order_by(outbox.c.severe.desc(), outbox.c.kind, outbox.c.id)
        .limit(sa.bindparam("most"))
    )


def _none(rows_of: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """NOT EXISTS in a form that PostgreSQL does not plan as a join of the whole table with itself."""
    return rows_of.limit(1).correlate(outbox).scalar_subquery().is_(None)


# Built once: building takes longer than running.
DUE = _due()
# SKIP LOCKED is for PostgreSQL; SQLite has one writer and ignores it.
CLAIM = DELIVERIES.where(outbox.c.id.in_(DUE.with_for_update(skip_locked=True)))
# The deliveries under way, and whether their chats have a record to reset.
UNDER_WAY = sa.select(
    *(outbox.c[name] for name in ("id", "event", "chat", "cancelled")),
    sa.exists().where(same_chat(chats, outbox)).label("noted"),
).where(outbox.c.id.in_(sa.bindparam("ids", expanding=True)), outbox.c.state == DeliveryState.SENDING)
# Waiting deliveries past their expiry; an uncertain one stays uncertain, as a copy may have arrived.
EXPIRE = (
    sa.update(outbox)
    .where(waits, outbox.c.expires <= sa.bindparam("now"))
    .values(
        state=sa.case(
            (outbox.c.state == DeliveryState.UNCERTAIN, outbox.c.state),
            else_=sa.literal(DeliveryState.EXPIRED, outbox.c.state.type),
        ),
        not_before=None,
        reason=sa.case((outbox.c.reason == "", "waited past its expiry"), else_=outbox.c.reason),
    )
)
FADE = sa.delete(charts).where(charts.c.expires <= sa.bindparam("now"))
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


ChatRecords = Mapping[tuple[str, str], ChatRecord]


async def chat_records(connection: AsyncConnection) -> ChatRecords:
    """The stored records of chats, by transport and chat."""
    return {(row.transport, row.chat): rows.to_chat_record(row) for row in await connection.execute(sa.select(chats))}


def resolve_chat(records: ChatRecords, transport: str, chat: str) -> tuple[str, bool]:
    """The present name of `chat`, and whether it is gone."""
    while moved_to := records.get((transport, chat), ChatRecord()).moved_to:
        chat = moved_to
    return chat, records.get((transport, chat), ChatRecord()).gone


async def reset_chats(connection: AsyncConnection, transport: str, names: Collection[str]) -> None:
    """Reset absence and refusals of these chats; their moves stay."""
    if names:
        these = (chats.c.transport == transport) & chats.c.chat.in_(tuple(names))
        await connection.execute(sa.update(chats).where(these).values(gone=False, refusals=0, refused_since=None))


async def apply_chat_signals(connection: AsyncConnection, steps: Sequence[DeliveryStep]) -> None:
    """Store the chat signals of delivery steps, and apply them to the waiting deliveries of these chats."""
    heard = [(step.delivery.transport, step.chat) for step in steps if step.news is ChatSignal.HEARD]
    for transport in {transport for transport, _ in heard}:
        await reset_chats(connection, transport, [chat for name, chat in heard if name == transport])
    for step in steps:
        match step.news:
            case ChatSignal.GONE:
                await _put(connection, step.delivery.transport, step.chat, ChatRecord(gone=True))
                await _drop(connection, step.delivery)
            case ChatSignal.REFUSED:
                this = chat_filter(chats, step.delivery.transport, step.chat)
                stored = (await connection.execute(sa.select(chats).where(*this))).first()
                record = after_refusal(rows.to_chat_record(stored), step.at)
                await _put(connection, step.delivery.transport, step.chat, record)
                if record.gone:
                    await _drop(connection, step.delivery)
            case ChatSignal.MOVED:
                await migrate_chat(connection, step.delivery.transport, step.chat, step.delivery.chat)


async def _drop(connection: AsyncConnection, delivery: Delivery) -> None:
    """Fail the waiting deliveries of a chat that is gone, for the reason of `delivery`."""
    waiting = sa.update(outbox).where(*chat_filter(outbox, delivery.transport, delivery.chat), waits)
    await connection.execute(waiting.values(state=DeliveryState.FAILED, not_before=None, reason=delivery.reason))


async def migrate_chat(connection: AsyncConnection, transport: str, old: str, new: str) -> None:
    """Give subscriber and waiting deliveries of `old` to `new`, except of notifications that `new` has already."""
    await connection.execute(sa.delete(chats).where(*chat_filter(chats, transport, new)))
    await _put(connection, transport, old, ChatRecord(moved_to=new))
    of_new = outbox.alias("of_new")
    twin = sa.exists().where(*chat_filter(of_new, transport, new), of_new.c.event == outbox.c.event)
    waiting = sa.update(outbox).where(*chat_filter(outbox, transport, old), waits)
    await connection.execute(
        waiting.where(twin).values(state=DeliveryState.SUPERSEDED, not_before=None, reason=f"{new} has it")
    )
    await connection.execute(waiting.values(chat=new))
    if before := await load_subscriber(connection, transport, old):
        await delete_subscriber(connection, transport, old)
        after = await load_subscriber(connection, transport, new)
        await save_subscriber(connection, after.merged_with(before) if after else replace(before, chat=new))


async def fail_waiting(connection: AsyncConnection, numbers: Collection[int], reason: str) -> int:
    """Fail the waiting ones of these deliveries, let the others try no more; the number of failed ones."""
    if not numbers:
        return 0
    update = sa.update(outbox).where(outbox.c.id.in_(tuple(numbers)))
    await connection.execute(update.where(~waits).values(cancelled=reason))
    failed = update.where(waits).values(state=DeliveryState.FAILED, not_before=None, reason=reason)
    return (await connection.execute(failed)).rowcount


async def load_subscriber(connection: AsyncConnection, transport: str, chat: str) -> Subscriber | None:
    row = (await connection.execute(sa.select(subscribers).where(*chat_filter(subscribers, transport, chat)))).first()
    baskets = await connection.execute(
        sa.select(basket_subscriptions).where(*chat_filter(basket_subscriptions, transport, chat))
    )
    return None if row is None else rows.to_subscriber(row, baskets)


async def save_subscriber(connection: AsyncConnection, subscriber: Subscriber) -> None:
    await delete_subscriber(connection, subscriber.transport, subscriber.chat)
    await connection.execute(sa.insert(subscribers), rows.subscriber_row(subscriber))
    if subscriber.subscriptions:
        await connection.execute(sa.insert(basket_subscriptions), rows.subscription_rows(subscriber))


async def former_names(connection: AsyncConnection, transport: str, chat: str) -> list[str]:
    """All earlier names of the chat, before its moves."""
    before = sa.select(chats.c.chat).where(chats.c.transport == transport, chats.c.moved_to == chat)
    names: list[str] = []
    for name in await connection.scalars(before):
        names += [name, *await former_names(connection, transport, name)]
    return names


async def delete_subscriber(connection: AsyncConnection, transport: str, chat: str) -> None:
    """Delete the subscriber and its subscriptions."""
    for table in (basket_subscriptions, subscribers):
        await connection.execute(sa.delete(table).where(*chat_filter(table, transport, chat)))


async def _put(connection: AsyncConnection, transport: str, chat: str, record: ChatRecord) -> None:
    await connection.execute(sa.delete(chats).where(*chat_filter(chats, transport, chat)))
    await connection.execute(sa.insert(chats).values(transport=transport, chat=chat, **asdict(record)))


def chat_filter(table: sa.FromClause, transport: str, chat: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions for the rows of this chat."""
    return table.c.transport == transport, table.c.chat == chat
