from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from bot.adapters.database.database import Database, migrate_database
from bot.alerts.episodes import Subject, SubjectState
from bot.baskets import BasketId
from bot.errors import StoreError, StoreLost
from tests.specimens import CHANNEL, GROUP, PRIVATE
from tests.stored import claim, put, send_all

SUBJECT = Subject("two-session fall", BasketId("memory"))


@pytest.fixture
def url(sqlite_url):
    return sqlite_url


async def test_a_database_without_tables_is_refused_with_the_remedy(url, tmp_path):
    sqlite3.connect(tmp_path / "bot.sqlite3").close()
    with pytest.raises(StoreError, match=r"no tables.*bot migrate"):
        await Database.open(url)


async def test_no_database_is_made_by_looking_for_one(url, tmp_path):
    with pytest.raises(StoreError, match=r"no such file.*bot migrate"):
        await Database.open(url)
    assert list(tmp_path.iterdir()) == []


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
        await migrate_database(f"sqlite:///{tmp_path}/{name}")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://localhost/bot", "bot.sqlite3"])
async def test_an_address_of_another_kind_is_refused(url):
    with pytest.raises(StoreError, match=r"sqlite:///bot\.sqlite3"):
        await migrate_database(url)


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
    with pytest.raises(StoreLost, match=r"may not be written.*right"):
        await put(store, CHANNEL)
    with pytest.raises(StoreLost, match=r"may not be written.*right"):
        await store.rehearse()


async def test_a_full_disk_says_so_and_leaves_no_part_of_an_event(store):
    async with store._transaction() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 4}")
    many = [replace(PRIVATE, chat=str(number)) for number in range(2000)]
    with pytest.raises(StoreError, match="disk is full"):
        await put(store, *many, known={SUBJECT: SubjectState()})
    async with store._transaction() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    assert await store.subject_states() == {}
    assert await put(store, *many) == 0
    assert len(await claim(store, 9000)) == 2000


async def test_a_database_that_is_deleted_while_it_is_open_is_missed(store, tmp_path):
    await put(store, CHANNEL)
    (tmp_path / "bot.sqlite3").unlink()
    with pytest.raises(StoreError, match="no such file"):
        await claim(store)


async def test_the_figures_of_a_statement_stay_out_of_the_message(store):
    async with store._transaction() as connection:
        await connection.exec_driver_sql("DROP TABLE subject_states")
    with pytest.raises(StoreError) as caught:
        await put(store, CHANNEL, known={Subject("secret rule", BasketId("memory")): SubjectState()})
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
