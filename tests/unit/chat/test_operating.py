"""What the operator asks and orders."""

from __future__ import annotations

import re

import pytest

from bot.errors import ConfigError, ConfigProblem, NoData
from tests.desks import KIM, OPERATOR, Room
from tests.stored import put

BOSS = {"chat": str(OPERATOR), "user": OPERATOR}


async def test_health_shows_source_baskets_and_queue(room: Room) -> None:
    room.clerk.trouble, room.clerk.looked = NoData("no answer <for> MU"), room.clock.now()
    said = await room.say("/health", **BOSS)
    assert "1 minute ago" in said
    assert "no answer <for> MU" in said
    assert "0 waiting" in said


async def test_reload_tells_what_changed_and_what_is_wrong(room: Room) -> None:
    assert "as it was" in await room.say("/reload", **BOSS)
    room.clerk.changes = ["a: 1 → 2 <b>"]
    assert "1 change:\na: 1 → 2 <b>" in await room.say("/reload", **BOSS)
    problem = ConfigProblem("config/bot.toml", "rules[1].window", "is no number", "Write a number.")
    room.clerk.refuses = ConfigError((problem,))
    assert "1 problem\nconfig/bot.toml: rules[1].window" in await room.say("/reload", **BOSS)


async def test_a_silence_and_its_end(room: Room) -> None:
    assert "tech until 2025-07-05" in await room.say("/silence tech 3d the source is wrong", **BOSS)
    assert "the source is wrong" in await room.say("/silence", **BOSS)
    await room.say("/subscribe tech")
    await put(room.database, key="fall", baskets=["tech"], subscribers_of="telegram", created=room.clock.now())
    assert await room.database.undelivered() == []
    assert "No silence any more" in await room.say("/silence tech off", **BOSS)
    assert "Nothing is silenced" in await room.say("/silence", **BOSS)


async def test_a_note_is_kept(room: Room) -> None:
    await room.say("/note all 2d Fire at the plant", **BOSS)
    assert "Note of 2 Jul 2025: Fire at the plant" in await room.say("/note", **BOSS)


@pytest.mark.parametrize(
    ("end", "until"),
    [("2d", "2025-07-04 12:01 UTC"), ("2025-07-02", "2025-07-03 00:00 UTC"), ("2025-7-5", ""), ("soon", "")],
)
async def test_a_note_ends_after_so_long_or_with_a_day(room: Room, end: str, until: str) -> None:
    told = await room.say(f"/note all {end} Fire at the plant", **BOSS)
    listed = await room.say("/note", **BOSS)
    assert ("Noted" in told) == (f"Fire at the plant (until {until})" in listed) == bool(until)


async def test_a_note_does_not_begin_in_the_past(room: Room) -> None:
    assert "Write /note" in await room.say("/note all 2025-07-01 Fire at the plant", **BOSS)
    assert "Write /note" in await room.say("/note all 9999-12-31 Fire at the plant", **BOSS)
    assert "There are no notes" in await room.say("/note", **BOSS)


async def test_the_outbox_lists_what_has_not_arrived(room: Room) -> None:
    await room.say("/subscribe tech")
    await put(room.database, key="fall", baskets=["tech"], subscribers_of="telegram", created=room.clock.now())
    said = await room.say("/outbox", **BOSS)
    assert said.startswith("1 message has not")
    assert f"#FALL {KIM}: pending" in said


async def test_the_operator_hears_how_often_the_rungs_speak_and_what_they_said_last(room: Room) -> None:
    said = await room.say("/tune tech", **BOSS)
    first, *_ = said.splitlines()
    assert first == "Tech: the rungs in force over all history"
    assert "The latest alerts of each rule by itself:" in said
    assert re.search(r"(notice|warning) · −.* %? · fall: move = -\d.0 · alert: ", said)
    assert "Which basket?" in await room.say("/tune", **BOSS)
