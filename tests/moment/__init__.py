"""The moment at which every run of the tests begins, for this process and for those that it starts."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

ROOT = Path(__file__).parents[2]
# An hour and a half after New York's close. TESTS_AT=2026-11-27T18:10:00+00:00 begins at another moment.
MOMENT = datetime.fromisoformat(os.environ.get("TESTS_AT", "2026-07-02T21:30:00+00:00"))
INHERITED = ("PATH", "PYTHONPATH", "TESTS_OFFSET", "TZ", "LANG", "LD_PRELOAD", "FAKETIME")


def begin() -> None:
    """Time goes on from MOMENT, in all of pytest's workers alike: they inherit the distance to the machine's time."""
    now = datetime.now(UTC)  # noqa: TID251  the machine's time is wanted
    offset = float(os.environ.setdefault("TESTS_OFFSET", str((MOMENT - now).total_seconds())))
    time_machine.travel(now + timedelta(seconds=offset), tick=True).start()


def begin_in_processes() -> None:
    """Python processes that are started from now on read the distance in sitecustomize.py."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])


def environment(**more: str) -> dict[str, str]:
    """The least that a process of the program needs, and `more`."""
    return {name: value for name, value in os.environ.items() if name.startswith(INHERITED)} | more
