"""What did the operator order, and until when?"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import rows
from bot.adapters.database.tables import notes, silences
from bot.adapters.database.transactions import Transactions
from bot.baskets import BasketId
from bot.delivery import Event, Note, Silence


class Orders(Transactions):
    """Notes and silences."""

    async def add_note(self, note: Note) -> None:
        row = {"basket": note.basket or "", "text": note.text, "written": note.written, "until": note.until}
        async with self._writing() as connection:
            await connection.execute(sa.insert(notes), row)

    async def notes(self, now: datetime) -> list[Note]:
        """Those that hold at `now`, in the order of their writing."""
        holding = sa.select(notes).where(notes.c.written <= now, notes.c.until > now)
        async with self._transaction() as connection:
            return list(map(rows.note, await connection.execute(holding.order_by(notes.c.written, notes.c.id))))

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
            return await holding(connection, now)


async def holding(connection: AsyncConnection, now: datetime) -> list[Silence]:
    found = await connection.execute(sa.select(silences).where(silences.c.until > now).order_by(silences.c.basket))
    return list(map(rows.silence, found))


async def reason_for_silence(connection: AsyncConnection, event: Event) -> str:
    """Why nobody is told of `event`: everything, or each of its baskets, is silenced when it is due; "" = no reason."""
    reasons = {one.basket: one.reason for one in await holding(connection, event.created)}
    if None in reasons:
        return reasons[None]
    return reasons[event.baskets[0]] if event.baskets and reasons.keys() >= set(event.baskets) else ""


async def _lift(connection: AsyncConnection, basket: BasketId | None) -> bool:
    return (await connection.execute(sa.delete(silences).where(silences.c.basket == (basket or "")))).rowcount > 0
