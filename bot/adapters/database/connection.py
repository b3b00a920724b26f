"""Engine, transactions, lease check, schema version, errors, where a file may lie."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.adapters.database.tables import METADATA, lease
from bot.errors import LeaseLost, SchemaMismatch, StoreError, StoreLost

BUSY_MS = 5000
CONNECT_SECONDS = 5
IDLE_SECONDS = 5  # a process that stops in a transaction gives up its locks after so long
LIKE = "Write it like sqlite:///bot.sqlite3 or postgresql://user:password@host/database"


def open_engine(url: str) -> tuple[AsyncEngine, str]:
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


def sqlite_path(engine: AsyncEngine) -> Path | None:
    """The file of an SQLite database that has one."""
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name and name != ":memory:" else None


def probe_sqlite(path: Path, place: str) -> None:
    """Open an SQLite file once by ourselves: where that fails, aiosqlite leaves a thread that fails once more."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_MS / 1000)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise store_error(error, place) from error


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


LEASE = "bot"


class TransactionalStore:
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
        engine, place = open_engine(url)
        database = cls(engine, place)
        prepare = upgrade_schema if upgrade else check_schema
        try:
            if not upgrade:
                database._look()
            if path := sqlite_path(engine):
                await asyncio.to_thread(probe_sqlite, path, place)
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
            raise store_error(error.orig, self.place) from error

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
        path = sqlite_path(self._engine)
        if path and not path.exists():
            raise StoreLost(f"database {self.place}: there is no such file. Restore it, or run: python -m bot migrate")


T = TypeVar("T")
# Beginnings of SQLite's names of its errors -> what is wrong, and what to do.
SQLITE = {
    "SQLITE_FULL": "the disk is full. Free some space; nothing is lost, and the bot goes on by itself",
    "SQLITE_BUSY": "another program holds it locked. End that program, or wait; the bot tries again by itself",
    "SQLITE_LOCKED": "another program holds it locked. End that program, or wait; the bot tries again by itself",
    "SQLITE_READONLY": "it may not be written. Give this user the right to write the file and its folder",
    "SQLITE_PERM": "it may not be written. Give this user the right to write the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened. Look whether its folder exists and this user may write there",
    "SQLITE_NOTADB": "it is not an SQLite database. Name another file, or move this one away",
    "SQLITE_CORRUPT": "it is damaged. Restore a backup, or move it away and begin anew",
    "SQLITE_IOERR": "the disk fails to read or write it. Look at the system's log; the bot tries again by itself",
}
# Beginnings of the names of those that do not go away by themselves.
LASTING: dict[str, type[StoreError]] = {
    "SQLITE_READONLY": StoreLost,
    "SQLITE_PERM": StoreLost,
    "SQLITE_NOTADB": SchemaMismatch,
    "SQLITE_CORRUPT": SchemaMismatch,
}
UNREACHABLE = (
    "the server cannot be reached, or has ended the connection. Look whether it runs and whether the address "
    "is right; the bot tries again by itself"
)
WRONG_PASSWORD = "the server refuses this user or password. Correct them in the address"  # noqa: S105  one in words
NO_DATABASE = "there is no such database. Create it, or correct its name in the address"
TOO_MANY = "the server has no connection left. Allow it more, or end other programs; the bot tries again by itself"
# Beginnings of the SQL standard's states.
POSTGRESQL = {
    "53100": SQLITE["SQLITE_FULL"],
    "53300": TOO_MANY,
    "25006": "it may not be written: the server is a copy of another, or was told so. Name the server that is written",
    "42501": "it may not be written. Give this user the right to create and write tables there",
    "55P03": SQLITE["SQLITE_BUSY"],
    "25P03": "the bot was stopped in the middle of its work, and the server did not wait. It tries again by itself",
    "28": WRONG_PASSWORD,
    "3D000": NO_DATABASE,
    "08": UNREACHABLE,
    "57P": UNREACHABLE,
}
# A server that cannot be connected to has no state, only words.
CONNECTING = {
    "authentication failed": WRONG_PASSWORD,
    "no password supplied": WRONG_PASSWORD,
    "pg_hba.conf": WRONG_PASSWORD,
    "does not exist": NO_DATABASE,
    "too many clients": TOO_MANY,
}


