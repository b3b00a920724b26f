"""Where are alert state and outbox kept, so that neither is ever there without the other?"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.adapters.database import chats, claims, rows, schema
from bot.adapters.database.refusals import refusal
from bot.adapters.database.tables import bodies, events, memories, outbox
from bot.alerts.episodes import Memory, Subject
from bot.delivery import Delivery, Event, State, Step
from bot.errors import StoreError

BUSY_MS = 5000
SWEEP = timedelta(seconds=10)  # between looks for what has expired; it is not handed out in any case
UNDELIVERED = (State.PENDING, State.SENDING, State.UNCERTAIN, State.FAILED, State.EXPIRED)


class Database:
    """Alert state and outbox in one SQLite file; every method raises StoreError, and then has done nothing."""

    def __init__(self, engine: AsyncEngine, place: str) -> None:
        """Use `open`; `place` is the file as error messages name it."""
        self._engine = engine
        self._place = place
        # SQLite has one writer. Waiting for it here costs nothing; waiting for it there is polling.
        self._turn = asyncio.Lock()
        self._swept: datetime | None = None

    @classmethod
    async def open(cls, url: str, *, upgrade: bool = False) -> Self:
        """The database at `url` ("sqlite:///bot.sqlite3", "sqlite://" for one in memory).

        Raises StoreError if its tables are not of this version; with `upgrade` they are created or brought to it,
        and only newer ones are refused.
        """
        engine, place = _engine(url)
        database = cls(engine, place)
        prepare = schema.upgrade if upgrade else schema.check
        try:
            if not upgrade:
                database._look()
            await asyncio.to_thread(database._probe)
            async with database._transaction() as connection:
                await connection.run_sync(prepare, place)
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        await self._engine.dispose()

    async def memories(self) -> dict[Subject, Memory]:
        """What is known of every subject ever judged."""
        async with self._transaction() as connection:
            return dict(map(rows.memory, await connection.execute(sa.select(memories))))

    async def commit(
        self, known: Mapping[Subject, Memory], happened: Sequence[Event], deliveries: Sequence[Delivery]
    ) -> int:
        """Store what is known of these subjects, these events and their deliveries, all of it or nothing.

        An event whose key is stored already is left out with its deliveries; the answer is how many were. A chat
        that moved is written to where it is now; one that is gone gets a delivery that has failed already.
        """
        async with self._transaction() as connection:
            await _remember(connection, known)
            numbers = await _add_events(connection, happened)
            await _add_deliveries(connection, deliveries, numbers)
        return len(happened) - len(numbers)

    async def claim(self, transport: str, now: datetime, limit: int, resting: Collection[str] = ()) -> list[Delivery]:
        async with self._transaction() as connection:
            if self._swept is None or abs(now - self._swept) >= SWEEP:
                await connection.execute(claims.EXPIRE, {"now": now})
                self._swept = now
            about = {"transport": transport, "now": now, "most": limit, "resting": tuple(resting)}
            claimed = [rows.delivery(row) for row in await connection.execute(claims.DUE, about)]
            if claimed:
                await connection.execute(claims.TAKE, {"ids": [one.id for one in claimed]})
        return [replace(one, state=State.SENDING, not_before=None) for one in claimed]

    async def due(self, transport: str, now: datetime) -> bool:
        about = {"transport": transport, "now": now, "most": 1, "resting": ()}
        async with self._transaction() as connection:
            return (await connection.execute(claims.DUE, about)).first() is not None

    async def record(self, steps: Sequence[Step]) -> None:
        if not steps:
            return
        async with self._transaction() as connection:
            changed = [{"row": step.delivery.id, **rows.progress(step.delivery)} for step in steps]
            await connection.execute(claims.PROGRESS, changed)
            await chats.learn(connection, steps)

    async def orphans(self, transport: str) -> list[Delivery]:
        sending = (outbox.c.transport == transport) & (outbox.c.state == State.SENDING.value)
        async with self._transaction() as connection:
            return list(map(rows.delivery, await connection.execute(rows.DELIVERIES.where(sending))))

    async def revive(self, transport: str, names: Collection[str]) -> None:
        """Write to these chats again, even those that were gone."""
        async with self._transaction() as connection:
            await chats.revive(connection, transport, names)

    async def undelivered(self) -> list[Delivery]:
        """Everything that some chat has not certainly got, oldest first, with the reason where there is one."""
        short = outbox.c.state.in_([state.value for state in UNDELIVERED])
        async with self._transaction() as connection:
            found = await connection.execute(rows.DELIVERIES.where(short).order_by(outbox.c.id))
            return list(map(rows.delivery, found))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """All or nothing."""
        self._look()
        try:
            async with self._turn, self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise refusal(error.orig, self._place) from error

    @property
    def _path(self) -> Path | None:
        name = self._engine.url.database
        return Path(name) if name and name != ":memory:" else None

    def _look(self) -> None:
        """SQLite would go on writing to a file that was deleted, and make one that is not there."""
        if self._path and not self._path.exists():
            raise StoreError(
                f"database {self._place}: there is no such file. Restore it, or run: python -m bot migrate"
            )

    def _probe(self) -> None:
        """Open it once by ourselves: where that fails, aiosqlite leaves a thread behind that fails once more."""
        if self._path:
            try:
                with closing(sqlite3.connect(self._path, timeout=BUSY_MS / 1000)) as connection:
                    connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.Error as error:
                raise refusal(error, self._place) from error


async def migrate(url: str) -> None:
    """Create the tables at `url`, or bring them to this version; StoreError if they are newer or it cannot be."""
    database = await Database.open(url, upgrade=True)
    await database.close()


async def _remember(connection: AsyncConnection, known: Mapping[Subject, Memory]) -> None:
    if not known:
        return
    same = sa.and_(*(memories.c[name] == sa.bindparam(f"old_{name}") for name in rows.SUBJECT))
    old = [{f"old_{name}": value for name, value in rows.subject_row(subject).items()} for subject in known]
    await connection.execute(sa.delete(memories).where(same), old)
    await connection.execute(sa.insert(memories), [rows.memory_row(*item) for item in known.items()])


async def _add_events(connection: AsyncConnection, happened: Sequence[Event]) -> dict[str, int]:
    """The numbers of those events that are new, by key."""
    numbers: dict[str, int] = {}
    for event in happened:
        if event.key in numbers or await connection.scalar(sa.select(events.c.id).where(events.c.key == event.key)):
            continue
        (number,) = (await connection.execute(sa.insert(events).returning(events.c.id), rows.event_row(event))).one()
        numbers[event.key] = number
        texts = [
            {"event": number, "language": one.language, "lines": list(one.lines)}
            for one in {one.language: one for one in event.messages}.values()
        ]
        await connection.execute(sa.insert(bodies), texts)
    return numbers


async def _add_deliveries(connection: AsyncConnection, deliveries: Sequence[Delivery], numbers: dict[str, int]) -> None:
    known = await chats.known(connection)
    new: dict[tuple[Any, ...], rows.Row] = {}
    for one in deliveries:
        if one.event not in numbers:
            continue
        chat, gone = chats.whereabouts(known, one.transport, one.chat)
        number = numbers[one.event]
        row = rows.outbox_row(one, number) | {"chat": chat}
        if gone:
            row |= {"state": State.FAILED.value, "not_before": None, "reason": "the chat is gone"}
        new.setdefault((number, one.transport, chat), row)
    if new:
        await connection.execute(sa.insert(outbox), list(new.values()))


def _engine(url: str) -> tuple[AsyncEngine, str]:
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise StoreError("the database's address cannot be read. Write it like sqlite:///bot.sqlite3") from None
    if parsed.get_backend_name() != "sqlite":
        raise StoreError(
            f"databases of the kind {parsed.get_backend_name()!r} are unknown. Use one like sqlite:///bot.sqlite3"
        )
    engine = create_async_engine(parsed.set(drivername="sqlite+aiosqlite"), hide_parameters=True)
    sa.event.listen(engine.sync_engine, "connect", _on_connect)
    sa.event.listen(engine.sync_engine, "begin", _on_begin)
    return engine, parsed.database or "in memory"


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_MS}", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later fails at once when another process wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
