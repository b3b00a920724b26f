from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from bot.adapters import calendars as module
from bot.adapters.calendars import CachedCalendars
from bot.adapters.price_files import CsvFolder
from bot.errors import BotError, NoData
from bot.prices.bars import Symbol
from bot.prices.calendars import Calendar, CalendarCode
from tests.moment.calendars import calendars_with
from tests.virtual import VirtualClock

XNYS, XAMS, ALWAYS, NONE = (CalendarCode(code) for code in ("XNYS", "XAMS", "24/7", "NONE"))
REAL_PRICES = Path(os.environ.get("REAL_DATA", "absent")) / "prices"
CLOCK = VirtualClock(datetime(2026, 7, 2, 12, tzinfo=UTC))


QUICK = """
import io, sys, numpy as np
days = np.arange(-3650, 0) + (int(sys.argv[1]) - 1969) * 365
times = np.stack([days, days * 86400, days * 86400 + 3600])
archive = {}
for code in sys.argv[2:]:
    archive |= {f"{code} zone": "UTC", f"{code} times": times}
buffer = io.BytesIO()
np.savez(buffer, **archive)
sys.stdout.buffer.write(buffer.getvalue())
"""


@pytest.fixture(scope="module")
def warm() -> Path:
    """A cache folder with New York and Amsterdam."""
    return calendars_with(XNYS, XAMS, now=CLOCK.now())


