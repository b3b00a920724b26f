from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from bot.adapters.database import Database, migrate, schema
from bot.adapters.database.tables import METADATA
from bot.alerts.episodes import Episode, EpisodeId, Memory, Phase, Subject
from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery import (
    Delivery,
    Destination,
    Flood,
    Gone,
    Kind,
    Moved,
    NotSent,
    Sent,
    Soft,
    State,
    Uncertain,
    address,
    next_step,
)
from bot.errors import StoreError
from tests.specimens import CHANNEL, GROUP, PRIVATE, event
from tests.virtual import NOON

SUBJECT = Subject("two-session fall", BasketId("memory"))
MEMORY = Memory(date(2026, 7, 2), Episode(EpisodeId("K7F3"), date(2026, 7, 1), Severity.SEVERE, -0.182, 2))


@pytest.fixture(params=["sqlite"])
def url(request, tmp_path):
    return f"sqlite:///{tmp_path}/bot.sqlite3"


@pytest.fixture
async def store(url):
    database = await Database.open(url, upgrade=True)
    yield database
    await database.close()


async def put(store: Database, *destinations: Destination, known=None, **about) -> int:
    happened = event(**about)
    return await store.commit(known or {}, [happened], address(happened, destinations))


async def claim(store: Database, limit=1, now=NOON, resting=()) -> list[Delivery]:
    return await store.claim("telegram", now, limit, resting)


async def answer(store: Database, one: Delivery, outcome, now=NOON):
    await store.record([next_step(one, outcome, now, 0.0)])


async def send_all(store: Database, now=NOON) -> list[tuple[str, str]]:
    """(chat, event) in the order in which they are handed out, each answered before the next."""
    order = []
    while claimed := await claim(store, now=now):
        order.append((claimed[0].chat, claimed[0].event))
        await answer(store, claimed[0], Sent(1), now)
    return order


async def states(store: Database) -> dict[tuple[str, str], State]:
    return {(one.chat, one.event): one.state for one in await store.undelivered()}


# Alert state


async def test_memories_come_back_as_they_were_even_after_a_restart(store, url):
    spread = Subject("payers/receivers", BasketId("hyperscalers"), against="memory")
    member = Subject("member plunge", BasketId("memory"), member="MU")
    provisional = replace(MEMORY, episode=replace(MEMORY.episode, phase=Phase.PROVISIONAL))
    known = {SUBJECT: MEMORY, spread: Memory(), member: provisional}
    await store.commit(known, [], [])
    await store.close()
    again = await Database.open(url)
    assert await again.memories() == known
    await again.close()


async def test_a_newer_memory_takes_the_place_of_the_older(store):
    await store.commit({SUBJECT: MEMORY}, [], [])
    await store.commit({SUBJECT: Memory(date(2026, 7, 3))}, [], [])
    assert await store.memories() == {SUBJECT: Memory(date(2026, 7, 3))}


async def test_subjects_whose_parts_run_together_are_kept_apart(store):
    known = {Subject("a/b", BasketId("c")): MEMORY, Subject("a", BasketId("b/c")): Memory()}
    await store.commit(known, [], [])
    assert await store.memories() == known


async def test_alert_state_is_not_stored_when_the_outbox_is_not(store):
    broken = replace(event(), baskets=(object(),))
    with pytest.raises(Exception, match="serializable"):
        await store.commit({SUBJECT: MEMORY}, [event("good"), broken], address(event("good"), [CHANNEL]))
    assert await store.memories() == {}
    assert await claim(store) == []


# Events


async def test_a_delivery_comes_back_as_it_was_made(store):
    (made,) = address(event(), [replace(CHANNEL, language="zh")])
    await store.commit({}, [event()], [made])
    (claimed,) = await claim(store)
    wanted = replace(made, id=claimed.id, state=State.SENDING, not_before=None, event_number=claimed.event_number)
    assert claimed == wanted
    assert await store.told(claimed.event_number) == event()


async def test_an_event_is_stored_once_however_often_it_is_committed(store):
    assert await put(store, CHANNEL) == 0
    assert await put(store, CHANNEL, GROUP, known={SUBJECT: MEMORY}) == 1
    assert await send_all(store) == [("-1001", "fall")]
    assert await store.memories() == {SUBJECT: MEMORY}