def store_error(error: BaseException | None, place: str) -> StoreError:
    """Our error for the driver's; the statement, its figures and a password are not in it."""
    name = getattr(error, "sqlite_errorname", "")
    state = getattr(error, "sqlstate", None) or ""
    known = _first(SQLITE, name) or _first(POSTGRESQL, state)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if not known and hasattr(error, "sqlstate") and not state and kinds & {"OperationalError", "InterfaceError"}:
        known = next((words for part, words in CONNECTING.items() if part in str(error)), UNREACHABLE)
    as_error = _first(LASTING, name) or StoreError
    return as_error(f"database {place}: {known or f'{_words(error)}. See the traceback in the log'}")


def _first(known: Mapping[str, T], name: str) -> T | None:
    return next((meant for start, meant in known.items() if name.startswith(start)), None)


def _words(error: BaseException | None) -> str:
    """What happened, in one line; PostgreSQL's other lines name figures."""
    about = getattr(error, "diag", None)
    return about.message_primary if about and about.message_primary else str(error).partition("\n")[0]


# Every version of the tables, oldest first; the last one is what this program reads and writes.
REVISIONS = ("r0001", "r0002", "r0003", "r0004", "r0005", "r0006")
VERSION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))
ALONE = 0xD7A3D03  # any number that no other program takes for its lock
MIGRATIONS = Path(__file__).with_name("migrations")


def check_schema(connection: sa.Connection, place: str) -> None:
    """Raises StoreUnfit if the tables are not those of this version."""
    found = schema_version(connection)
    _refuse_unknown(found, place)
    if found != REVISIONS[-1]:
        have = f"its tables are of version {found}" if found else "it has no tables"
        raise SchemaMismatch(
            f"database {place}: {have}, needed are those of {REVISIONS[-1]}. Run: python -m bot migrate"
        )


def upgrade_schema(connection: sa.Connection, place: str) -> None:
    """Bring the tables to this version; StoreUnfit if they are newer. Does nothing if they are right."""
    if connection.dialect.name == "postgresql":  # SQLite's transaction is alone by itself
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ALONE)))
    found = schema_version(connection)
    _refuse_unknown(found, place)
    if found == REVISIONS[-1]:
        return
    if found is None:  # that takes no migration, and so no Alembic: it would stay, with 7 MB
        METADATA.create_all(connection, checkfirst=False)
        VERSION.create(connection, checkfirst=False)
        connection.execute(sa.insert(VERSION).values(version_num=REVISIONS[-1]))
        return
    from alembic import command  # noqa: PLC0415  slow to import, and only a migration needs it
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def schema_version(connection: sa.Connection) -> str | None:
    """The version of the tables, as Alembic noted it; None = there are none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(sa.select(VERSION.c.version_num))
    return None if found is None else str(found)


def _refuse_unknown(found: str | None, place: str) -> None:
    if found is not None and found not in REVISIONS:
        raise SchemaMismatch(
            f"database {place}: its tables ({found}) are newer than this program ({REVISIONS[-1]}). Upgrade the bot, "
            "or restore a backup made before"
        )


MOUNTS = Path("/proc/mounts")
# File systems of containers and of memory: what is written there is gone with the container or the machine.
PASSING = {"overlay", "aufs", "tmpfs", "ramfs"}
# Across a network SQLite's locks do not hold, and a database is damaged sooner or later.
NETWORKS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs"}
# What platforms set whose disks are emptied at each restart -> how such a platform is called.
PLATFORMS = {"DYNO": "Heroku"}


def ephemeral_reason(folder: Path, environ: Mapping[str, str] = os.environ, mounts: Path = MOUNTS) -> str:
    """Why what is written in `folder` will not last; "" = there is no sign of that."""
    for variable, name in PLATFORMS.items():
        if variable in environ:
            return f"{name} empties its disks at each restart"
    kind = _file_system(folder.resolve(), mounts)
    return f"it lies on {kind}, which ends with its container or machine" if kind in PASSING else ""


def network_filesystem(folder: Path, mounts: Path = MOUNTS) -> str:
    """The file system that brings `folder` from another machine; "" = there is no sign of one."""
    kind = _file_system(folder.resolve(), mounts)
    return kind if kind in NETWORKS else ""


def _file_system(folder: Path, mounts: Path) -> str:
    """The type of the file system that holds `folder`; "" where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = [(Path(fields[1].replace("\\040", " ")), fields[2]) for line in lines if len(fields := line.split()) > 2]
    holding = [(len(place.parts), kind) for place, kind in found if place == folder or place in folder.parents]
    return max(holding, default=(0, ""))[1]
