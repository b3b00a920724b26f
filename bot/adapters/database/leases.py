"""How do several processes agree on the one that writes?"""

from __future__ import annotations

import sqlalchemy as sa

from bot.adapters.database.tables import lease
from bot.adapters.database.transactions import LEASE, Transactions
from bot.lease import Lease

MAKE = sa.text("INSERT INTO lease (name, holder, epoch, beat) VALUES (:name, '', 0, 0) ON CONFLICT DO NOTHING")
OURS = lease.c.name == LEASE


class Leasing(Transactions):
    """The lease (`bot.lease.Leases`), and from when it is taken the proof of it in every transaction that writes."""

    async def look(self) -> Lease | None:
        async with self._transaction() as connection:
            found = (await connection.execute(sa.select(lease).where(OURS))).first()
        return None if found is None else Lease(found.holder, found.epoch, found.beat)

    async def take(self, seen: Lease | None, holder: str) -> bool:
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
