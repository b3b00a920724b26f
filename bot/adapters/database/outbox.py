"""Claiming, expiry, chat records."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import rows
from bot.adapters.database.rows import CHANGING, DELIVERIES, edit_chain, same_chat
from bot.adapters.database.tables import chats, events, outbox, pictures, subscribers, waits, wishes
from bot.delivery.attempts import ChatRecord, ChatSignal, DeliveryStep, after_refusal
from bot.delivery.model import CHANGES, Delivery, DeliveryState, SendMode
from bot.delivery.subscribers import Subscriber


def _due() -> sa.Select[Any]:
    """The numbers of what may be sent at `now` by `transport`, the first `most` of it (Outbox.claim has the order).

    To send a chat's messages one at a time and in order is to hand out only the first that waits in each chat, and
    none while one is under way.
    """
    now = sa.bindparam("now", type_=outbox.c.expires.type)
    before, flying = outbox.alias("before"), outbox.alias("flying")
    under_way = sa.select(flying.c.id).where(
        same_chat(flying, outbox),
        flying.c.state == sa.literal_column("'sending'"),
    )
    earlier = before.c.id < outbox.c.id
    more_urgent = before.c.severe & ~outbox.c.severe
    as_urgent = before.c.severe == outbox.c.severe
    # An edit makes no sound: it passes what is kept for the end of quiet hours, but never what it edits. Messages do
    # not wait for edits and replies, for these may wait for a less urgent message.
    its_turn = (
        outbox.c.manner.not_in(CHANGES) & (before.c.manner == SendMode.SEND) & (more_urgent | (as_urgent & earlier))
    )
    line = sa.select(events.c.original).where(events.c.id == outbox.c.event).correlate(outbox).scalar_subquery()
    its_line = (outbox.c.manner != SendMode.SEND) & earlier & before.c.event.in_(edit_chain(line))
    waits_before = sa.select(before.c.id).where(
        same_chat(before, outbox),
        before.c.not_before.is_not(None) & (before.c.expires > now),
        its_turn | its_line,
    )
    return (
        sa.select(outbox.c.id)
        .where(outbox.c.transport == sa.bindparam("transport"), outbox.c.not_before <= now)
        .where(outbox.c.expires > now, outbox.c.chat.not_in(sa.bindparam("resting", expanding=True)))
        .where(_none(under_way), _none(waits_before))
        .order_by(outbox.c.severe.desc(), outbox.c.kind, outbox.c.id)
        .limit(sa.bindparam("most"))
    )


def _none(found: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """NOT EXISTS in words that PostgreSQL does not take for a join of everything with everything."""
    return found.limit(1).correlate(outbox).scalar_subquery().is_(None)


def _expire() -> sa.Update:
    """What has waited until `now` past its expiry is over; it stays uncertain if a copy may have arrived."""
    uncertain = outbox.c.state == DeliveryState.UNCERTAIN
    return (
        sa.update(outbox)
        .where(waits, outbox.c.expires <= sa.bindparam("now"))
        .values(
            state=sa.case((uncertain, outbox.c.state), else_=sa.literal(DeliveryState.EXPIRED, outbox.c.state.type)),
            not_before=None,
            reason=sa.case((outbox.c.reason == "", "waited past its expiry"), else_=outbox.c.reason),
        )
    )


# Built once: to build them takes longer than to run them.
DUE = _due()
# SQLite has one writer, and no words for what is locked.
CLAIM = DELIVERIES.where(outbox.c.id.in_(DUE.with_for_update(skip_locked=True)))
# What an answer is for, and whether there is something of its chat to be forgotten when it is heard again.
UNDER_WAY = sa.select(
    *(outbox.c[name] for name in ("id", "event", "chat", "cancelled")),
    sa.exists().where(same_chat(chats, outbox)).label("noted"),
).where(outbox.c.id.in_(sa.bindparam("ids", expanding=True)), outbox.c.state == DeliveryState.SENDING)
EXPIRE = _expire()
FADE = sa.delete(pictures).where(pictures.c.expires <= sa.bindparam("now"))
# Whether an event ceased to be news: what waits has the expiry of its event, and is too much to look through often.
EXPIRED = (
    sa.select(events.c.id)
    .where(events.c.expires > sa.bindparam("since"), events.c.expires <= sa.bindparam("now"))
    .limit(1)
)
THESE = outbox.c.id.in_(sa.bindparam("ids", expanding=True))
# What was to be added to a message that is not there after all.
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
    """All chats of which there is something to remember, by transport and name."""
    return {(row.transport, row.chat): rows.to_chat_record(row) for row in await connection.execute(sa.select(chats))}


def resolve_chat(known: ChatRecords, transport: str, chat: str) -> tuple[str, bool]:
    """Where `chat` is now, and whether it is gone."""
    while there := known.get((transport, chat), ChatRecord()).moved_to:
        chat = there
    return chat, known.get((transport, chat), ChatRecord()).gone


async def reset_chats(connection: AsyncConnection, transport: str, names: Collection[str]) -> None:
    """Forget that these chats were gone, and what they refused; where they moved stays known."""
    if names:
        these = (chats.c.transport == transport) & chats.c.chat.in_(tuple(names))
        await connection.execute(sa.update(chats).where(these).values(gone=False, refusals=0, refused_since=None))


async def apply_chat_signals(connection: AsyncConnection, steps: Sequence[DeliveryStep]) -> None:
    """Store what steps say of their chats, and apply it to what waits there."""
    heard = [(step.delivery.transport, step.chat) for step in steps if step.news is ChatSignal.HEARD]
    for transport in {transport for transport, _ in heard}:
        await reset_chats(connection, transport, [chat for name, chat in heard if name == transport])
    for step in steps:
        match step.news:
            case ChatSignal.GONE:
                await _put(connection, step.delivery.transport, step.chat, ChatRecord(gone=True))
                await _drop(connection, step.delivery)
            case ChatSignal.REFUSED:
                await _refuse(connection, step)
            case ChatSignal.MOVED:
                await migrate_chat(connection, step.delivery.transport, step.chat, step.delivery.chat)


async def _refuse(connection: AsyncConnection, step: DeliveryStep) -> None:
    this = chat_filter(chats, step.delivery.transport, step.chat)
    before = (await connection.execute(sa.select(chats).where(*this))).first()
    chat = after_refusal(rows.to_chat_record(before), step.at)
    await _put(connection, step.delivery.transport, step.chat, chat)
    if chat.gone:
        await _drop(connection, step.delivery)


async def _drop(connection: AsyncConnection, one: Delivery) -> None:
    """What waits for a chat that is gone has failed, for the same reason."""
    waiting = sa.update(outbox).where(*chat_filter(outbox, one.transport, one.chat), waits)
    await connection.execute(waiting.values(state=DeliveryState.FAILED, not_before=None, reason=one.reason))


async def migrate_chat(connection: AsyncConnection, transport: str, old: str, new: str) -> None:
    """What is known of the old chat and what waits for it goes to the new one, unless that has the event already."""
    await connection.execute(sa.delete(chats).where(*chat_filter(chats, transport, new)))
    await _put(connection, transport, old, ChatRecord(moved_to=new))
    there = outbox.alias("there")
    twin = sa.exists().where(*chat_filter(there, transport, new), there.c.event == outbox.c.event)
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
    """Those of these deliveries that wait have failed; what is under way is not tried again. How many failed?"""
    if not numbers:
        return 0
    meant = sa.update(outbox).where(outbox.c.id.in_(tuple(numbers)))
    await connection.execute(meant.where(~waits).values(cancelled=reason))
    failed = meant.where(waits).values(state=DeliveryState.FAILED, not_before=None, reason=reason)
    return (await connection.execute(failed)).rowcount


async def load_subscriber(connection: AsyncConnection, transport: str, chat: str) -> Subscriber | None:
    found = (await connection.execute(sa.select(subscribers).where(*chat_filter(subscribers, transport, chat)))).first()
    wanted = await connection.execute(sa.select(wishes).where(*chat_filter(wishes, transport, chat)))
    return None if found is None else rows.to_subscriber(found, wanted)


async def save_subscriber(connection: AsyncConnection, one: Subscriber) -> None:
    await delete_subscriber(connection, one.transport, one.chat)
    await connection.execute(sa.insert(subscribers), rows.subscriber_row(one))
    if one.subscriptions:
        await connection.execute(sa.insert(wishes), rows.subscription_rows(one))


async def former_names(connection: AsyncConnection, transport: str, chat: str) -> list[str]:
    """What the chat was called before it moved, and before that."""
    before = sa.select(chats.c.chat).where(chats.c.transport == transport, chats.c.moved_to == chat)
    names: list[str] = []
    for name in await connection.scalars(before):
        names += [name, *await former_names(connection, transport, name)]
    return names


async def delete_subscriber(connection: AsyncConnection, transport: str, chat: str) -> None:
    """No subscriber any more."""
    for table in (wishes, subscribers):
        await connection.execute(sa.delete(table).where(*chat_filter(table, transport, chat)))


async def _put(connection: AsyncConnection, transport: str, chat: str, what: ChatRecord) -> None:
    await connection.execute(sa.delete(chats).where(*chat_filter(chats, transport, chat)))
    await connection.execute(sa.insert(chats).values(transport=transport, chat=chat, **asdict(what)))


def chat_filter(table: sa.FromClause, transport: str, chat: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The rows of this chat."""
    return table.c.transport == transport, table.c.chat == chat
