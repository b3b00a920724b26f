"""What was learned of chats, and what does it do to the deliveries that wait for them?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import rows
from bot.adapters.database.tables import chats, outbox
from bot.delivery import Chat, Delivery, News, State, Step, after_refusal

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
        same = (chats.c.transport == transport) & chats.c.chat.in_(tuple(names))
        await connection.execute(sa.update(chats).where(same).values(gone=False, refusals=0, refused_since=None))


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
                await _move(connection, step.delivery, step.chat)


async def _refuse(connection: AsyncConnection, step: Step) -> None:
    same = _same(chats, step.delivery.transport, step.chat)
    before = (await connection.execute(sa.select(chats).where(*same))).first()
    chat = after_refusal(rows.chat(before), step.at)
    await _put(connection, step.delivery.transport, step.chat, chat)
    if chat.gone:
        await _drop(connection, step.delivery)


async def _drop(connection: AsyncConnection, one: Delivery) -> None:
    """What waits for a chat that is gone has failed, for the same reason."""
    waiting = sa.update(outbox).where(*_same(outbox, one.transport, one.chat), outbox.c.not_before.is_not(None))
    await connection.execute(waiting.values(state=State.FAILED.value, not_before=None, reason=one.reason))


async def _move(connection: AsyncConnection, one: Delivery, old_chat: str) -> None:
    """What waits for the old chat goes to the new one, unless that has the event already."""
    await connection.execute(sa.delete(chats).where(*_same(chats, one.transport, one.chat)))
    await _put(connection, one.transport, old_chat, Chat(moved_to=one.chat))
    there = outbox.alias("there")
    twin = sa.exists().where(*_same(there, one.transport, one.chat), there.c.event == outbox.c.event)
    waiting = sa.update(outbox).where(*_same(outbox, one.transport, old_chat), outbox.c.not_before.is_not(None))
    await connection.execute(
        waiting.where(twin).values(state=State.SUPERSEDED.value, not_before=None, reason=f"{one.chat} has it")
    )
    await connection.execute(waiting.values(chat=one.chat))


async def _put(connection: AsyncConnection, transport: str, chat: str, what: Chat) -> None:
    await connection.execute(sa.delete(chats).where(*_same(chats, transport, chat)))
    await connection.execute(sa.insert(chats).values(transport=transport, chat=chat, **asdict(what)))


def _same(table: sa.FromClause, transport: str, chat: str) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.transport == transport, table.c.chat == chat
