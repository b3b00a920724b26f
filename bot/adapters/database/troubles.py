"""Which troubles have the operators heard of, and not of their end?"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database.tables import troubles
from bot.adapters.database.transactions import Transactions
from bot.watch import Notice, State, Trouble


class Troubles(Transactions):
    """What goes on, as it was told when it began."""

    async def troubles(self) -> dict[Trouble, Notice]:
        """Those that have not ended, oldest first."""
        query = sa.select(troubles).order_by(troubles.c.since, troubles.c.state, troubles.c.about)
        async with self._transaction() as connection:
            known = [(Trouble(State(row.state), row.about), row) for row in await connection.execute(query)]
        return {one: Notice(one, row.since, row.detail) for one, row in known}


async def note(connection: AsyncConnection, notices: Iterable[Notice]) -> None:
    """What has begun is kept, what has ended forgotten."""
    for one in notices:
        state, about = one.trouble.state.value, one.trouble.about
        await connection.execute(sa.delete(troubles).where(troubles.c.state == state, troubles.c.about == about))
        if one.ended is None:
            row = {"state": state, "about": about, "since": one.since, "detail": one.detail}
            await connection.execute(sa.insert(troubles), row)
