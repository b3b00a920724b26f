"""Whatever people write, they get a reply that Telegram takes and that says what to write instead."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.chat.requests import Audience
from bot.chat.router import MENU
from bot.messages.catalogue import load_catalogue
from tests.desks import KIM, LONGEST_ID, OPERATOR, Room

NONSENSE = {
    "unknown": "memry",
    "long": "x" * 600,
    "many": "a " * 300,
    "markup": "<b>&lt;</i> <a href='http://evil'>",
    "bidi": "\u202etech\u2066\u200f",
    "nul": "tech\x00\x07",
    "emoji": "🔴👩\u200d👩\u200d👧",
    "astral": "🔴" * 300,
    "halves": "\ud83d",
    "number": "-8",
    "float": "1e308 nan inf",
    "day": "9999-12-31",
    "past": "tech 0001-01-01",
    "weekend": "tech 2025-06-21",
    "format": "{name} %s {0}",
    "all": "all all all",
    "zone": "../../etc/passwd",
    "span": "99999w",
    "zero": "0d",
    "hours": "25:00-07:00",
}
WORKING = [one.name for one in MENU if one.name not in ("chart", "start")]
BOSS = {"chat": str(OPERATOR), "user": OPERATOR}


@pytest.mark.parametrize("text", NONSENSE.values(), ids=NONSENSE.keys())
async def test_every_command_survives_every_nonsense(either: Room, text: str) -> None:
    trouble = load_catalogue(either.language).say("chat_trouble")
    for name in WORKING:
        said = await either.say(f"/{name} {text}", **BOSS)
        assert said
        assert said != trouble
        assert not set("\x00\x07\u202e\u2066\u200f\u200d") & set(said)


@pytest.mark.parametrize("text", ["", "hello", "<b>", "/nothing", "/", "//start", "/unknown tech", "\x00"])
async def test_what_is_no_command_is_told_so_in_private(room: Room, text: str) -> None:
    assert "did not understand" in await room.say(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.sampled_from(WORKING), text=st.text(max_size=80))
async def test_any_text_at_all(room: Room, command: str, text: str) -> None:
    said = await room.say(f"/{command} {text}", **BOSS)
    assert said
    assert said != load_catalogue("en").say("chat_trouble")


@pytest.mark.parametrize("command", ["subscribe", "unsubscribe", "status", "chart", "why", "level", "mute", "unmute"])
async def test_an_unknown_basket_is_answered_with_the_likely_ones(room: Room, command: str) -> None:
    rest = {"level": " severe", "mute": " 1d"}.get(command, "")
    reply = await room.reply(f"/{command} tehc{rest}")
    assert "no basket “tehc”" in reply.message.plain
    assert [key.command for row in reply.buttons for key in row] == [f"{command} tech"]


async def test_a_basket_unlike_any_is_answered_with_all(room: Room) -> None:
    assert len(await room.buttons("/status zzzzzzzz")) == 4


@pytest.mark.parametrize("command", ["status", "chart", "why"])
async def test_no_basket_is_asked_for(room: Room, command: str) -> None:
    reply = await room.reply(f"/{command}")
    assert reply.message.plain == "Which basket?"
    assert f"{command} {LONGEST_ID}" in [key.command for row in reply.buttons for key in row]


@pytest.mark.parametrize("command", ["level tech severe", "mute tech 1d", "unmute tech"])
async def test_a_basket_the_chat_does_not_hear_of_is_offered(room: Room, command: str) -> None:
    reply = await room.reply(f"/{command}")
    assert "does not hear of that basket" in reply.message.plain
    assert [key.command for row in reply.buttons for key in row] == ["subscribe tech"]


@pytest.mark.parametrize("word", ["0d", "-1d", "1y", "d", "99999d", "1.5h", "3 days", "∞d"])
async def test_an_absurd_span_is_no_mute(room: Room, word: str) -> None:
    await room.say(f"/mute {word}")
    known = await room.database.subscriber("telegram", KIM)
    assert known is None or known.muted_until is None


@pytest.mark.parametrize(
    "hours", ["25:00-07:00", "22:60-07:00", "22:00", "22:00-22:00", "22-7", "24:00-07:00", "night", "22:00-07:00-09:00"]
)
async def test_hours_that_are_none_are_explained(room: Room, hours: str) -> None:
    assert "/quiet 22:00-07:00" in await room.say(f"/quiet {hours}")
    assert await room.database.subscriber("telegram", KIM) is None


@pytest.mark.parametrize("hours", ["22:00-07:00", "9:00–17:00", "0:00-24:00", "22:00 — 07:00", "23:59-00:00"])
async def test_hours_as_people_write_them(room: Room, hours: str) -> None:
    if hours == "0:00-24:00":
        assert "/quiet 22:00-07:00" in await room.say(f"/quiet {hours}")
    else:
        assert "Quiet hours" in await room.say(f"/quiet {hours}")


@pytest.mark.parametrize(
    ("word", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("utc", "UTC"),
    ],
)
async def test_zones_as_people_write_them(room: Room, word: str, zone: str) -> None:
    assert zone in await room.say(f"/timezone {word}")
    assert (await room.database.subscriber("telegram", KIM)).zone == zone


@pytest.mark.parametrize("word", ["Berln", "Mars/Olympus", "../../etc/passwd", "localtime", "posix/UTC", "+25"])
async def test_a_zone_that_is_none_is_explained(room: Room, word: str) -> None:
    said = await room.say(f"/timezone {word}")
    assert said.startswith("There is no such time zone.")
    assert "/timezone Europe/Berlin" in said
    assert await room.database.subscriber("telegram", KIM) is None


async def test_a_misspelt_city_is_offered(room: Room) -> None:
    assert "timezone Europe/Berlin" in await room.buttons("/timezone Berln")


@pytest.mark.parametrize("word", ["klingon", "en-gb-oed", "xx", "1"])
async def test_a_language_we_do_not_have_is_answered_with_those_we_have(room: Room, word: str) -> None:
    assert await room.buttons(f"/language {word}") == ["language en", "language zh"]
    assert await room.database.subscriber("telegram", KIM) is None


@pytest.mark.parametrize(
    "order", ["silence tech", "silence tech soon why", "silence tech 3d", "note all", "note all 2d"]
)
async def test_an_order_without_end_or_text_is_explained(room: Room, order: str) -> None:
    assert f"Write /{order.partition(' ')[0]}" in await room.say(f"/{order}", **BOSS)


def test_the_commands_of_everybody_are_tested_with_nonsense() -> None:
    assert {one.name for one in MENU if one.audience is not Audience.OPERATORS} - {*WORKING} == {"chart", "start"}
