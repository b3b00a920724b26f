"""What would have been said, had it been running all along: always the same, and never by hindsight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.backtest.replay import replay_sessions, replayed_alerts
from bot.pipeline import Rulebook
from tests import told
from tests.property.worlds import any_world
from tests.world import World, basket, book, falling, rule, weekdays

CHECKOUT = Path(__file__).parents[3]


def lines(world: World, rulebook: Rulebook, stop: date | None = None) -> list[str]:
    """The alerts as `replay --format jsonl` writes them."""
    of = told.opened(world.market(rulebook), rulebook)
    return told.lines(of, replayed_alerts(of.board, of.rulebook, stop=stop))


def until(found: Sequence[str], last: date) -> list[str]:
    """The lines about sessions up to `last`."""
    return [line for line in found if json.loads(line)["session"] <= str(last)]


@given(st.integers(0, 10**9), st.floats(0.3, 1))
@settings(max_examples=6)
def test_what_was_said_does_not_depend_on_what_came_later(seed: int, share: float) -> None:
    world, rulebook = any_world(seed, longest=270)
    last = world.days[int(share * (len(world.days) - 1))]
    known = until(lines(world, rulebook), last)
    # What New York did on the last day counts in Seoul on the next one.
    assert until(lines(world.until(last), rulebook), last) == known
    assert lines(world, rulebook, stop=last) == known


def test_a_hundred_sessions_have_something_to_say() -> None:
    """The property above is about something."""
    assert sum(len(lines(*any_world(seed, longest=100))) for seed in range(5)) > 50


TELL = """
import json, sys
sys.path.insert(0, {checkout!r})
from bot.backtest.replay import replayed_alerts
from tests import told
from tests.property.worlds import any_world
world, rulebook = any_world(3, longest=90)
of = told.opened(world.market(rulebook), rulebook)
sys.stdout.reconfigure(encoding="utf-8")
print("\\n".join(told.lines(of, replayed_alerts(of.board, of.rulebook))))
"""


def test_two_processes_say_the_same_byte_for_byte() -> None:
    program = [sys.executable, "-c", TELL.format(checkout=str(CHECKOUT))]
    running = [
        subprocess.Popen(program, stdout=subprocess.PIPE, env=os.environ | {"PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    ]
    first, second = (one.communicate()[0] for one in running)
    assert [one.returncode for one in running] == [0, 0]
    assert first == second
    assert first.count(b"\n") > 10


DAYS = weekdays(300)
RULES = book([basket("memory", "A")], rule("fall", "memory", levels={"notice": {"move": -0.08}}))


def crashing() -> World:
    return World(DAYS).trade("A", falling(299, {100: -0.10, 150: -0.10, 152: -0.20, 250: -0.10}))


def days_told(start: date | None = None, stop: date | None = None) -> list[tuple[date, str]]:
    board = crashing().board(RULES)
    return [(one.session, one.reason.value) for one in replayed_alerts(board, RULES, start, stop)]


def test_every_alert_of_all_the_data() -> None:
    assert days_told() == [
        (DAYS[101], "first"),
        (DAYS[151], "first"),
        (DAYS[153], "deepened"),
        (DAYS[251], "first"),
    ]


@pytest.mark.parametrize(
    ("start", "stop", "places"),
    [(DAYS[151], None, [1, 2, 3]), (DAYS[152], DAYS[153], [2]), (None, DAYS[151], [0, 1]), (DAYS[252], None, [])],
)
def test_a_stretch_is_told_as_in_the_whole(start: date | None, stop: date | None, places: list[int]) -> None:
    """Both ends are included, and an episode that began before keeps its story."""
    whole = days_told()
    assert days_told(start, stop) == [whole[place] for place in places]


def test_progress_is_told_for_every_session() -> None:
    seen: list[tuple[int, int]] = []
    list(replayed_alerts(crashing().board(RULES), RULES, progress=lambda done, total: seen.append((done, total))))
    assert [total for _, total in seen] == [300] * 300
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_open_episodes_are_carried_from_session_to_session() -> None:
    open_ = [bool(one.states) for one in replay_sessions(crashing().board(RULES), RULES)]
    assert [DAYS.index(day) for day, is_open in zip(DAYS, open_, strict=True) if is_open] == [
        *range(101, 107), *range(151, 159), *range(251, 257)
    ]  # fmt: skip
