"""Does a process whose event loop stands still end, and no other?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.timers import CHECKS, Watchdog

ROOT = Path(__file__).parents[3]
HANGS = """\
import asyncio, sys, threading
from bot.adapters import logs
from bot.adapters.timers import Watchdog

def hang():
    threading.Event().wait()

async def main():
    async with Watchdog(0.24):
        await asyncio.sleep(0)
        if len(sys.argv) > 1:
            hang()

logs.configure_logging(json=True)
asyncio.run(main())
"""


def process(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HANGS, *words], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
    )


def test_a_loop_that_stands_still_ends_the_process_and_says_where_it_stood() -> None:
    done = process("hang")
    assert done.returncode == 70
    assert '"event": "the event loop has stood still for 0.24 s' in done.stderr
    assert "in hang" in done.stderr


def test_a_loop_that_goes_on_ends_as_it_likes() -> None:
    done = process()
    assert (done.returncode, done.stderr) == (0, "")


class Checks:
    """The waits of a watchdog; before each of them the loop has ticked, or not."""

    def __init__(self, dog: Watchdog, ticks: list[bool]) -> None:
        self.dog, self.ticks = dog, ticks

    def wait(self, _seconds: float) -> bool:
        if not self.ticks:
            return True
        self.dog._ticked |= self.ticks.pop(0)
        return False


class Ended(Exception):
    pass


@given(st.lists(st.sampled_from([*[False] * 9, True]), max_size=4 * CHECKS))
def test_so_many_checks_in_a_row_without_a_tick_and_no_fewer(ticks: list[bool]) -> None:
    dog = Watchdog()
    dog._ticked = False
    dog._over = Checks(dog, list(ticks))  # type: ignore[assignment]

    def end() -> None:
        raise Ended

    dog._end = end  # type: ignore[method-assign]
    hangs = any(not any(ticks[at : at + CHECKS]) for at in range(len(ticks) - CHECKS + 1))
    if hangs:
        with pytest.raises(Ended):
            dog._guard()
    else:
        dog._guard()
