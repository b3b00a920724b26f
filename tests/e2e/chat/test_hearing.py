"""How loop 3 hears when Telegram, people or the process are not as they should be."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.adapters.telegram.client import TelegramClient
from bot.adapters.telegram.gateway import TelegramGateway
from bot.chat.router import ChatRouter
from bot.chat.service import ChatService
from bot.delivery.rate_limits import RateLimits
from bot.errors import InvalidToken, NoData
from tests.canary import TOKEN
from tests.desks import Clerk, drawn
from tests.fake_telegram.answers import HALF, HANG, RESET, Answer, flood, refusal
from tests.fake_telegram.server import FakeTelegram
from tests.loops import HandClock, Talk, alert, message, talking
from tests.specimens import PRIVATE
from tests.virtual import until

CONFLICT = refusal(409, "Conflict: terminated by other getUpdates request")


# What arrives twice, in another order, or is no update


async def test_each_update_is_handled_once(talk: Talk) -> None:
    kim = talk.fake.person()
    kim.chat.refuses = None
    text = {"from": kim.as_json()}
    for number in (13, 11, 13, 12, 11, 13):
        talk.force("message", message(kim.chat.as_json(), f"/help {number}", **text), number)
    await talk.settled(3)
    assert len(kim.chat.texts) == 3
    for number in (12, 13):  # a server that sends again what was confirmed
        talk.force("message", message(kim.chat.as_json(), "/help", **text), number)
    await kim.say("/help")
    await until(lambda: len(kim.chat.texts) == 4)
    await talk.settled()
    assert (len(kim.chat.texts), talk.chat.counts["heard"]) == (4, 4)


async def test_what_was_put_while_nobody_listened_is_answered(fake: FakeTelegram, database, clock) -> None:
    kim = fake.person()
    await kim.say("/start")
    async with talking(fake, database, clock):
        assert "I watch baskets" in (await kim.chat.next_message()).text


async def test_after_a_stop_nothing_is_answered_again(fake: FakeTelegram, database, clock) -> None:
    kim = fake.person()
    for _ in range(2):
        async with talking(fake, database, clock) as talk:
            await kim.say("/help")
            await kim.chat.next_message()
            await until(lambda: not fake.updates.pending)
            await talk.settled()
    assert len(kim.chat.texts) == 2


async def test_a_stop_says_what_was_asked_before_it(hand: HandClock, database) -> None:
    async with FakeTelegram(clock=hand.monotonic) as fake:
        async with talking(fake, database, hand) as talk:
            people = [fake.person(number) for number in range(1, 9)]
            for one in people:
                await one.say("/help")
            await until(lambda: talk.chat.counts["heard"] == 8)
        assert [len(one.chat.texts) for one in people] == [1] * 8
        assert fake.violations == 0


async def test_a_stop_does_not_wait_for_ever_for_an_answer(fake: FakeTelegram, database, clock) -> None:
    kim = fake.person()
    async with talking(fake, database, clock) as talk:
        await kim.say("/help")
        await kim.chat.next_message()
        fake.script("*", HANG)
        await kim.say("/help")
        await until(lambda: talk.chat._in_flight)
    assert not talk.chat._in_flight or all(one.done() for one in talk.chat._in_flight)


@pytest.mark.parametrize(
    "payload",
    [
        {
            "message": {
                "message_id": 1,
                "date": 1,
                "chat": {"id": 5, "type": "private"},
                "dice": {"value": 1, "emoji": "🎲"},
            }
        },
        {"poll_answer": {"poll_id": "1", "option_ids": []}},
        {"something_new": {}},
        {"message": {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "group"}, "text": None}},
    ],
    ids=["dice", "poll", "new", "no text"],
)
async def test_an_odd_update_keeps_nobody_from_an_answer(talk: Talk, payload: dict[str, object]) -> None:
    ((kind, about),) = payload.items()
    kim = talk.fake.person()
    talk.fake.find("5")
    talk.force(kind, about)
    await kim.say("/help")
    await kim.chat.next_message()
    assert talk.chat.counts["errors"] == 0


# Telegram fails


@pytest.mark.parametrize(
    "answers",
    [
        [CONFLICT] * 9,
        [refusal(401, "Unauthorized")] * 3,
        [Answer(502, b"bad"), Answer(500, b"{}"), Answer(200, b"<html>"), Answer(200, b'{"ok": true, "result": [{}]}')],
        [HALF, RESET],
        [flood(3)],
    ],
    ids=["409", "401", "gateway", "cut", "429"],
)
async def test_hearing_comes_back_by_itself_and_loses_nothing(fake, database, clock, answers) -> None:
    kim = fake.person()
    fake.fail("getUpdates", *answers)
    async with talking(fake, database, clock, sends=True) as talk:
        await kim.say("/help")
        assert "I watch baskets" in (await kim.chat.next_message()).text
        assert talk.chat.counts["deaf"] == len(answers)
        assert talk.clock.seconds >= {9: 120}.get(len(answers), 0)


async def test_while_another_process_listens_alerts_go_on(fake, database, clock) -> None:
    fake.fail("getUpdates", *[CONFLICT] * 10_000)
    async with talking(fake, database, clock, sends=True) as talk:
        await alert(talk, "fall", replace(PRIVATE, chat="3001"))
        await until(lambda: fake.texts("3001"))
        assert talk.chat.counts["heard"] == 0


@pytest.mark.parametrize("method", ["getMe", "getUpdates"])
@pytest.mark.parametrize("answer", [refusal(401, "Unauthorized"), refusal(404, "Not Found")])
async def test_a_token_that_stays_refused_ends_after_ten_minutes(fake, database, clock, method, answer) -> None:
    kim = fake.person()
    await kim.say("/help")
    fake.fail(method, *[answer] * 100)
    async with TelegramClient(TOKEN, base_url=fake.base_url) as telegram:
        line = TelegramGateway(telegram, clock)
        router = ChatRouter("telegram", database, Clerk(), clock, drawn, line.administers)
        with pytest.raises(InvalidToken):
            await ChatService(router, line, RateLimits(), database.move, sleep=clock.sleep).run(asyncio.Event())
    assert 600 <= clock.seconds < 700
    fake.failures.clear()
    async with talking(fake, database, clock):
        assert "I watch baskets" in (await kim.chat.next_message()).text


async def test_telegram_that_is_down_at_the_start_comes_up_later(database, clock) -> None:
    async with FakeTelegram(clock=clock.monotonic) as gone:
        port = gone.port
    async with TelegramClient(TOKEN, base_url=f"http://127.0.0.1:{port}/bot") as telegram:
        line = TelegramGateway(telegram, clock)
        router = ChatRouter("telegram", database, Clerk(), clock, drawn, line.administers)
        chat, stop = ChatService(router, line, RateLimits(), database.move, sleep=clock.sleep), asyncio.Event()
        running = asyncio.create_task(chat.run(stop))
        await until(lambda: chat.counts["deaf"] >= 5)
        assert not running.done()
        async with FakeTelegram(clock=clock.monotonic) as fake:
            telegram.bot._base_url = f"{fake.base_url}{TOKEN}"  # a port that is free again cannot be counted on
            kim = fake.person()
            await kim.say("/help")
            assert "I watch baskets" in (await kim.chat.next_message()).text
            stop.set()
            await running


async def test_a_mistake_of_ours_is_told_as_trouble_and_costs_nobody_else(fake, database, clock) -> None:
    kim, lee = fake.person(1), fake.person(2)
    async with talking(fake, database, clock, clerk=Clerk(trouble=ZeroDivisionError("ours"))) as talk:
        await kim.say("/baskets")
        await lee.say("/help")
        assert "does not work just now" in (await kim.chat.next_message()).text
        assert "I watch baskets" in (await lee.chat.next_message()).text
        assert talk.chat.counts["errors"] == 1


async def test_without_prices_a_person_is_told_so(fake, database, clock) -> None:
    kim = fake.person()
    async with talking(fake, database, clock, clerk=Clerk(trouble=NoData("nothing"))) as talk:
        await kim.say("/baskets")
        assert "does not work just now" in (await kim.chat.next_message()).text
        assert talk.chat.counts["errors"] == 0
