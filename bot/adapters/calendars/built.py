"""Which calendars are built already, and who builds the others?

The library takes 0.3 s and 50 MB to import, and up to 4 s for one calendar (Seoul). So another process asks it, once a
year and version, and the sessions are kept in files that are read in milliseconds.
"""

from __future__ import annotations

import contextlib
import copy
import io
import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np

from bot.clock import Clock
from bot.errors import BotError, NoData
from bot.prices.calendars import Calendar, CalendarCode, UnscheduledClosure, with_closures

BUILD = Path(__file__).with_name("build.py")
PATIENCE_SECONDS = 300

Archive = Mapping[str, Any]


class ExchangeCalendars:
    """The calendars of exchange_calendars, from 1927 (or the library's first day) to the end of next year.

    A few end with this year, as long as the library does not know next year's holidays. `on_build` hears which codes
    are about to be built. Where `cache_dir` cannot be written, they are built once a process. The library knows
    nothing of the `closures`.
    """

    def __init__(
        self,
        cache_dir: Path,
        clock: Clock,
        on_build: Callable[[Sequence[CalendarCode]], None] = lambda _codes: None,
    ) -> None:
        self._cache_dir = cache_dir
        self._clock = clock
        self._on_build = on_build
        self._known: dict[tuple[CalendarCode, int], Calendar | str] = {}
        self.closures: Sequence[UnscheduledClosure] = ()

    def closed(self, closures: Sequence[UnscheduledClosure]) -> Self:
        """The same calendars with these closures in place of the others; what is built serves both."""
        other = copy.copy(self)
        other.closures = closures
        return other

    def get(self, code: CalendarCode) -> Calendar:
        """The calendar of `code`. Raises NoData if the library has none or cannot build it."""
        year = self._last_year()
        if (code, year) not in self._known:
            self.prepare([code])
        known = self._known[code, year]
        if isinstance(known, str):
            raise NoData(
                f"exchange_calendars {version('exchange_calendars')} gives no calendar {code} ({known})."
                " Choose another calendar for the basket, or leave out the symbols of that exchange."
            )
        return with_closures(known, self.closures)

    def prepare(self, codes: Iterable[CalendarCode]) -> None:
        """Have all of these at hand; one process builds what is missing. Raises BotError if it breaks down."""
        year = self._last_year()
        wanted = [code for code in dict.fromkeys(codes) if (code, year) not in self._known]
        self._known |= {(code, year): kept for code in wanted if (kept := _load(code, self._file(code, year)))}
        missing = [code for code in wanted if (code, year) not in self._known]
        if not missing:
            return
        self._on_build(missing)
        archive = _built(missing, year)
        for code in missing:
            self._known[code, year] = _calendar(code, archive)
            _save(code, archive, self._file(code, year))

    def _last_year(self) -> int:
        return self._clock.now().year + 1

    def _file(self, code: CalendarCode, year: int) -> Path:
        # The name tells what built it, so that nothing old is read after an update of the library or of our program.
        builder = f"{version('exchange_calendars')}-{zlib.crc32(BUILD.read_bytes()):08x}"
        return self._cache_dir / f"{code.replace('/', '_')}-{year}-{builder}.npz"


def _calendar(code: CalendarCode, archive: Archive) -> Calendar | str:
    """The calendar in an archive, or what hindered its being built."""
    if f"{code} error" in archive:
        return str(archive[f"{code} error"])
    days, opens, closes = archive[f"{code} times"]
    return Calendar(code, str(archive[f"{code} zone"]), days.astype("M8[D]"), opens, closes)


def _load(code: CalendarCode, file: Path) -> Calendar | None:
    """The calendar kept in `file`; None if there is none that can be read."""
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as archive:
            kept = _calendar(code, archive)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return None
    return kept if isinstance(kept, Calendar) else None


def _save(code: CalendarCode, archive: Archive, file: Path) -> None:
    """Keep one calendar, whole or not at all; a folder that cannot be written costs time, no more."""
    mine = {name: values for name, values in archive.items() if name in {f"{code} zone", f"{code} times"}}
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        if mine:
            file.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                np.savez(stream, **mine)
            part.replace(file)


def _built(codes: Sequence[CalendarCode], year: int) -> Archive:
    command = [sys.executable, "-P", "-W", "ignore", str(BUILD), str(year), *codes]
    try:
        done = subprocess.run(  # noqa: S603  # our own program, and no shell reads the codes
            command, capture_output=True, check=True, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL
        )
        with np.load(io.BytesIO(done.stdout), allow_pickle=False) as archive:
            return dict(archive)
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    except (OSError, ValueError, EOFError, subprocess.TimeoutExpired, zipfile.BadZipFile) as error:
        why = str(error)
    raise BotError(
        f"The calendars {', '.join(codes)} could not be built: {why}. Install the bot's requirements again, or try"
        f" `{sys.executable} {BUILD} {year} {' '.join(codes)}` to see more."
    )
