"""Engine, transactions, lease check, schema version, driver errors, file systems of a database file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
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
IDLE_SECONDS = 5  # a process that stops within a transaction loses its locks then
T = TypeVar("T")
LIKE = "Write it like sqlite:///bot.sqlite3 or postgresql://user:password@host/database"


def open_engine(url: str) -> tuple[AsyncEngine, str]:
    """The engine for `url`, and the name of the database for messages, without a password; StoreError for a bad URL."""
    try:
        parsed = sa.make_url(url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres:") else url)
    except (ArgumentError, ValueError):
        raise StoreError(f"the database's address cannot be read. {LIKE}") from None
    match parsed.get_backend_name():
        case "sqlite":
            engine = create_async_engine(parsed.set(drivername="sqlite+aiosqlite"), hide_parameters=True)
            sa.event.listen(engine.sync_engine, "connect", set_pragmas)
            sa.event.listen(engine.sync_engine, "begin", begin_immediate)
            return engine, parsed.database or "in memory"
        case "postgresql":
            engine = create_async_engine(
                parsed.set(drivername="postgresql+psycopg"),
                hide_parameters=True,
                pool_size=1,  # one transaction at a time, as with SQLite
                pool_pre_ping=True,
                # Poolers that change the connection between transactions lose prepared statements.
                connect_args={"connect_timeout": CONNECT_SECONDS, "prepare_threshold": None},
            )
            sa.event.listen(engine.sync_engine, "begin", set_local)
            return engine, f"{parsed.database or ''} at {parsed.host or parsed.query.get('host', 'here')}"
        case kind:
            raise StoreError(f"databases of the kind {kind!r} are unknown. {LIKE}")


def set_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_MS}", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_immediate(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later fails at once when another process wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def set_local(connection: sa.Connection) -> None:
    # For this transaction only: a pooler may give the next one another connection. Without enable_sort=off the planner
    # sorts all waiting deliveries instead of reading the first ones by index; JIT takes a second for a query of
    # milliseconds.
    connection.exec_driver_sql(
        f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'; "
        f"SET LOCAL lock_timeout = '{BUSY_MS}ms'; SET LOCAL enable_sort = off; SET LOCAL jit = off"
    )


def sqlite_path(engine: AsyncEngine) -> Path | None:
    """The file of an SQLite database; None in memory and for PostgreSQL."""
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name and name != ":memory:" else None


def probe_sqlite(path: Path, place: str) -> None:
    """StoreError if the SQLite file cannot be opened: aiosqlite would leave a thread that fails once more."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_MS / 1000)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise store_error(error, place) from error


LEASE = "bot"