async def test_a_key_that_comes_twice_at_once_counts_once(store):
    twice = [event(), event(text="other words")]
    assert await store.commit({}, twice, address(twice[0], [CHANNEL])) == 1
    (claimed,) = await claim(store)
    assert claimed.message.lines[0] == "fall"


async def test_an_event_that_nobody_wants_to_hear_is_stored_too(store):
    assert await put(store) == 0
    assert await put(store) == 1


# Order


async def test_severe_goes_before_minor_and_channels_before_groups_before_people(store):
    await put(store, PRIVATE, GROUP, CHANNEL, key="minor", severity=Severity.WARNING)
    await put(store, PRIVATE, GROUP, CHANNEL, key="severe", severity=Severity.SEVERE)
    assert await send_all(store) == [
        ("-1001", "severe"),
        ("-2001", "severe"),
        ("3001", "severe"),
        ("-1001", "minor"),
        ("-2001", "minor"),
        ("3001", "minor"),
    ]


async def test_a_chat_sees_messages_in_the_order_of_their_making(store):
    for key, severity in (("a", Severity.EXTREME), ("b", Severity.SEVERE), ("c", Severity.EXTREME)):
        await put(store, CHANNEL, key=key, severity=severity)
    assert await send_all(store) == [("-1001", "a"), ("-1001", "b"), ("-1001", "c")]


async def test_a_chat_has_one_message_under_way_at_a_time(store):
    await put(store, CHANNEL, GROUP, key="a")
    await put(store, CHANNEL, key="b")
    assert [one.chat for one in await claim(store, 8)] == ["-1001", "-2001"]
    assert await claim(store, 8) == []


async def test_a_message_waits_for_an_earlier_one_that_is_tried_again(store):
    await put(store, CHANNEL, key="a")
    await put(store, CHANNEL, GROUP, key="b")
    (first,) = await claim(store)
    await answer(store, first, NotSent("refused"))
    assert [one.chat for one in await claim(store, 8)] == ["-2001"]
    later = NOON + timedelta(seconds=1)
    assert [one.event for one in await claim(store, 8, later)] == ["a"]


async def test_a_severe_message_does_not_wait_for_a_minor_one_that_is_tried_again(store):
    await put(store, CHANNEL, key="minor", severity=Severity.NOTICE)
    (minor,) = await claim(store)
    await answer(store, minor, NotSent("refused"))
    await put(store, CHANNEL, key="severe")
    assert [one.event for one in await claim(store)] == ["severe"]


async def test_a_resting_chat_gets_nothing_and_holds_up_nobody(store):
    await put(store, CHANNEL, GROUP)
    assert [one.chat for one in await claim(store, 8, resting={"-1001"})] == ["-2001"]


async def test_each_transport_has_its_own_messages(store):
    await put(store, CHANNEL, Destination("terminal", "here", Kind.TERMINAL))
    assert [one.chat for one in await store.claim("terminal", NOON, 8, ())] == ["here"]
    assert [one.chat for one in await claim(store, 8)] == ["-1001"]


# Progress


async def test_a_claim_is_stored_before_it_is_handed_out(store, url):
    await put(store, CHANNEL)
    (claimed,) = await claim(store)
    other = await Database.open(url)
    assert [one.id for one in await other.orphans("telegram")] == [claimed.id]
    assert await other.claim("telegram", NOON, 1, ()) == []
    await other.close()


async def test_nothing_is_due_before_its_time(store):
    await put(store, CHANNEL)
    (claimed,) = await claim(store)
    await answer(store, claimed, Flood(35))
    assert await claim(store, now=NOON + timedelta(seconds=34)) == []
    assert not await store.due("telegram", NOON + timedelta(seconds=34))
    assert await store.due("telegram", NOON + timedelta(seconds=35))
    (again,) = await claim(store, now=NOON + timedelta(seconds=35))
    assert (again.id, again.attempts) == (claimed.id, 0)


async def test_what_waited_past_its_expiry_is_not_sent(store):
    await put(store, CHANNEL, GROUP, lives=timedelta(hours=1))
    (first,) = await claim(store)
    await answer(store, first, Uncertain("reset"))
    assert await claim(store, now=NOON + timedelta(hours=1)) == []
    assert await states(store) == {("-1001", "fall"): State.UNCERTAIN, ("-2001", "fall"): State.EXPIRED}


