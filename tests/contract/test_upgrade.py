"""What becomes of a database of an earlier version?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, time, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from bot.adapters.database import connection
from bot.adapters.database.database import Database, migrate_database
from bot.adapters.database.tables import METADATA
from bot.alerts.episodes import Episode, EpisodeId, ProvisionalAlert, Subject, SubjectState
from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.model import ChatKind, DeliveryState, Note, SendMode, Silence
from bot.delivery.subscribers import BasketSubscription, QuietHours, Subscriber
from bot.engine.incidents import Incident, IncidentKind, IncidentNotice
from bot.errors import StoreError
from bot.lease import Lease
from tests.contract.r0006 import create_tables
from tests.specimens import CHANNEL, GROUP
from tests.stored import claim, notification, put
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
        create_tables(transaction)
        for one in BACKLOG:
            transaction.exec_driver_sql(one.replace("%", "%%"))
        if kind != "sqlite":
            transaction.exec_driver_sql("SELECT setval('outbox_id_seq', 3), setval('events_id_seq', 1)")
        command.stamp(config, "r0006")
        command.upgrade(config, revision)
    engine.dispose()
    return url


async def test_an_upgrade_loses_nothing_of_what_waits(old_url, revision):
    with pytest.raises(StoreError, match=rf"version {revision}.*bot migrate"):
        await Database.open(old_url)
    await migrate_database(old_url)
    store = await Database.open(old_url)
    assert len(await store.subject_states()) == 1
    assert await store.session_results() == {}
    assert await store.open_incidents() == {}
    assert [(one.chat, one.state) for one in await store.undelivered()] == [
        ("-2001", DeliveryState.PENDING),
        ("3001", DeliveryState.SENDING),
    ]
    assert [one.mode for one in await store.orphans("telegram")] == [SendMode.SEND]
    later = NOON + timedelta(minutes=1)
    await put(store, CHANNEL, GROUP, key="correction", original="fall", mode=SendMode.EDIT)
    found = await claim(store, 9, later)
    assert [(one.chat, one.mode, one.target) for one in found] == [
        ("-1001", SendMode.EDIT, 77),
        ("-2001", SendMode.SEND, None),
    ]
    await store.close()


@pytest.mark.parametrize("revision", ["r0001", "r0005"])
async def test_tables_from_before_the_first_migration_are_refused(tmp_path, revision):
    with closing(sqlite3.connect(tmp_path / "bot.sqlite3")) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", [revision])
    url = f"sqlite:///{tmp_path}/bot.sqlite3"
    for opening in (Database.open, migrate_database):
        with pytest.raises(StoreError, match=rf"{revision}.*older than r0006.*migrate"):
            await opening(url)


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


@pytest.fixture
async def filled(tmp_path):
    """A database with rows in every table, which the program left at r0006, at this version."""
    with closing(sqlite3.connect(tmp_path / "bot.sqlite3")) as connection:
        connection.executescript(Path(__file__).with_name("r0006.sql").read_text("utf-8"))
    url = f"sqlite:///{tmp_path}/bot.sqlite3"
    await migrate_database(url)
    store = await Database.open(url)
    yield store
    await store.close()


async def test_what_the_rules_remember_is_read_back_from_r0006(filled):
    day, memory = date(2026, 7, 1), BasketId("memory")
    assert await filled.subject_states() == {
        Subject("two-session fall", memory): SubjectState(
            day,
            Episode(EpisodeId("ABCD2"), date(2026, 6, 26), Severity.SEVERE, -0.0825, 2),
            ProvisionalAlert("fall", date(2026, 7, 2), Severity.WARNING),
        ),
        Subject("bear market", memory, "MU"): SubjectState(
            day, Episode(EpisodeId("ABCD3"), day, Severity.WARNING, -0.21, 0)
        ),
        Subject("payers against receivers", BasketId("payers"), "", "memory"): SubjectState(day),
    }
    assert await filled.evaluated_closes() == {
        "MU": {date(2026, 6, 30): 101.25, day: 92.5},
        "WDC": {date(2026, 6, 30): 55.0, day: None},
    }
    assert await filled.open_incidents() == {
        one.incident: one
        for one in (
            IncidentNotice(Incident(IncidentKind.STALE, "WDC"), NOON, "no close since 30 Jun"),
            IncidentNotice(Incident(IncidentKind.OUTAGE), NOON + timedelta(hours=1), "nobody answers"),
        )
    }
    assert await filled.read() == Lease("host-1", 1, 1)


async def test_the_events_of_r0006_are_read_back(filled):
    events = [await notification(filled, number) for number in range(1, 6)]
    assert [(one.key, one.id, one.baskets, one.severity.value, one.mode.value) for one in events] == [
        ("fall", "FALL", ("memory",), 3, "send"),
        ("correction", "CORRECTION", ("memory",), 3, "edit"),
        ("headlines", "HEADLINES", ("memory",), 3, "amend"),
        ("quiet", "QUIET", ("sox",), 1, "send"),
        ("taken back", "TAKEN BACK", ("memory",), 3, "reply"),
    ]
    assert [one.original for one in events] == [None, "fall", "fall", None, "fall"]
    assert [one.is_withdrawal for one in events] == [False] * 4 + [True]
    assert [one.config for one in events] == ["0123456789ab"] * 2 + ["ba9876543210"] + ["0123456789ab"] * 2
    assert {one.session for one in events} == {date(2026, 7, 2)}
    assert (events[0].created, events[0].expires) == (NOON, NOON + timedelta(hours=12))
    assert [(one.language, one.lines) for one in events[2].messages] == [
        ("en", ("with headlines", "as of noon")),
        ("zh", ("with headlines", "截至中午")),
    ]
    (sent,) = [one for one in await filled.received("telegram", "-1001", 9) if one.event == "fall"]
    assert (await filled.picture(sent.picture)).startswith(b"\x89PNG")


async def test_the_deliveries_of_r0006_are_read_back_and_go_on(filled):
    assert [(one.id, one.chat, one.event, one.state.value, one.reason) for one in await filled.undelivered()] == [
        (2, "-2001", "fall", "pending", "nobody was reached"),
        (3, "-2002", "fall", "failed", "the bot was blocked"),
        (4, "-1002003", "fall", "pending", "moved from -2003"),
        (5, "-4001", "fall", "uncertain", "the line broke"),
        (7, "-1001", "headlines", "sending", ""),
        (8, "-2001", "headlines", "pending", ""),
        (9, "-1002003", "headlines", "pending", ""),
        (10, "-4001", "headlines", "pending", ""),
        (11, "3001", "headlines", "pending", ""),
        (12, "-2002", "correction", "failed", "the chat is gone"),
        (13, "-1001", "taken back", "pending", ""),
        (14, "-4001", "taken back", "pending", ""),
        (15, "3001", "taken back", "pending", ""),
    ]
    assert await filled.counts("telegram") == {
        DeliveryState.SENT: 2,
        DeliveryState.PENDING: 9,
        DeliveryState.FAILED: 2,
        DeliveryState.UNCERTAIN: 1,
        DeliveryState.SENDING: 1,
    }
    assert [(one.chat, one.mode, one.target) for one in await filled.orphans("telegram")] == [
        ("-1001", SendMode.EDIT, 77)
    ]
    claimed = await claim(filled, 9, NOON + timedelta(hours=3))
    assert [(one.id, one.chat, one.mode, one.unconfirmed) for one in claimed] == [
        (2, "-2001", SendMode.SEND, 0),
        (4, "-1002003", SendMode.SEND, 0),
        (5, "-4001", SendMode.SEND, 1),
        (11, "3001", SendMode.EDIT, 0),
    ]


async def test_the_chats_and_orders_of_r0006_are_read_back(filled):
    memory, sox = BasketId("memory"), BasketId("sox")
    hour = timedelta(hours=1)
    assert await filled.subscriber("telegram", "3001") == Subscriber(
        "telegram",
        "3001",
        ChatKind.PRIVATE,
        NOON,
        "zh",
        {memory: BasketSubscription(Severity.NOTICE), sox: BasketSubscription(Severity.SEVERE, NOON + 9 * hour)},
        min_severity=Severity.WARNING,
        muted_until=NOON - hour,
        quiet=QuietHours(time(22), time(7, 30)),
        zone="Asia/Shanghai",
    )
    wishes = {memory: BasketSubscription(Severity.NOTICE)}
    assert await filled.subscriber("telegram", "-4001") == Subscriber(
        "telegram", "-4001", ChatKind.GROUP, NOON, subscriptions=wishes, all_baskets=True
    )
    later = NOON + 2 * hour
    assert await filled.notes(later) == [
        Note(memory, "Earnings after the close", NOON, NOON + 24 * hour, 1),
        Note(None, "A holiday in Seoul", NOON + hour, NOON + 48 * hour, 2),
    ]
    assert await filled.silences(later) == [Silence(sox, NOON + 24 * hour, "index is being rebuilt")]