class TransactionalStore:
    """A database, one transaction at a time; every method raises StoreError, and then has done nothing."""

    def __init__(self, engine: AsyncEngine, place: str) -> None:
        """For `open` only; `place` is the database as error messages name it, without its password."""
        self._engine = engine
        self.place = place
        # SQLite has one writer, and waits for it by polling. PostgreSQL has many, but then a chat could leave while a
        # notification is addressed to it.
        self._turn = asyncio.Lock()
        self._epoch: int | None = None

    @classmethod
    async def open(cls, url: str, *, upgrade: bool = False) -> Self:
        """The database at `url` ("sqlite:///bot.sqlite3", "sqlite://" in memory, "postgresql://user@host/database").

        Raises StoreError unless its tables are of this version; with `upgrade` they are created or upgraded.
        """
        engine, place = open_engine(url)
        database = cls(engine, place)
        try:
            if not upgrade:
                database.check_file()
            if path := sqlite_path(engine):
                await asyncio.to_thread(probe_sqlite, path, place)
            async with database._transaction() as connection:
                await connection.run_sync(prepare_schema, place, upgrade=upgrade)
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        await self._engine.dispose()

    async def rehearse(self) -> None:
        """A write without a change; StoreError if the database is read-only, which SQLite notices on writing only."""
        async with self._transaction() as connection:
            await connection.execute(sa.delete(lease).where(sa.false()))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        self.check_file()
        try:
            async with self._turn, self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise store_error(error.orig, self.place) from error

    async def _rows(self, query: sa.Executable, **parameters: object) -> Sequence[sa.Row[Any]]:
        """The rows of a query, in a transaction that only reads."""
        async with self._transaction() as connection:
            rows: Sequence[sa.Row[Any]] = (await connection.execute(query, parameters)).all()
        return rows

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes; LeaseLost if another process has taken the lease of this one."""
        async with self._transaction() as connection:
            if self._epoch is not None:
                # The row lock keeps the lease until the end of the transaction.
                mine = sa.select(lease.c.epoch).where(lease.c.name == LEASE).with_for_update(read=True)
                if await connection.scalar(mine) != self._epoch:
                    raise LeaseLost(f"database {self.place}: another process has taken over; nothing was written")
            yield connection

    def check_file(self) -> None:
        """StoreLost if the file is gone: SQLite would write to the deleted one, or create an empty one."""
        path = sqlite_path(self._engine)
        if path and not path.exists():
            raise StoreLost(f"database {self.place}: there is no such file. Restore it, or run: python -m bot migrate")


async def replace_rows(
    connection: AsyncConnection, table: sa.Table, condition: sa.ColumnElement[bool], new: Sequence[Mapping[str, Any]]
) -> None:
    """Delete the rows of `table` that meet `condition`, and insert the new ones."""
    await connection.execute(sa.delete(table).where(condition))
    if new:
        await connection.execute(sa.insert(table), new)


# Prefix of SQLite's error names -> text with the remedy.
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
# Prefixes of SQLite's error names -> class of a permanent error.
LASTING: dict[tuple[str, ...], type[StoreError]] = {
    ("SQLITE_READONLY", "SQLITE_PERM"): StoreLost,
    ("SQLITE_NOTADB", "SQLITE_CORRUPT"): SchemaMismatch,
}
UNREACHABLE = (
    "the server cannot be reached, or has ended the connection. Look whether it runs and whether the address "
    "is right; the bot tries again by itself"
)
WRONG_PASSWORD = "the server refuses this user or password. Correct them in the address"  # noqa: S105  one in words
NO_DATABASE = "there is no such database. Create it, or correct its name in the address"
TOO_MANY = "the server has no connection left. Allow it more, or end other programs; the bot tries again by itself"
# Prefix of SQLSTATE -> text with the remedy.
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
# Part of a connection error, which has no SQLSTATE -> text.
CONNECTING = {
    "authentication failed": WRONG_PASSWORD,
    "no password supplied": WRONG_PASSWORD,
    "pg_hba.conf": WRONG_PASSWORD,
    "does not exist": NO_DATABASE,
    "too many clients": TOO_MANY,
}


def store_error(error: BaseException | None, place: str) -> StoreError:
    """The StoreError for an error of the driver, without statement, parameters and password."""
    name = getattr(error, "sqlite_errorname", "")
    state = getattr(error, "sqlstate", None) or ""
    text = by_prefix(SQLITE, name) or by_prefix(POSTGRESQL, state)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if not text and hasattr(error, "sqlstate") and not state and kinds & {"OperationalError", "InterfaceError"}:
        text = next((remedy for part, remedy in CONNECTING.items() if part in str(error)), UNREACHABLE)
    if not text:  # the first line of the driver's message only: the others of PostgreSQL's hold parameters
        message = getattr(getattr(error, "diag", None), "message_primary", None) or str(error).partition("\n")[0]
        text = f"{message}. See the traceback in the log"
    return (by_prefix(LASTING, name) or StoreError)(f"database {place}: {text}")


def by_prefix(values: Mapping[Any, T], name: str) -> T | None:
    return next((value for prefix, value in values.items() if name.startswith(prefix)), None)


# Revisions that can be upgraded, oldest first; the last is that of tables.py.
REVISIONS = ("r0006", "r0007", "r0008")
VERSION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))
ALONE = 0xD7A3D03  # advisory lock of migrations, an arbitrary number
MIGRATIONS = Path(__file__).with_name("migrations")


def prepare_schema(connection: sa.Connection, place: str, *, upgrade: bool) -> None:
    """SchemaMismatch unless the tables are of the last revision; with `upgrade` they are created or upgraded."""
    if upgrade and connection.dialect.name == "postgresql":  # a transaction of SQLite has no other beside it
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ALONE)))
    version = schema_version(connection, place)
    if version == REVISIONS[-1]:
        return
    if not upgrade:
        have = f"its tables are of version {version}" if version else "it has no tables"
        raise SchemaMismatch(
            f"database {place}: {have}, needed are those of {REVISIONS[-1]}. Run: python -m bot migrate"
        )
    if version is None:
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


def schema_version(connection: sa.Connection, place: str) -> str | None:
    """The revision of the tables, None = there are none; SchemaMismatch if it cannot be upgraded."""
    if not sa.inspect(connection).has_table(VERSION.name):
        return None
    version: str | None = connection.scalar(sa.select(VERSION.c.version_num))
    if version is None or version in REVISIONS:
        return version
    if version.startswith("r") and version < REVISIONS[0]:
        raise SchemaMismatch(
            f"database {place}: its tables ({version}) are older than {REVISIONS[0]}, the oldest that can be upgraded. "
            "Move it away and begin anew, or first run `migrate` of the last program that upgraded them"
        )
    raise SchemaMismatch(
        f"database {place}: its tables ({version}) are newer than this program ({REVISIONS[-1]}). Upgrade the bot, "
        "or restore a backup made before"
    )


MOUNTS = Path("/proc/mounts")
# File systems of containers and of memory, which end with the container or the machine.
PASSING = {"overlay", "aufs", "tmpfs", "ramfs"}
# Network file systems: SQLite's locks do not work there, and the database gets damaged.
NETWORKS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs"}


def ephemeral_reason(folder: Path, environ: Mapping[str, str] = os.environ, mounts: Path = MOUNTS) -> str:
    """The reason why files in `folder` do not last; "" = no sign of that."""
    if "DYNO" in environ:
        return "Heroku empties its disks at each restart"
    kind = file_system(folder.resolve(), mounts)
    return f"it lies on {kind}, which ends with its container or machine" if kind in PASSING else ""


def network_filesystem(folder: Path, mounts: Path = MOUNTS) -> str:
    """The type of the network file system that holds `folder`; "" = no sign of one."""
    kind = file_system(folder.resolve(), mounts)
    return kind if kind in NETWORKS else ""


def file_system(folder: Path, mounts: Path) -> str:
    """The type of the file system that holds `folder`; "" = unknown."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    mounted = [(Path(fields[1].replace("\\040", " ")), fields[2]) for line in lines if len(fields := line.split()) > 2]
    holding = [(len(path.parts), kind) for path, kind in mounted if path == folder or path in folder.parents]
    return max(holding, default=(0, ""))[1]
