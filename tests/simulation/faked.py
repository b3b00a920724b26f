"""What does the whole program do, as a process of its own, when the machine's clock goes fast, jumps or stops?

libfaketime tells it the time; Debian's package `faketime` has it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.adapters.calendars import CachedCalendars
from bot.adapters.database.database import Database
from bot.clock import SystemClock
from bot.prices.calendars import Calendar, CalendarCode
from tests.campaigns.figures import Figure, Told, none_of
from tests.simulation.life import NOTICED, TIMING
from tests.simulation.market import sessions

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
MEMBERS = {"XNYS": ("AAA", "BBB"), "XLON": ("AAA.L", "BBB.L")}
FIRST = date(2025, 1, 2)
RATE = 60
PROMPT = timedelta(minutes=15)  # of the process's clock: on a busy machine some seconds of the real one
CONFIG = """\
[schedule]
poll_minutes = 1
provisional = false
[delivery]
languages = ["en"]
[[rules]]
name = "fall"
baskets = ["*"]
[rules.levels]
notice = { move = -3.0 }
"""
BASKET = '[baskets.{name}]\nname = {{ en = "{name}" }}\ncalendar = "{code}"\nmembers = {members}\n'


@dataclass(frozen=True, slots=True)
class Spell:
    """The clock is set to `begin` (with `asleep`, while the process is stopped) and goes on to `end`."""

    begin: datetime
    end: datetime
    asleep: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A process lives through spells; its clock goes `rate` times as fast as the machine's."""

    name: str
    code: str
    spells: tuple[Spell, ...]
    rate: int = RATE


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _closes(name: str, code: str, *closes: str) -> Case:
    """From five minutes before each of these closes to half an hour after it, in one process."""
    five, half = timedelta(minutes=5), timedelta(minutes=32)
    return Case(name, code, tuple(Spell(_at(one) - five, _at(one) + half) for one in closes))


CASES = (
    _closes("a regular close", "XNYS", "2025-04-04 20:00"),
    _closes("the day after Thanksgiving, 13:00", "XNYS", "2026-11-27 18:00"),
    _closes("Christmas Eve, 13:00", "XNYS", "2026-12-24 18:00"),
    _closes("summer time begins in New York", "XNYS", "2026-03-06 21:00", "2026-03-09 20:00"),
    _closes("summer time begins in London", "XLON", "2026-03-27 16:30", "2026-03-30 15:30"),
    _closes("summer time ends in London", "XLON", "2026-10-23 15:30", "2026-10-26 16:30"),
    _closes("summer time ends in New York", "XNYS", "2026-10-30 20:00", "2026-11-02 21:00"),
    _closes("the year ends", "XNYS", "2025-12-31 21:00", "2026-01-02 21:00"),
    Case(
        "asleep for six hours over a close",
        "XNYS",
        (
            Spell(_at("2025-04-04 18:00"), _at("2025-04-04 18:20")),
            Spell(_at("2025-04-05 00:20"), _at("2025-04-05 00:40"), asleep=True),
        ),
    ),
)
# Only the date is set: what waits by the monotonic clock waits as long as ever, so a poll takes its minute.
JUMPS = Case(
    "an hour back, a day back, a day ahead, and right again",
    "XNYS",
    (
        Spell(_at("2025-04-04 20:20"), _at("2025-04-04 20:22")),
        Spell(_at("2025-04-04 19:22"), _at("2025-04-04 19:23")),
        Spell(_at("2025-04-03 20:23"), _at("2025-04-03 20:25")),
        Spell(_at("2025-04-05 20:25"), _at("2025-04-05 20:27")),
        Spell(_at("2025-04-04 20:27"), _at("2025-04-04 20:28")),
        Spell(_at("2025-04-07 20:21"), _at("2025-04-07 20:23")),
    ),
    rate=1,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was judged during the process's life, and when by its own clock; and everything it wrote."""

    judged: tuple[tuple[date, datetime], ...]
    out: str
    err: str


async def lived(case: Case, calendars: Path) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await _furnish(folder, case, calendars)
        calendar, start = _calendar(case, calendars), case.spells[0].begin - timedelta(minutes=30)
        before = sessions(calendar, start - timedelta(days=9), start, TIMING.settle)[-1]
        _set(folder, replace(case, rate=1), start)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--config", str(folder / "config"), "--prices", str(folder)),
            env=os.environ | _environment(folder, case),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            await _until(folder, "SELECT 1 FROM asked WHERE judged = ?", str(before))  # it has begun, and learned
            for spell in case.spells:
                if spell.asleep:
                    process.send_signal(signal.SIGSTOP)
                _set(folder, case, spell.begin)
                process.send_signal(signal.SIGCONT)
                await asyncio.sleep((spell.end - spell.begin).total_seconds() / case.rate)
                for day in sessions(calendar, spell.begin, spell.end, TIMING.settle):
                    await _until(folder, "SELECT 1 FROM asked WHERE judged = ?", str(day))
            await _until(folder, "SELECT 1 FROM outbox WHERE state = ?", "sent")
        finally:
            process.terminate()
            out, err = await process.communicate()
        with closing(sqlite3.connect(folder / "bot.sqlite3")) as connection:
            rows = connection.execute("SELECT judged, at FROM asked WHERE judged NOT NULL ORDER BY id").fetchall()
    judged = tuple((date.fromisoformat(day), _at(at)) for day, at in rows)
    return Outcome(judged, out.decode(), err.decode())


async def _until(folder: Path, query: str, value: str) -> None:
    """Until there is such a row; after two minutes it will not come."""
    with closing(sqlite3.connect(folder / "bot.sqlite3")) as connection:
        for _ in range(600):
            if connection.execute(query, (value,)).fetchone():
                return
            await asyncio.sleep(0.2)


async def _furnish(folder: Path, case: Case, calendars: Path) -> None:
    """A configuration, prices with a fall on the last session, and a database that notes what is judged."""
    (folder / "config").mkdir()
    (folder / "config" / "bot.toml").write_text(CONFIG)
    members = MEMBERS[case.code]
    basket = BASKET.format(name=case.code.lower(), code=case.code, members=list(members))
    (folder / "config" / "baskets.toml").write_text(basket)
    (folder / "config" / "events.toml").write_text("")
    (folder / "calendars").symlink_to(calendars)
    days = _sessions(case, calendars)
    closes = [100.0 + at % 2 for at in range(len(days))]
    closes[-1] *= 0.9
    rows = "\n".join(f"{day},{close}" for day, close in zip(days, closes, strict=True))
    for symbol in members:
        (folder / f"{symbol}.csv").write_text(f"date,close\n{rows}\n")
    database = await Database.open(f"sqlite:///{folder / 'bot.sqlite3'}", upgrade=True)
    await database.close()
    with closing(sqlite3.connect(folder / "bot.sqlite3")) as connection:
        connection.executescript(NOTICED)


def _calendar(case: Case, calendars: Path) -> Calendar:
    return CachedCalendars(calendars, SystemClock()).get(CalendarCode(case.code))


def _sessions(case: Case, calendars: Path) -> list[date]:
    """All up to the end of the case."""
    begin = datetime.combine(FIRST, datetime.min.time(), UTC)
    return sessions(_calendar(case, calendars), begin, case.spells[-1].end, TIMING.settle)


def _environment(folder: Path, case: Case) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": str(int(case.rate == 1)),
        "TZ": "UTC",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "BOT_STORAGE__DATA_DIR": str(folder),
    }


