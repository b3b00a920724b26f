"""Is the machine's clock right, does the database serve, and is there room on the disk?"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from bot.adapters.database import Database
from bot.adapters.disks import across_a_network, passing
from bot.app.doctor.finding import Finding, Mark, failed
from bot.app.worker import database_url
from bot.delivery import State
from bot.errors import StoreError
from bot.settings import Settings

MOST_WRONG = timedelta(seconds=60)
LEAST_FREE = 200_000_000  # bytes; the caches of five hundred symbols take half of that
NTP = "Let the machine keep time by itself (on Linux: timedatectl set-ntp true); until then sessions are judged too {}."
ANSWER = "See the lines of Telegram and Yahoo above."
WAITING = (State.PENDING, State.SENDING)
UNSURE = (State.FAILED, State.UNCERTAIN)
LASTING = "Give the bot a volume for [storage] data_dir, or a PostgreSQL by DATABASE_URL."


def check_clock(ahead: Mapping[str, timedelta | None], now: datetime) -> Finding:
    """The clock, held against the first who answered; `ahead` is by how much theirs is."""
    told = [(name, one) for name, one in ahead.items() if one is not None]
    here = f"{now:%d %b %Y %H:%M:%S} UTC"
    if not told:
        return Finding("clock", Mark.WARN, f"{here}; nobody answered who could tell whether that is right", ANSWER)
    name, theirs = told[0]
    seconds = round(theirs.total_seconds())
    if abs(theirs) <= MOST_WRONG:
        return Finding("clock", Mark.OK, f"{here}, within {abs(seconds) + 1} s of {name}")
    word, effect = ("behind", "late") if seconds > 0 else ("ahead of", "early")
    return Finding("clock", Mark.WARN, f"{here}, {abs(seconds)} s {word} {name}", NTP.format(effect))


async def check_database(settings: Settings, transport: str) -> list[Finding]:
    """Whether it opens, has this program's tables and may be written; who works with it, and what waits in it."""
    try:
        url = database_url(settings)
    except StoreError as error:
        return [failed("database", error)]
    file = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
    found = _place(file.absolute().parent) if file else []
    if file and not file.exists():
        seen = f"{file}: there is none yet"
        remedy = "`run` makes it at its first start. If there was one before, restore it: it holds the subscriptions."
        return [Finding("database", Mark.WARN, seen, remedy), *found]
    try:
        database = await Database.open(url)
        try:
            return [await _stored(database, transport), *found]
        finally:
            await database.close()
    except StoreError as error:
        return [failed("database", error), *found]


async def _stored(database: Database, transport: str) -> Finding:
    await database.rehearse()
    lease = await database.look()
    counts = await database.counts(transport)
    waiting, unsure = (sum(counts.get(one, 0) for one in states) for states in (WAITING, UNSURE))
    holder = f"process {lease.holder} holds" if lease and lease.holder else "nobody holds"
    more = f"{waiting} deliveries wait" + (f", {unsure} did not certainly arrive" if unsure else "")
    remedy = "`python -m bot deliveries` lists them." if waiting or unsure else ""
    return Finding(
        "database", Mark.OK, f"{database.place}: opens and may be written; {holder} the lease; {more}", remedy
    )


def _place(folder: Path) -> list[Finding]:
    if why := passing(folder):
        return [Finding("database", Mark.WARN, f"{folder} will not last: {why}", LASTING)]
    if kind := across_a_network(folder):
        return [Finding("database", Mark.WARN, f"{folder} is on {kind}, across a network: SQLite is not safe", LASTING)]
    return []


def check_disk(folder: Path) -> Finding:
    """Whether the data folder takes files, and how much room it has."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"room")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        remedy = "Give this user the right to write there, or name another folder with [storage] data_dir."
        return Finding("disk", Mark.FAIL, f"{folder} takes no files ({error.strerror})", remedy, StoreError.exit_code)
    seen = f"{folder}: {free // 1_000_000:,} MB free"
    if free < LEAST_FREE:
        return Finding("disk", Mark.WARN, seen, "Make room: without any, nothing new can be noted or sent.")
    return Finding("disk", Mark.OK, seen)
