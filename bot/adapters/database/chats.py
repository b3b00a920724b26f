"""What was learned of chats, and what does it do to the deliveries that wait for them?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import rows
from bot.adapters.database.tables import chats, outbox, subscribers, waits, wishes
from bot.delivery import Chat, Delivery, News, State, Step, Subscriber, after_refusal

Known = Mapping[tuple[str, str], Chat]


async def known(connection: AsyncConnection) -> Known:
    """All chats of which there is something to remember, by transport and name."""
    return {(row.transport, row.chat): rows.chat(row) for row in await connection.execute(sa.select(chats))}


def whereabouts(known: Known, transport: str, chat: str) -> tuple[str, bool]:
    """Where `chat` is now, and whether it is gone."""
    while there := known.get((transport, chat), Chat()).moved_to:
        chat = there
    return chat, known.get((transport, chat), Chat()).gone


async def revive(connection: AsyncConnection, transport: str, names: Collection[str]) -> None:
    """Forget that these chats were gone, and what they refused; where they moved stays known."""
    if names:
        these = (chats.c.transport == transport) & chats.c.chat.in_(tuple(names))
        await connection.execute(sa.update(chats).where(these).values(gone=False, refusals=0, refused_since=None))


async def learn(connection: AsyncConnection, steps: Sequence[Step]) -> None:
    """Store what steps say of their chats, and apply it to what waits there."""
    heard = [(step.delivery.transport, step.chat) for step in steps if step.news is News.HEARD]
    for transport in {transport for transport, _ in heard}:
        await revive(connection, transport, [chat for name, chat in heard if name == transport])
    for step in steps:
        match step.news:
            case News.GONE:
                await _put(connection, step.delivery.transport, step.chat, Chat(gone=True))
                await _drop(connection, step.delivery)
            case News.REFUSED:
                await _refuse(connection, step)
            case News.MOVED:
                await move(connection, step.delivery.transport, step.chat, step.delivery.chat)


async def _refuse(connection: AsyncConnection, step: Step) -> None:
    this = same(chats, step.delivery.transport, step.chat)
    before = (await connection.execute(sa.select(chats).where(*this))).first()
    chat = after_refusal(rows.chat(before), step.at)
    await _put(connection, step.delivery.transport, step.chat, chat)
    if chat.gone:
        await _drop(connection, step.delivery)


async def _drop(connection: AsyncConnection, one: Delivery) -> None:
    """What waits for a chat that is gone has failed, for the same reason."""
    waiting = sa.update(outbox).where(*same(outbox, one.transport, one.chat), waits)
    await connection.execute(waiting.values(state=State.FAILED, not_before=None, reason=one.reason))


async def move(connection: AsyncConnection, transport: str, old: str, new: str) -> None:
    """What is known of the old chat and what waits for it goes to the new one, unless that has the event already."""
    await connection.execute(sa.delete(chats).where(*same(chats, transport, new)))
    await _put(connection, transport, old, Chat(moved_to=new))
    there = outbox.alias("there")
    twin = sa.exists().where(*same(there, transport, new), there.c.event == outbox.c.event)
    waiting = sa.update(outbox).where(*same(outbox, transport, old), waits)
    await connection.execute(
        waiting.where(twin).values(state=State.SUPERSEDED, not_before=None, reason=f"{new} has it")
    )
    await connection.execute(waiting.values(chat=new))
    if before := await subscriber(connection, transport, old):
        await forget(connection, transport, old)
        after = await subscriber(connection, transport, new)
        await keep(connection, after.joined(before) if after else replace(before, chat=new))


async def give_up(connection: AsyncConnection, numbers: Collection[int], reason: str) -> int:
    """Those of these deliveries that wait have failed; what is under way is not tried again. How many failed?"""
    if not numbers:
        return 0
    meant = sa.update(outbox).where(outbox.c.id.in_(tuple(numbers)))
    await connection.execute(meant.where(~waits).values(cancelled=reason))
    failed = meant.where(waits).values(state=State.FAILED, not_before=None, reason=reason)
    return (await connection.execute(failed)).rowcount


async def subscriber(connection: AsyncConnection, transport: str, chat: str) -> Subscriber | None:
    found = (await connection.execute(sa.select(subscribers).where(*same(subscribers, transport, chat)))).first()
    wanted = await connection.execute(sa.select(wishes).where(*same(wishes, transport, chat)))
    return None if found is None else rows.subscriber(found, wanted)


async def keep(connection: AsyncConnection, one: Subscriber) -> None:
    await forget(connection, one.transport, one.chat)
    await connection.execute(sa.insert(subscribers), rows.subscriber_row(one))
    if one.wishes:
        await connection.execute(sa.insert(wishes), rows.wish_rows(one))


async def former_names(connection: AsyncConnection, transport: str, chat: str) -> list[str]:
    """What the chat was called before it moved, and before that."""
    before = sa.select(chats.c.chat).where(chats.c.transport == transport, chats.c.moved_to == chat)
    names: list[str] = []
    for name in await connection.scalars(before):
        names += [name, *await former_names(connection, transport, name)]
    return names


async def forget(connection: AsyncConnection, transport: str, chat: str) -> None:
    """No subscriber any more."""
    for table in (wishes, subscribers):
        await connection.execute(sa.delete(table).where(*same(table, transport, chat)))


async def _put(connection: AsyncConnection, transport: str, chat: str, what: Chat) -> None:
    await connection.execute(sa.delete(chats).where(*same(chats, transport, chat)))
    await connection.execute(sa.insert(chats).values(transport=transport, chat=chat, **asdict(what)))


def same(table: sa.FromClause, transport: str, chat: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The rows of this chat."""
    return table.c.transport == transport, table.c.chat == chat
