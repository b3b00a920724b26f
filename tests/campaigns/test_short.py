"""The campaigns, as short as they can be: whether they come out right, not how fast."""

from __future__ import annotations

import random

import pytest

from tests.campaigns import kills
from tests.campaigns.crashes import crashed
from tests.campaigns.invariants import broken
from tests.campaigns.mines import POINTS

# What the only chat reads of a severe alert when the process is killed at the first pass of a point: one entry a
# copy, True if it says that it may be a repeat.
READ = {
    "lease taken": [False],
    "event begins": [False],
    "event in the fan-out": [False],
    "event commits": [False],
    "event committed": [False],
    "claim commits": [False],
    "claim committed": [True],
    "request answered": [False, True],
    "record commits": [False, True],
    "record committed": [False],
}


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_a_named_point_costs_at_most_a_marked_repeat(point):
    crash = await crashed(point, 1, ("3001",))
    assert crash.reached
    assert broken(crash.evidence) == []
    copies = [copy for copy in crash.evidence.copies if copy.event == "severe"]
    assert [copy.repeated for copy in copies] == READ[point]
    assert [copy.pictured for copy in copies] == [not one for one in READ[point]]


async def test_a_point_that_is_never_reached_kills_nobody():
    crash = await crashed("claim committed", 5, ("3001",))
    assert not crash.reached
    assert broken(crash.evidence) == []


@pytest.fixture
def small(monkeypatch):
    """Few chats, and a clock on which the twenty seconds until a repeat are two."""
    monkeypatch.setattr(kills, "CHATS", kills.CHATS[:20])
    monkeypatch.setattr(kills, "ENOUGH", 2)
    monkeypatch.setattr(kills, "SHARDS", 1)
    monkeypatch.setattr(kills, "RIG", {"pace": 10.0, "beat": 1.0, "glance": 0.3, "patience": 2.5})


@pytest.mark.parametrize("trial", [kills.kills, kills.stops])
async def test_a_few_signals_lose_nothing(small, trial):
    figures = await trial(3, lambda done, of: None, random.Random(1))
    # A mean over three kills says nothing (+- 4.6): that is for the long form.
    assert [one for one in figures if not one.kept and "mean" not in one.what] == []
