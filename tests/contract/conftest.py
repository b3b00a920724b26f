"""Both stores, each a new one for every test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from bot.adapters.database.database import Database, migrate_database
from tests import postgres as postgresql

NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Server]:
    """A server with a database that has the tables; one for each process that tests."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgresql.server())
        except postgresql.NoServer as error:
            pytest.skip(f"PostgreSQL cannot be started: {error}")
        server.say(f"CREATE DATABASE {postgresql.TEMPLATE}")
        asyncio.run(migrate_database(server.url(postgresql.TEMPLATE)))
        yield server


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path}/bot.sqlite3"


@pytest.fixture
def postgres_url(postgres):
    name = f"test{next(NUMBERS)}"
    postgres.say(f"CREATE DATABASE {name} TEMPLATE {postgresql.TEMPLATE}")
    return postgres.url(name)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
async def store(url):
    database = await Database.open(url, upgrade=True)
    yield database
    await database.close()
