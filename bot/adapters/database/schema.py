"""Does the database have the tables of this version, and how does it get them?"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from bot.adapters.database.tables import METADATA
from bot.errors import StoreUnfit

# Every version of the tables, oldest first; the last one is what this program reads and writes.
REVISIONS = ("r0001", "r0002", "r0003", "r0004", "r0005", "r0006")
VERSION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))
ALONE = 0xD7A3D03  # any number that no other program takes for its lock
MIGRATIONS = Path(__file__).with_name("migrations")


def check(connection: sa.Connection, place: str) -> None:
    """Raises StoreUnfit if the tables are not those of this version."""
    found = revision(connection)
    _refuse_unknown(found, place)
    if found != REVISIONS[-1]:
        have = f"its tables are of version {found}" if found else "it has no tables"
        raise StoreUnfit(f"database {place}: {have}, needed are those of {REVISIONS[-1]}. Run: python -m bot migrate")


def upgrade(connection: sa.Connection, place: str) -> None:
    """Bring the tables to this version; StoreUnfit if they are newer. Does nothing if they are right."""
    if connection.dialect.name == "postgresql":  # SQLite's transaction is alone by itself
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ALONE)))
    found = revision(connection)
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


def revision(connection: sa.Connection) -> str | None:
    """The version of the tables, as Alembic noted it; None = there are none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(sa.select(VERSION.c.version_num))
    return None if found is None else str(found)


def _refuse_unknown(found: str | None, place: str) -> None:
    if found is not None and found not in REVISIONS:
        raise StoreUnfit(
            f"database {place}: its tables ({found}) are newer than this program ({REVISIONS[-1]}). Upgrade the bot, "
            "or restore a backup made before"
        )
