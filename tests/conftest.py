from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from bot.adapters.calendars import ExchangeCalendars
from bot.clock import SystemClock
from bot.prices import Calendar, CalendarCode

# The same examples in every run; HYPOTHESIS_PROFILE=search looks for new ones, a long time.
settings.register_profile("same", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew (then read them)")


@pytest.fixture(scope="session")
def warm_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which New York's calendar is worked out; nothing else may be written there."""
    folder = tmp_path_factory.mktemp("data")
    ExchangeCalendars(folder / "calendars", SystemClock()).prepare([CalendarCode("XNYS")])
    return folder


@pytest.fixture(scope="session")
def new_york(warm_data: Path) -> Calendar:
    return ExchangeCalendars(warm_data / "calendars", SystemClock()).get(CalendarCode("XNYS"))
