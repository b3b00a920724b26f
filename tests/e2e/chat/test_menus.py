"""What people see of the commands, and what becomes of a file."""

from __future__ import annotations

import pytest

from bot.adapters.database.database import Database
from bot.chat.router import MENU
from bot.messages.catalogue import load_catalogue
from tests.desks import NOW, OPERATOR
from tests.e2e.chat.test_roles import EXPECTED
from tests.fake_telegram.answers import Answer, refusal
from tests.fake_telegram.server import FakeTelegram
from tests.loops import BriskClock, Talk, talking
from tests.virtual import until


async def test_the_menus_show_what_may_be_done(talk: Talk) -> None:
    await talk.fake.person(OPERATOR).say("/help")
    await talk.settled(1)
    commands = talk.fake.commands
    for language in ("", "en", "zh"):
        names = {scope: set(listed) for (scope, of), listed in commands.items() if of == language}
        everybody = {one for (role, one), sign in EXPECTED.items() if role == "member" and sign == "+"}
        assert names["all_group_chats"] == everybody
        assert names["all_chat_administrators"] == names["all_private_chats"]
        assert names["all_private_chats"] == {
            one for (r, one), sign in EXPECTED.items() if (r, sign) == ("stranger", "+")
        }
        assert names[f"chat:{OPERATOR}"] == {one.name for one in MENU}
    assert commands["all_private_chats", "zh"]["help"] == load_catalogue("zh").say("chat_cmd_help")
    assert commands["all_private_chats", ""] == commands["all_private_chats", "en"]
    assert list(commands["all_private_chats", "en"]) == [
        one.name for one in MENU if one.name in names["all_private_chats"]
    ]


async def test_a_chart_comes_as_a_picture_with_buttons(talk: Talk) -> None:
    kim = talk.fake.person()
    await kim.say("/chart tech")
    picture = await kim.chat.next_message()
    assert picture.file.body.startswith(b"\x89PNG")
    assert picture.buttons == ["Details", "Why"]


@pytest.mark.parametrize("method", ["sendPhoto", "sendDocument"])
@pytest.mark.parametrize("answer", [Answer(500, b"{}"), Answer(502, b"bad"), refusal(400, "Bad Request: IMAGE")])
async def test_in_the_place_of_a_file_that_fails_come_words(talk: Talk, method: str, answer: Answer) -> None:
    talk.fake.fail(method, answer)
    kim = talk.fake.person()
    await kim.say({"sendPhoto": "/chart tech", "sendDocument": "/export"}[method])
    assert "does not work just now" in (await kim.chat.next_message()).text


async def test_a_menu_that_fails_hides_no_other() -> None:
    clock = BriskClock(NOW)
    database = await Database.open("sqlite://", upgrade=True)
    async with FakeTelegram(clock=clock.monotonic) as fake:
        fake.fail("setMyCommands", refusal(400, "Bad Request: chat not found"))
        async with talking(fake, database, clock, [OPERATOR]) as one:
            await fake.person().say("/help")
            await one.settled(1)
    await database.close()
    assert ("all_private_chats", "") not in fake.commands
    assert {(scope, "zh") for scope in ("all_group_chats", f"chat:{OPERATOR}")} < fake.commands.keys()


async def test_without_menus_the_bot_answers() -> None:
    clock = BriskClock(NOW)
    database = await Database.open("sqlite://", upgrade=True)
    async with FakeTelegram(clock=clock.monotonic) as fake:
        fake.fail("setMyCommands", Answer(500, b"{}"))
        async with talking(fake, database, clock, [OPERATOR]):
            kim = fake.person()
            await kim.say("/help")
            assert "I watch baskets" in (await kim.chat.next_message()).text
    await database.close()
    assert fake.commands == {}


async def test_whoever_becomes_an_operator_has_the_menu_and_whoever_was_one_has_it_no_more() -> None:
    clock = BriskClock(NOW)
    database = await Database.open("sqlite://", upgrade=True)
    operators = {OPERATOR}
    async with FakeTelegram(clock=clock.monotonic) as fake, talking(fake, database, clock, operators) as one:
        await fake.person().say("/help")
        await one.settled(1)
        operators.symmetric_difference_update({OPERATOR, 8001})  # a reload does
        await fake.person().say("/help")
        await one.settled(2)
        await until(lambda: "health" not in fake.commands[f"chat:{OPERATOR}", "zh"])
    await database.close()
    assert set(fake.commands["chat:8001", "en"]) == {one.name for one in MENU}
    assert fake.commands[f"chat:{OPERATOR}", "en"] == fake.commands["all_private_chats", "en"]