@pytest.fixture
def quick(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the program that builds, without the library: a session every day for ten years."""
    program = tmp_path_factory.mktemp("program") / "build.py"
    program.write_text(QUICK)
    monkeypatch.setattr(module, "BUILD_PROGRAM", program)


class Told(list[Sequence[CalendarCode]]):
    """Remembers what was built."""

    def __call__(self, codes: Sequence[CalendarCode]) -> None:
        self.append(list(codes))


def session(calendar: Calendar, day: str) -> tuple[datetime, datetime]:
    row = int(np.searchsorted(calendar.sessions, np.datetime64(day)))
    assert str(calendar.sessions[row]) == day
    return datetime.fromtimestamp(calendar.opens[row], UTC), datetime.fromtimestamp(calendar.closes[row], UTC)


def test_new_york(warm: Path) -> None:
    calendar = CachedCalendars(warm, CLOCK).get(XNYS)
    assert (calendar.code, calendar.zone) == ("XNYS", "America/New_York")
    assert str(calendar.sessions[0]) == "1927-01-03"
    assert str(calendar.sessions[-1]) == "2027-12-31"
    assert (np.diff(calendar.sessions) > np.timedelta64(0, "D")).all()
    assert (calendar.opens < calendar.closes).all()
    assert (calendar.closes[:-1] < calendar.opens[1:]).all()
    assert session(calendar, "2026-07-02") == (
        datetime(2026, 7, 2, 13, 30, tzinfo=UTC),
        datetime(2026, 7, 2, 20, tzinfo=UTC),
    )
    assert session(calendar, "2026-11-27")[1] == datetime(2026, 11, 27, 18, tzinfo=UTC)
    closed = [
        "2026-07-03",
        "2025-01-09",
        "2012-10-29",
        "2012-10-30",
        "2001-09-11",
        "1968-11-28",
        "1950-07-04",
        "1929-11-29",
    ]
    assert not np.isin(np.array(closed, dtype="M8[D]"), calendar.sessions).any()
    crash = np.array(["1929-10-28", "1929-10-29", "1987-10-19"], dtype="M8[D]")
    assert np.isin(crash, calendar.sessions).all()


@pytest.mark.skipif(not REAL_PRICES.is_dir(), reason="REAL_DATA names no folder with prices")
def test_new_york_had_a_session_on_every_day_of_a_century_that_has_a_price(warm: Path) -> None:
    calendar = CachedCalendars(warm, CLOCK).get(XNYS)
    for symbol in ("GSPC", "MU", "SPY"):
        dates = CsvFolder(REAL_PRICES).bars(Symbol(symbol)).dates
        inside = (calendar.sessions >= dates[0]) & (calendar.sessions <= dates[-1])
        np.testing.assert_array_equal(calendar.sessions[inside], dates)


def test_what_is_built_is_not_built_again(warm: Path) -> None:
    told = Told()
    calendars = CachedCalendars(warm, CLOCK, told)
    calendars.prepare([XNYS, XAMS])
    assert calendars.get(XNYS) is calendars.get(XNYS)
    assert told == []


def test_several_are_built_at_once_and_each_is_announced(tmp_path: Path) -> None:
    told = Told()
    calendars = CachedCalendars(tmp_path / "new", CLOCK, told)
    calendars.prepare([XAMS, ALWAYS, XAMS])
    assert told == [[XAMS, ALWAYS]]
    assert calendars.get(ALWAYS).zone == "UTC"
    assert told == [[XAMS, ALWAYS]]
    assert sorted(path.suffix for path in (tmp_path / "new").iterdir()) == [".npz", ".npz"]


def test_reading_what_is_built_needs_no_pandas(warm: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from datetime import UTC, datetime;"
        "from bot.adapters.calendars import CachedCalendars; from tests.virtual import VirtualClock;"
        "CachedCalendars(Path(sys.argv[1]), VirtualClock(datetime(2026, 7, 2, tzinfo=UTC))).get('XNYS');"
        "print({'pandas', 'exchange_calendars'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(warm)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_it_is_built_wherever_the_program_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    assert len(CachedCalendars(tmp_path / "cache", CLOCK).get(ALWAYS).sessions) > 30_000


@pytest.mark.usefixtures("quick")
def test_a_file_that_cannot_be_read_is_built_anew(tmp_path: Path) -> None:
    CachedCalendars(tmp_path, CLOCK).get(ALWAYS)
    [file] = tmp_path.iterdir()
    good = file.read_bytes()
    for bad in (b"", b"PK\x03\x04 rubbish", b"\x93NUMPY rubbish", good[: len(good) // 2]):
        file.write_bytes(bad)
        told = Told()
        assert CachedCalendars(tmp_path, CLOCK, told).get(ALWAYS).zone == "UTC"
        assert told == [[ALWAYS]]
        assert len(file.read_bytes()) == len(good)


@pytest.mark.usefixtures("quick")
def test_where_nothing_can_be_kept_they_are_built_once_a_process(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = Told()
    calendars = CachedCalendars(tmp_path / "file", CLOCK, told)
    assert calendars.get(ALWAYS) is calendars.get(ALWAYS)
    assert told == [[ALWAYS]]


def test_a_calendar_that_cannot_be_built_says_so_once_and_hinders_no_other(tmp_path: Path) -> None:
    told = Told()
    calendars = CachedCalendars(tmp_path, CLOCK, told)
    calendars.prepare([NONE, ALWAYS])
    assert len(calendars.get(ALWAYS).sessions) > 30_000
    for _ in range(2):
        with pytest.raises(NoData, match=r"gives no calendar NONE .*NONE, does not exist"):
            calendars.get(NONE)
    assert told == [[NONE, ALWAYS]]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_program_that_breaks_down_is_reported_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import sys\nprint('first', file=sys.stderr)\nraise SystemExit('no module named pandas')\n")
    monkeypatch.setattr(module, "BUILD_PROGRAM", broken)
    with pytest.raises(BotError, match=r"24/7 could not be built: no module named pandas\. Install"):
        CachedCalendars(tmp_path, CLOCK).get(ALWAYS)
    broken.write_text("print('not an archive')")
    with pytest.raises(BotError, match="could not be built"):
        CachedCalendars(tmp_path, CLOCK).get(ALWAYS)
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(BotError, match="could not be built"):
        CachedCalendars(tmp_path, CLOCK).get(ALWAYS)


@pytest.mark.usefixtures("quick")
def test_at_new_year_a_year_is_added(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    calendars = CachedCalendars(tmp_path, clock)
    before = calendars.get(ALWAYS)
    clock.seconds = 60
    after = calendars.get(ALWAYS)
    assert after.sessions[-1] - before.sessions[-1] == np.timedelta64(365, "D")


@pytest.mark.usefixtures("quick")
def test_two_may_build_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: CachedCalendars(tmp_path, CLOCK).get(ALWAYS), range(2))
    np.testing.assert_array_equal(one.sessions, other.sessions)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]
