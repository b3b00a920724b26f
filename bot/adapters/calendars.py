"""Exchange calendars of exchange_calendars, built in a child process and cached in files.

The library takes 0.3 s and 50 MB to import, and up to 4 s for one calendar (Seoul). A file is read in milliseconds.
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

BUILD_PROGRAM = Path(__file__).with_name("calendars_build.py")
BUILD_TIMEOUT_SECONDS = 300

Archive = Mapping[str, Any]


class CachedCalendars:
    """The calendars of exchange_calendars, from 1927 (or the library's first day) to the end of next year.

    A few end with this year, as long as the library lacks next year's holidays. `on_build` is called with the codes to
    build, once a year and version of the library. If `cache_dir` cannot be written, calendars are built once a process.
    The files do not contain the `closures`.
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
        self._calendars: dict[tuple[CalendarCode, int], Calendar | str] = {}
        self.closures: Sequence[UnscheduledClosure] = ()

    def closed(self, closures: Sequence[UnscheduledClosure]) -> Self:
        """The same calendars with other closures; both share the built calendars."""
        calendars = copy.copy(self)
        calendars.closures = closures
        return calendars

    def get(self, code: CalendarCode) -> Calendar:
        """The calendar of `code`. Raises NoData if the library has none or cannot build it."""
        year = self._last_year()
        if (code, year) not in self._calendars:
            self.prepare([code])
        calendar = self._calendars[code, year]
        if isinstance(calendar, str):
            raise NoData(
                f"exchange_calendars {version('exchange_calendars')} gives no calendar {code} ({calendar})."
                " Choose another calendar for the basket, or leave out the symbols of that exchange."
            )
        return with_closures(calendar, self.closures)

    def prepare(self, codes: Iterable[CalendarCode]) -> None:
        """Load all calendars of `codes`; one process builds the missing ones. Raises BotError if the process fails."""
        year = self._last_year()
        missing = []
        for code in dict.fromkeys(codes):
            if (code, year) not in self._calendars:
                if calendar := _load(code, self._path(code, year)):
                    self._calendars[code, year] = calendar
                else:
                    missing.append(code)
        if missing:
            self._on_build(missing)
            archive = _build(missing, year)
            for code in missing:
                self._calendars[code, year] = _to_calendar(code, archive)
                _save(code, archive, self._path(code, year))

    def _last_year(self) -> int:
        return self._clock.now().year + 1

    def _path(self, code: CalendarCode, year: int) -> Path:
        # The name holds what built it, so that nothing old is read after an update of the library or of our program.
        builder = f"{version('exchange_calendars')}-{zlib.crc32(BUILD_PROGRAM.read_bytes()):08x}"
        return self._cache_dir / f"{code.replace('/', '_')}-{year}-{builder}.npz"


def _to_calendar(code: CalendarCode, archive: Archive) -> Calendar | str:
    """The calendar in an archive, or the reason why it could not be built."""
    if f"{code} error" in archive:
        return str(archive[f"{code} error"])
    days, opens, closes = archive[f"{code} times"]
    return Calendar(code, str(archive[f"{code} zone"]), days.astype("M8[D]"), opens, closes)


def _load(code: CalendarCode, path: Path) -> Calendar | None:
    """The calendar in `path`; None if there is none that can be read."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            calendar = _to_calendar(code, archive)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return None
    return calendar if isinstance(calendar, Calendar) else None


def _save(code: CalendarCode, archive: Archive, path: Path) -> None:
    """Write a calendar that could be built, whole or not at all. Where that fails, the next start takes longer."""
    if f"{code} error" in archive:
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            np.savez(stream, **{name: archive[name] for name in (f"{code} zone", f"{code} times")})
        part.replace(path)


def _build(codes: Sequence[CalendarCode], year: int) -> Archive:
    """The archive that the child process writes. Raises BotError."""
    command = [sys.executable, "-P", "-W", "ignore", str(BUILD_PROGRAM), str(year), *codes]
    try:
        process = subprocess.run(  # noqa: S603  # our own program, and no shell reads the codes
            command, capture_output=True, check=True, timeout=BUILD_TIMEOUT_SECONDS, stdin=subprocess.DEVNULL
        )
        with np.load(io.BytesIO(process.stdout), allow_pickle=False) as archive:
            return dict(archive)
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    except (OSError, ValueError, EOFError, subprocess.TimeoutExpired, zipfile.BadZipFile) as error:
        why = str(error)
    raise BotError(
        f"The calendars {', '.join(codes)} could not be built: {why}. Install the bot's requirements again, or try"
        f" `{sys.executable} {BUILD_PROGRAM} {year} {' '.join(codes)}` to see more."
    )
