from __future__ import annotations

import pytest

from bot.adapters.database.database import Database
from tests.desks import Room


@pytest.fixture
def room(database: Database) -> Room:
    return Room(database)


@pytest.fixture(params=["en", "zh"])
def either(request: pytest.FixtureRequest, database: Database) -> Room:
    """In each language."""
    return Room(database, language=request.param)