def _set(folder: Path, case: Case, now: datetime) -> None:
    """From now on it is `now`: the library begins anew when the file changes."""
    part = folder / "clock.part"
    part.write_text(f"@{now:%Y-%m-%d %H:%M:%S} x{case.rate}\n")
    part.replace(folder / "clock")


def faults(case: Case, outcome: Outcome, calendars: Path) -> list[str]:
    """What is wrong: every session is judged once and in order, those that ended meanwhile at once."""
    days, calendar = _sessions(case, calendars), _calendar(case, calendars)
    judged = [day for day, _ in outcome.judged]
    learned = len(days) - len(judged)
    found = [] if judged == days[learned:] else [f"judged {judged[-4:]}, not {days[-4:]}"]
    for spell in case.spells:
        for day in sessions(calendar, spell.begin, spell.end, TIMING.settle):
            (due,) = calendar.closes[calendar.sessions.tolist().index(day) :][:1].tolist()
            settled = datetime.fromtimestamp(due, UTC) + TIMING.settle
            found += [f"{day} at {at}" for one, at in outcome.judged if one == day and not on_time(at, settled)]
    if (told := outcome.out.count("event #")) != 1:
        found.append(f"{told} messages")
    if ("Late: " in outcome.out) != any(spell.asleep for spell in case.spells):
        found.append("late, or not, and says otherwise")
    return found + (["a traceback"] if "Traceback" in outcome.err else [])


def on_time(at: datetime, settled: datetime) -> bool:
    return settled <= at <= settled + PROMPT


async def campaign(calendars: Path, told: Told, cases: Sequence[Case] = (*CASES, JUMPS)) -> list[Figure]:
    if LIBRARY is None:
        return [none_of("faketime is not installed (apt install faketime): cases not tried", len(cases))]
    figures = []
    for number, case in enumerate(cases):
        wrong = faults(case, await lived(case, calendars), calendars)
        figures.append(none_of(f"faketime, {case.name}: faults", len(wrong), "; ".join(wrong[:2])))
        told(number + 1, len(cases))
    return figures
