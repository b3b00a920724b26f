from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from bot.adapters.calendars import CachedCalendars
from bot.adapters.database.database import Database
from bot.clock import SystemClock
from bot.prices.calendars import Calendar, CalendarCode
from tests import moment
from tests.fake_telegram.server import FakeTelegram
from tests.moment.calendars import calendars_with
from tests.peer.server import Peer, running
from tests.people import Rig

# The same examples in every run; HYPOTHESIS_PROFILE=search looks for new ones, a long time.
settings.register_profile("same", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew (then read them)")


def pytest_xdist_auto_num_workers() -> int:
    """More workers than cores: a sixth of the time is spent waiting for processes and clocks."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_configure() -> None:
    moment.begin()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests counted, with the denominators: rates mean nothing without them."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, text in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(str(text))


@pytest.fixture(scope="session", autouse=True)
def _processes_live_at_the_moment() -> None:
    moment.begin_in_processes()


@pytest.fixture(scope="session")
def warm_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which New York's calendar is worked out; nothing else may be written there."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "calendars").symlink_to(calendars_with("XNYS"))
    return folder


@pytest.fixture(scope="session")
def new_york(warm_data: Path) -> Calendar:
    return CachedCalendars(warm_data / "calendars", SystemClock()).get(CalendarCode("XNYS"))


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    """In memory, with all tables."""
    opened = await Database.open("sqlite://", upgrade=True)
    yield opened
    await opened.close()


@pytest.fixture
def store(database: Database) -> Database:
    """The same, for those whose subject is what is stored."""
    return database


@pytest.fixture(scope="session")
def peer_port() -> Iterator[int]:
    with running() as port:
        yield port


@pytest.fixture
async def peer(peer_port: int) -> AsyncIterator[Peer]:
    """A bot of its own on the independent stand-in for Telegram."""
    async with Peer(peer_port) as own:
        yield own


@pytest.fixture
async def unhurried() -> AsyncIterator[FakeTelegram]:
    """The strict stand-in, on a clock by which a minute passes between any two requests: nothing comes too fast."""
    async with FakeTelegram(clock=itertools.count(0.0, 60.0).__next__) as server:
        yield server


@pytest.fixture(params=["unhurried", "peer"])
def rig(request: pytest.FixtureRequest) -> Rig:
    """Both stand-ins, one after the other."""
    return request.getfixturevalue(request.param)
