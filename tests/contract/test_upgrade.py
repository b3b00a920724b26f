"""What becomes of a database of an earlier version?"""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from bot.adapters.database import connection
from bot.adapters.database.database import Database, migrate_database
from bot.adapters.database.tables import METADATA
from bot.delivery.model import DeliveryState, SendMode
from bot.errors import StoreError
from tests.specimens import CHANNEL, GROUP
from tests.stored import claim, put
from tests.virtual import NOON

EVENT = "INSERT INTO events (id, key, shown, baskets, severity, session, created, expires)"
OUTBOX = (
    "INSERT INTO outbox (id, event, transport, chat, kind, language, severe, state, not_before, expires, attempts, "
    "unconfirmed, plain, message_id, reason)"
)
NOW, END = "2026-07-02 12:00:00.000000", "2026-07-02 18:00:00.000000"
BACKLOG = (
    f"{EVENT} VALUES (1, 'fall', 'FALL', '[\"memory\"]', 3, '2026-07-02', '{NOW}', '{END}')",
    "INSERT INTO bodies (event, language, lines) VALUES (1, 'en', '[\"fall\", \"as of noon\"]')",
    f"{OUTBOX} VALUES (1, 1, 'telegram', '-1001', 1, 'en', true, 'sent', NULL, '{END}', 0, 0, false, 77, '')",
    f"{OUTBOX} VALUES (2, 1, 'telegram', '-2001', 2, 'en', true, 'pending', '{NOW}', '{END}', 0, 0, false, NULL, '')",
    f"{OUTBOX} VALUES (3, 1, 'telegram', '3001', 3, 'en', true, 'sending', NULL, '{END}', 0, 0, false, NULL, '')",
    "INSERT INTO memories (rule, basket, member, against, judged) VALUES ('fall', 'memory', '', '', '2026-07-02')",
    "INSERT INTO chats (transport, chat, gone, moved_to, refusals) VALUES ('telegram', '9', true, '', 0)",
)


@pytest.fixture(params=connection.REVISIONS[:-1])
def revision(request):
    return request.param


@pytest.fixture
def old_url(request, tmp_path, url, revision):
    """A database of an earlier version with something sent, something that waits and something under way."""
    if url.startswith("postgresql"):
        postgres = request.getfixturevalue("postgres")
        postgres.say("DROP DATABASE IF EXISTS old", "CREATE DATABASE old")
        url = postgres.url("old")
    kind = "postgresql+psycopg" if url.startswith("postgresql") else "sqlite"
    engine = sa.create_engine(sa.make_url(url).set(drivername=kind))
    config = Config()
    config.set_main_option("script_location", str(connection.MIGRATIONS))
    with engine.begin() as transaction:
        config.attributes["connection"] = transaction
        command.upgrade(config, revision)
        for one in BACKLOG:
            transaction.exec_driver_sql(one.replace("%", "%%"))
        if kind != "sqlite":
            transaction.exec_driver_sql("SELECT setval('outbox_id_seq', 3), setval('events_id_seq', 1)")
    engine.dispose()
    return url


async def test_an_upgrade_loses_nothing_of_what_waits(old_url, revision):
    with pytest.raises(StoreError, match=rf"version {revision}.*bot migrate"):
        await Database.open(old_url)
    await migrate_database(old_url)
    store = await Database.open(old_url)
    assert len(await store.memories()) == 1
    assert await store.troubles() == {}
    assert [(one.chat, one.state) for one in await store.undelivered()] == [
        ("-2001", DeliveryState.PENDING),
        ("3001", DeliveryState.SENDING),
    ]
    assert [one.manner for one in await store.orphans("telegram")] == [SendMode.SEND]
    later = NOON + timedelta(minutes=1)
    await put(store, CHANNEL, GROUP, key="correction", original="fall", manner=SendMode.EDIT)
    found = await claim(store, 9, later)
    assert [(one.chat, one.manner, one.target) for one in found] == [
        ("-1001", SendMode.EDIT, 77),
        ("-2001", SendMode.SEND, None),
    ]
    await store.close()


async def test_the_migrations_make_the_tables_of_the_program(old_url):
    await migrate_database(old_url)
    store = await Database.open(old_url)
    async with store._transaction() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), METADATA)
        )
    await store.close()
    assert differences == []


async def test_the_migrations_make_the_indexes_of_the_program(old_url, url):
    """In the database's own words, which name the rows that an index is for."""
    await migrate_database(old_url)
    assert await _indexes(old_url) == await _indexes(url)


async def _indexes(url):
    store = await Database.open(url, upgrade=True)
    sqlite = "SELECT name, lower(replace(sql, '\"', '')) FROM sqlite_master WHERE name LIKE 'ix_%' ORDER BY name"
    postgresql = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'ix_%'"
    async with store._transaction() as connection:
        query = postgresql if url.startswith("postgresql") else sqlite
        found = (await connection.execute(sa.text(query))).all()
    await store.close()
    assert len(found) > 3
    return {name: " ".join(sql.split()) for name, sql in found}
