"""How replies and alerts leave: within the limits, whoever asks how much."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from bot.delivery.model import ChatKind
from bot.delivery.rate_limits import RateLimits
from tests.fake_telegram.answers import HANG, RESET, Answer, flood, refusal
from tests.loops import Talk, alert
from tests.specimens import PRIVATE
from tests.virtual import until


async def test_a_flood_of_one_is_refused_once_and_keeps_no_alert(slow: Talk) -> None:
    kim, lee = slow.fake.person(1), slow.fake.person(2)
    lee.chat.refuses = None
    for _ in range(1000):
        await kim.say("/help")
    await until(lambda: slow.chat.counts["heard"] == 1000)
    await alert(slow, "fall", replace(PRIVATE, chat="2"))
    await slow.pass_until(lambda: lee.chat.texts and lee.chat.texts[0].startswith("fall\n"))
    await slow.pass_until(lambda: len(kim.chat.texts) == 9)
    await slow.pass_time(3)
    assert [text.partition(" ")[0] for text in kim.chat.texts] == ["I"] * 8 + ["That"]


async def test_a_flood_of_many_keeps_no_alert(slow: Talk) -> None:
    for number in range(1, 151):
        await slow.fake.person(number).say("/help")
    await until(lambda: slow.chat.counts["heard"] == 150)
    told = [replace(PRIVATE, chat=str(number)) for number in range(5001, 5021)]
    for one in told:
        slow.fake.find(one.chat)
    await alert(slow, "fall", *told)
    await slow.pass_until(lambda: sum(one.text.startswith("fall") for one in slow.fake.accepted) == 20, step=0.02)
    replies = [one.at for one in slow.fake.accepted if one.text.startswith("I watch")]
    assert len(slow.chat._pending) > 50
    assert all(later - earlier >= 1 - 0.1 for earlier, later in zip(replies, replies[3:], strict=False))
    assert slow.chat.counts["dropped"] > 0


async def test_a_reply_and_an_alert_to_one_chat_are_a_second_apart(slow: Talk) -> None:
    kim = slow.fake.person()
    await kim.say("/subscribe tech")
    await slow.pass_until(lambda: kim.chat.sent)
    await slow.pass_time(2)
    for number in range(4):
        await kim.say("/help")
        await alert(slow, f"fall {number}")
        await slow.pass_until(lambda number=number: len(kim.chat.sent) == 3 + 2 * number, step=0.05)
        await slow.pass_time(1)
    times = [one.at for one in kim.chat.sent]
    assert len(times) == 9
    assert min(later - earlier for earlier, later in pairwise(times)) >= 1
    assert slow.fake.violations == 0


async def test_no_reply_leaves_while_an_alert_is_chosen() -> None:
    limits = RateLimits()
    with limits.choosing(1000.0) as resting:
        assert (resting, limits.wait_for_reply(1000.0) > 0) == (frozenset(), True)
        limits.began("1", ChatKind.PRIVATE, 1000.0)
    assert limits.wait_for_reply(1000.0) == 0
    assert limits.resting(1000.0) == {"1"}


async def test_a_reply_that_comes_too_fast_is_said_when_it_may(slow: Talk) -> None:
    kim, lee = slow.fake.person(1), slow.fake.person(2)
    slow.fake.script("1", flood(7))
    await kim.say("/help")
    await slow.pass_until(lambda: slow.chat.counts["reply Flood"] == 1)
    for _ in range(30):
        await kim.say("/help")
    await lee.say("/help")
    told = slow.clock.monotonic()
    await slow.pass_until(lambda: lee.chat.texts)
    await slow.pass_until(lambda: kim.chat.texts)
    assert kim.chat.sent[0].at >= told + 6
    assert kim.chat.sent[0].at > lee.chat.sent[0].at


async def test_a_chat_that_must_be_left_alone_takes_no_other_chats_turn(slow: Talk) -> None:
    kim, lee = slow.fake.person(1), slow.fake.person(2)
    slow.fake.script("1", flood(3600))
    await kim.say("/help")
    await slow.pass_until(lambda: slow.chat.counts["reply Flood"] == 1)
    for _ in range(30):
        slow.clock.seconds += 10
        await kim.say("/help")
    await lee.say("/help")
    await slow.pass_until(lambda: lee.chat.texts)
    assert len(slow.chat._pending) <= 11


@pytest.mark.parametrize("answer", [Answer(500, b"{}"), refusal(403, "Forbidden: bot was blocked by the user"), RESET])
async def test_a_reply_that_fails_is_not_said_again(talk: Talk, answer: Answer) -> None:
    kim = talk.fake.person()
    talk.fake.script("1001", answer)
    await kim.say("/help")
    await talk.settled(1)
    await kim.say("/settings")
    await until(lambda: any(text.startswith("Settings") for text in kim.chat.texts))
    assert talk.fake.requests.count("1001") == 2


async def test_a_press_is_answered_before_anything_else(talk: Talk) -> None:
    kim = talk.fake.person()
    await kim.say("/start")
    await kim.chat.next_message()
    await talk.fake.answered(await kim.press("Tech"))
    await talk.settled(2)
    methods = [one.method for one in talk.fake.calls if one.method in ("answerCallbackQuery", "sendMessage")]
    assert methods == ["sendMessage", "answerCallbackQuery", "sendMessage"]


async def test_presses_that_nobody_acknowledges_keep_nobody_from_an_answer(slow: Talk) -> None:
    kim, lee = slow.fake.person(1), slow.fake.person(2)
    await kim.say("/start")
    await slow.pass_until(lambda: kim.chat.sent)
    slow.fake.fail("answerCallbackQuery", *[HANG] * 200)
    for _ in range(200):
        await kim.press("Tech")
    await lee.say("/help")
    await slow.pass_until(lambda: lee.chat.texts)


@pytest.mark.parametrize("answer", [Answer(500, b"{}"), refusal(400, "Bad Request: query is too old")])
async def test_a_press_that_cannot_be_acknowledged_counts(talk: Talk, answer: Answer) -> None:
    kim = talk.fake.person()
    await kim.say("/start")
    await kim.chat.next_message()
    talk.fake.fail("answerCallbackQuery", answer)
    await kim.press("Tech")
    assert "Subscribed" in (await kim.chat.next_message()).text
