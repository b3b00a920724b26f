"""What is a transaction, and who may write in one?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.adapters.database import engines, schema
from bot.adapters.database.refusals import refusal
from bot.adapters.database.tables import lease
from bot.errors import LeaseLost, StoreLost

LEASE = "bot"


class Transactions:
    """A database, one transaction at a time; every method raises StoreError, and then has done nothing."""

    def __init__(self, engine: AsyncEngine, place: str) -> None:
        """Use `open`; `place` is the database as error messages name it, without its password."""
        self._engine = engine
        self.place = place
        # SQLite has one writer. Waiting for it here costs nothing; waiting for it there is polling. PostgreSQL has
        # many, but then a chat could leave while an event is addressed to it.
        self._turn = asyncio.Lock()
        self._epoch: int | None = None

    @classmethod
    async def open(cls, url: str, *, upgrade: bool = False) -> Self:
        """The database at `url` ("sqlite:///bot.sqlite3", "sqlite://" in memory, "postgresql://user@host/database").

        Raises StoreError if its tables are not of this version; with `upgrade` they are created or brought to it,
        and only newer ones are refused.
        """
        engine, place = engines.engine_of(url)
        database = cls(engine, place)
        prepare = schema.upgrade if upgrade else schema.check
        try:
            if not upgrade:
                database._look()
            if path := engines.path_of(engine):
                await asyncio.to_thread(engines.probe, path, place)
            async with database._transaction() as connection:
                await connection.run_sync(prepare, place)
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        await self._engine.dispose()

    async def rehearse(self) -> None:
        """Write, without a change: SQLite, for one, opens and reads what may not be written."""
        async with self._transaction() as connection:
            await connection.execute(sa.delete(lease).where(sa.false()))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """All or nothing."""
        self._look()
        try:
            async with self._turn, self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise refusal(error.orig, self.place) from error

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes; LeaseLost if this database held the lease and somebody else has taken it."""
        async with self._transaction() as connection:
            if self._epoch is not None:
                # Until the end of this transaction nobody can take the lease.
                mine = sa.select(lease.c.epoch).where(lease.c.name == LEASE).with_for_update(read=True)
                if await connection.scalar(mine) != self._epoch:
                    raise LeaseLost(f"database {self.place}: another process has taken over; nothing was written")
            yield connection

    def _look(self) -> None:
        """SQLite would go on writing to a file that was deleted, and make one that is not there."""
        path = engines.path_of(self._engine)
        if path and not path.exists():
            raise StoreLost(f"database {self.place}: there is no such file. Restore it, or run: python -m bot migrate")
