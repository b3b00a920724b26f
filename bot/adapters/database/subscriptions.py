"""Which chats set themselves up, and what do they want to hear?"""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bot.adapters.database import chats, rows
from bot.adapters.database.chats import same
from bot.adapters.database.tables import chats as chats_table
from bot.adapters.database.tables import events, on_its_way, outbox, subscribers, wishes
from bot.adapters.database.transactions import Transactions
from bot.baskets import BasketId
from bot.delivery import Delivery, Subscriber


class Subscriptions(Transactions):
    """Chats that set themselves up."""

    async def subscriber(self, transport: str, chat: str) -> Subscriber | None:
        async with self._transaction() as connection:
            return await chats.subscriber(connection, transport, chat)

    async def keep(self, subscriber: Subscriber) -> None:
        """Store all of it, in the place of what was known of the chat; one that was gone is back.

        Raises ZoneInfoNotFoundError for a zone that nobody knows.
        """
        ZoneInfo(subscriber.zone)
        async with self._writing() as connection:
            # It speaks to us, so it is there and called so.
            await connection.execute(
                sa.delete(chats_table).where(*same(chats_table, subscriber.transport, subscriber.chat))
            )
            await chats.keep(connection, subscriber)

    async def erase(self, transport: str, chat: str) -> None:
        """Forget the chat and everything that was or is to be sent there, under the names it had before, too."""
        async with self._writing() as connection:
            everything = outbox.c.event.in_(sa.select(events.c.id))  # the index on a chat's messages begins with it
            for name in [chat, *await chats.former_names(connection, transport, chat)]:
                await chats.forget(connection, transport, name)
                for table, which in ((chats_table, ()), (outbox, (everything,))):
                    await connection.execute(sa.delete(table).where(*same(table, transport, name), *which))

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
                    .where(*same(outbox, transport, chat), on_its_way)
                )
            ).all()
            if basket is not None:
                left = await connection.scalars(sa.select(wishes.c.basket).where(*same(wishes, transport, chat)))
                others = set(left) - {basket}
                found = [row for row in found if basket in row.baskets and others.isdisjoint(row.baskets)]
            return await chats.give_up(connection, [row.id for row in found], reason)

    async def move(self, transport: str, old: str, new: str) -> None:
        """The chat `old` is now called `new`: its choices and what waits for it are found there."""
        if old != new:
            async with self._writing() as connection:
                await chats.move(connection, transport, old, new)

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
        query = rows.DELIVERIES.where(*same(outbox, transport, chat)).order_by(events.c.id.desc()).limit(limit)
        async with self._transaction() as connection:
            return list(map(rows.delivery, await connection.execute(query)))
