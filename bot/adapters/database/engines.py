"""How is a database reached, by its address?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.adapters.database.refusals import refusal
from bot.errors import StoreError

BUSY_MS = 5000
CONNECT_SECONDS = 5
IDLE_SECONDS = 5  # a process that stops in a transaction gives up its locks after so long
LIKE = "Write it like sqlite:///bot.sqlite3 or postgresql://user:password@host/database"


def engine_of(url: str) -> tuple[AsyncEngine, str]:
    """The engine for `url`, and its place as error messages name it: never with a password."""
    try:
        parsed = sa.make_url(url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres:") else url)
    except (ArgumentError, ValueError):
        raise StoreError(f"the database's address cannot be read. {LIKE}") from None
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed), parsed.database or "in memory"
        case "postgresql":
            return _postgresql(parsed), f"{parsed.database or ''} at {parsed.host or parsed.query.get('host', 'here')}"
        case kind:
            raise StoreError(f"databases of the kind {kind!r} are unknown. {LIKE}")


def path_of(engine: AsyncEngine) -> Path | None:
    """The file of an SQLite database that has one."""
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name and name != ":memory:" else None


def probe(path: Path, place: str) -> None:
    """Open an SQLite file once by ourselves: where that fails, aiosqlite leaves a thread that fails once more."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_MS / 1000)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise refusal(error, place) from error


def _sqlite(url: sa.URL) -> AsyncEngine:
    engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"), hide_parameters=True)
    sa.event.listen(engine.sync_engine, "connect", _set_pragmas)
    sa.event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _postgresql(url: sa.URL) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=1,  # one transaction at a time, as with SQLite
        pool_pre_ping=True,
        # Poolers that change the connection between transactions know nothing of prepared statements.
        connect_args={"connect_timeout": CONNECT_SECONDS, "prepare_threshold": None},
    )
    sa.event.listen(engine.sync_engine, "begin", _set_local)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_MS}", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later fails at once when another process wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_local(connection: sa.Connection) -> None:
    # For this transaction only: with a pooler the next one may have another connection. The planner does not know that
    # nearly everything that waits may be sent, and would rather sort all of it than read the first in their order. To
    # compile a statement takes a second, to run it milliseconds.
    connection.exec_driver_sql(
        f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'; "
        f"SET LOCAL lock_timeout = '{BUSY_MS}ms'; SET LOCAL enable_sort = off; SET LOCAL jit = off"
    )