async def test_whatever_a_chat_has_not_certainly_got_is_listed_with_the_reason(store):
    await put(store, CHANNEL, GROUP, PRIVATE, key="a", severity=Severity.NOTICE)
    for outcome in (Sent(1), Uncertain("read timeout"), Soft("no rights")):
        (one,) = await claim(store)
        await answer(store, one, outcome)
    await put(store, CHANNEL, key="b")
    listed = [(one.chat, one.state, one.reason) for one in await store.undelivered()]
    assert listed == [
        ("-2001", State.UNCERTAIN, "read timeout"),
        ("3001", State.FAILED, "no rights"),
        ("-1001", State.PENDING, ""),
    ]


# Chats


async def test_a_chat_that_is_gone_gets_nothing_more_and_all_of_it_is_listed(store):
    await put(store, GROUP, PRIVATE, key="a")
    await put(store, GROUP, key="b")
    (first,) = await claim(store)
    await answer(store, first, Gone("kicked"))
    await put(store, GROUP, PRIVATE, key="c")
    assert await send_all(store) == [("3001", "a"), ("3001", "c")]
    assert await states(store) == {("-2001", key): State.FAILED for key in "abc"}


async def test_a_chat_can_be_revived(store):
    await put(store, GROUP, key="a")
    (first,) = await claim(store)
    await answer(store, first, Gone("kicked"))
    await store.revive("telegram", ["-2001"])
    await put(store, GROUP, key="b")
    assert await send_all(store) == [("-2001", "b")]


async def refuse(store, key, now):
    await put(store, GROUP, key=key, created=now)
    claimed = await claim(store, now=now)
    for one in claimed:
        await answer(store, one, Soft("no rights"), now)
    return bool(claimed)


async def test_a_chat_that_refuses_three_events_over_a_day_is_given_up(store):
    asked = [await refuse(store, str(hours), NOON + timedelta(hours=hours)) for hours in (0, 12, 24, 25)]
    assert asked == [True, True, True, False]


async def test_a_message_that_arrives_clears_what_the_chat_refused(store):
    for hours in (0, 12):
        await refuse(store, str(hours), NOON + timedelta(hours=hours))
    await put(store, GROUP, key="heard")
    await send_all(store)
    assert await refuse(store, "24", NOON + timedelta(hours=24))
    assert await refuse(store, "25", NOON + timedelta(hours=25))


async def test_a_chat_that_moved_gets_everything_under_its_new_name(store):
    await put(store, GROUP, key="a")
    await put(store, GROUP, key="b")
    (first,) = await claim(store)
    await answer(store, first, Moved("-1009"))
    await put(store, GROUP, key="c")
    assert await send_all(store) == [("-1009", "a"), ("-1009", "b"), ("-1009", "c")]


async def test_a_chat_that_moved_to_one_we_know_hears_nothing_twice(store):
    known = replace(GROUP, chat="-1009")
    await put(store, GROUP, known, key="a")
    (first,) = await claim(store)
    await answer(store, first, Moved("-1009"))
    await put(store, GROUP, known, key="b")
    assert await send_all(store) == [("-1009", "a"), ("-1009", "b")]
    assert await store.undelivered() == []


async def test_a_chat_that_moves_back_and_forth_is_found(store):
    for key, there in (("a", "-1009"), ("b", "-2001"), ("c", "-1009")):
        await put(store, GROUP, key=key)
        (one,) = await claim(store)
        await answer(store, one, Moved(there))
        assert await send_all(store) == [(there, key)]


# The schema


async def test_the_migrations_make_the_tables_of_the_program(store):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    async with store._transaction() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), METADATA)
        )
    assert differences == []


async def test_the_indexes_of_the_migrations_are_those_of_the_program(store, tmp_path):
    plain = sa.create_engine(f"sqlite:///{tmp_path}/plain.sqlite3")
    METADATA.create_all(plain)
    query = sa.text(
        "SELECT name, lower(replace(sql, '\"', '')) FROM sqlite_master WHERE name LIKE 'ix_%' ORDER BY name"
    )
    with plain.begin() as connection:
        wanted = connection.execute(query).all()
    plain.dispose()
    async with store._transaction() as connection:
        found = (await connection.execute(query)).all()
    assert [(name, " ".join(sql.split())) for name, sql in found] == [
        (name, " ".join(sql.split())) for name, sql in wanted
    ]


