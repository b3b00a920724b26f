"""What is peculiar to PostgreSQL?"""

from __future__ import annotations

import asyncio
import re

import psycopg
import pytest
import sqlalchemy as sa

from bot.adapters.database.connection import store_error
from bot.adapters.database.database import Database, migrate_database
from bot.errors import StoreError
from tests.postgres import server
from tests.specimens import CHANNEL, GROUP, PRIVATE
from tests.stored import claim, put, send_all
from tests.virtual import NOON


@pytest.fixture
def url(postgres_url):
    return postgres_url


async def refused(url: str) -> str:
    with pytest.raises(StoreError) as caught:
        await migrate_database(url)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_the_short_name_of_the_address_will_do(url):
    database = await Database.open(url.replace("postgresql://", "postgres://"))
    assert await database.subject_states() == {}
    await database.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://bot:secret@127.0.0.1:1/bot", "cannot be reached.*by itself"),
        ("postgresql://bot:secret@nowhere.invalid/bot", "cannot be reached.*by itself"),
        ("postgresql://bot:secret@127.0.0.1:port/bot", "cannot be read"),
    ],
)
async def test_a_server_that_cannot_be_reached_says_so_without_the_password(address, words):
    said = await refused(address)
    assert re.search(words, said)
    assert "secret" not in said


@pytest.mark.parametrize("error", [psycopg.errors.ConnectionTimeout("expired"), psycopg.InterfaceError("is closed")])
def test_whatever_the_library_says_of_a_lost_connection_is_said_in_our_words(error):
    assert "cannot be reached" in str(store_error(error, "bot at here"))


async def test_a_database_that_is_not_there_says_so(postgres):
    assert "no such database" in await refused(postgres.url("nowhere"))


async def test_a_wrong_password_says_so_and_is_not_shown(postgres):  # where it runs, another one runs
    with server(passwords=True) as own:
        said = await refused(own.url("postgres").replace("postgres@", "bot:secret@"))
    assert "refuses this user or password" in said
    assert "secret" not in said


async def test_a_user_that_may_not_write_says_so(postgres, url):
    name = sa.make_url(url).database
    postgres.say("DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    database = await Database.open(postgres.url(name).replace("postgres@", "reader@"))
    with pytest.raises(StoreError, match=r"may not be written.*right"):
        await put(database, CHANNEL)
    await database.close()


async def test_a_server_that_is_only_read_says_so(store, url):
    name = sa.make_url(url).database
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    database = await Database.open(url)
    with pytest.raises(StoreError, match="may not be written"):
        await put(database, CHANNEL)
    with pytest.raises(StoreError, match="may not be written"):
        await database.rehearse()
    await database.close()


async def test_a_database_without_tables_is_refused_with_the_remedy(postgres):
    postgres.say("CREATE DATABASE empty")
    with pytest.raises(StoreError, match=r"no tables.*bot migrate"):
        await Database.open(postgres.url("empty"))


async def test_two_that_migrate_at_once_do_it_once(postgres):
    postgres.say("CREATE DATABASE twice")
    await asyncio.gather(*(migrate_database(postgres.url("twice")) for _ in range(3)))
    database = await Database.open(postgres.url("twice"))
    assert await database.subject_states() == {}
    await database.close()


async def test_nothing_is_handed_out_twice_to_two_that_claim_at_once(store, url):
    other = await Database.open(url)
    await put(store, CHANNEL, GROUP, PRIVATE)
    await put(store, CHANNEL, GROUP, PRIVATE, key="second")
    found = await asyncio.gather(*(claim(one, 2) for one in (store, other) for _ in range(2)))
    numbers = [one.chat for claimed in found for one in claimed]
    assert sorted(numbers) == sorted({CHANNEL.chat, GROUP.chat, PRIVATE.chat})
    await other.close()


async def test_a_claim_does_not_wait_for_what_another_has_locked(store, url):
    await put(store, CHANNEL, GROUP)
    with psycopg.connect(url) as other:
        other.execute("SELECT id FROM outbox WHERE chat = %s FOR UPDATE", [CHANNEL.chat])
        assert [one.chat for one in await claim(store, 9)] == [GROUP.chat]
        other.rollback()


async def test_who_stops_in_the_middle_of_a_transaction_does_not_keep_its_locks(store):
    async with store._transaction() as connection:
        kept = await connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout")
        assert kept.scalar_one() == "5s"


async def test_a_server_that_is_cut_off_and_comes_back_is_used_again(postgres):
    with server(durable=True) as own:
        await migrate_database(own.url("postgres"))
        store = await Database.open(own.url("postgres"))
        await put(store, CHANNEL, GROUP)
        (first,) = await claim(store)
        own.stop()
        for _ in range(2):
            with pytest.raises(StoreError, match="cannot be reached"):
                await claim(store)
        own.start()
        assert [one.id for one in await store.orphans("telegram")] == [first.id]
        assert await send_all(store, NOON) == [(GROUP.chat, "fall")]
        await store.close()