def test_every_migration_is_known_to_the_program():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == schema.REVISIONS
    assert scripts.get_heads() == [schema.REVISIONS[-1]]


async def test_to_migrate_twice_changes_nothing(url):
    await migrate(url)
    database = await Database.open(url)
    await put(database, CHANNEL)
    await database.close()
    await migrate(url)
    database = await Database.open(url, upgrade=True)
    assert await database.due("telegram", NOON)
    await database.close()


async def test_a_database_without_tables_is_refused_with_the_remedy(url, tmp_path):
    sqlite3.connect(tmp_path / "bot.sqlite3").close()
    with pytest.raises(StoreError, match=r"no tables.*bot migrate"):
        await Database.open(url)


async def test_no_database_is_made_by_looking_for_one(url, tmp_path):
    with pytest.raises(StoreError, match=r"no such file.*bot migrate"):
        await Database.open(url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("upgrade", [True, False])
async def test_a_newer_database_is_refused_and_left_alone(store, url, upgrade):
    async with store._transaction() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(StoreError, match=r"newer than this program.*Upgrade") as caught:
        await Database.open(url, upgrade=upgrade)
    assert "\n" not in str(caught.value)


def test_alembic_is_not_imported_before_it_is_needed():
    code = "import sys, bot.adapters.database; print('alembic' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


# What SQLite cannot do


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("note.txt", "not an SQLite database"),
        ("missing/bot.sqlite3", "cannot be opened.*folder"),
        (".", "cannot be opened"),
    ],
)
async def test_a_file_that_cannot_be_a_database_is_named_with_the_remedy(tmp_path, name, words):
    (tmp_path / "note.txt").write_text("these are no tables\n" * 100)
    with pytest.raises(StoreError, match=words) as caught:
        await migrate(f"sqlite:///{tmp_path}/{name}")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://localhost/bot", "bot.sqlite3"])
async def test_an_address_of_another_kind_is_refused(url):
    with pytest.raises(StoreError, match=r"sqlite:///bot\.sqlite3"):
        await migrate(url)


async def test_a_locked_database_says_so(store, tmp_path, monkeypatch):
    other = sqlite3.connect(tmp_path / "bot.sqlite3", isolation_level=None)
    async with store._transaction() as connection:
        await connection.exec_driver_sql("PRAGMA busy_timeout=50")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        await put(store, CHANNEL)
    other.execute("ROLLBACK")
    other.close()
    assert await put(store, CHANNEL) == 0


async def test_a_database_that_may_not_be_written_says_so(store):
    async with store._transaction() as connection:
        await connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(StoreError, match=r"may not be written.*right"):
        await put(store, CHANNEL)


async def test_a_full_disk_says_so_and_leaves_no_part_of_an_event(store):
    async with store._transaction() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 4}")
    many = [replace(PRIVATE, chat=str(number)) for number in range(2000)]
    with pytest.raises(StoreError, match="disk is full"):
        await put(store, *many, known={SUBJECT: MEMORY})
    async with store._transaction() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    assert await store.memories() == {}
    assert await put(store, *many) == 0
    assert len(await claim(store, 9000)) == 2000


async def test_a_database_that_is_deleted_while_it_is_open_is_missed(store, tmp_path):
    await put(store, CHANNEL)
    (tmp_path / "bot.sqlite3").unlink()
    with pytest.raises(StoreError, match="no such file"):
        await claim(store)


async def test_the_figures_of_a_statement_stay_out_of_the_message(store):
    async with store._transaction() as connection:
        await connection.exec_driver_sql("DROP TABLE memories")
    with pytest.raises(StoreError) as caught:
        await put(store, CHANNEL, known={Subject("secret rule", BasketId("memory")): MEMORY})
    assert "secret rule" not in str(caught.value)


async def test_sqlite_keeps_what_it_says_it_kept(store):
    async with store._transaction() as connection:
        assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one() == "wal"
        assert (await connection.exec_driver_sql("PRAGMA synchronous")).scalar_one() == 2
        assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar_one() == 1


async def test_a_store_in_memory_works_the_same():
    database = await Database.open("sqlite://", upgrade=True)
    await put(database, CHANNEL, GROUP)
    assert await send_all(database) == [("-1001", "fall"), ("-2001", "fall")]
    await database.close()
