"""How loop 3 hears and replies when Telegram, people or the process are not as they should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest

from bot.adapters.database import Database
from bot.adapters.telegram import Telegram, TelegramLine
from bot.baskets import BasketId
from bot.conversation import Desk
from bot.converse import Converse
from bot.delivery import Kind, Limits, Manner, State
from bot.errors import NoData, TokenRefused
from bot.messages import Message
from tests.desks import NOW, Clerk, drawn
from tests.fake_telegram import HALF, HANG, RESET, Answer, FakeTelegram, flood, refusal
from tests.loops import TOKEN, HandClock, Talk, message, talking
from tests.specimens import PRIVATE, delivery
from tests.stored import put
from tests.virtual import VirtualClock, until

CONFLICT = refusal(409, "Conflict: terminated by other getUpdates request")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    opened = await Database.open("sqlite://", upgrade=True)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW)


@pytest.fixture
def hand() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
async def fake(clock: VirtualClock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(clock=clock.monotonic) as server:
        yield server
    assert server.violations == 0


@pytest.fixture
async def talk(fake: FakeTelegram, database: Database, clock: VirtualClock) -> AsyncIterator[Talk]:
    async with talking(fake, database, clock, sends=True) as one:
        yield one


@pytest.fixture
async def slow(database: Database, hand: HandClock) -> AsyncIterator[Talk]:
    """The bot on a clock that is moved by hand."""
    async with FakeTelegram(clock=hand.monotonic) as server:
        async with talking(server, database, hand, sends=True) as one:
            yield one
        assert server.violations == 0


async def alert(talk: Talk, key: str = "fall", *destinations, baskets=("tech",), **about) -> None:
    await put(
        talk.database,
        *destinations,
        key=key,
        baskets=baskets,
        subscribers_of="telegram",
        created=talk.clock.now(),
        **about,
    )


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
    assert (len(kim.chat.texts), talk.converse.counts["heard"]) == (4, 4)


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
            await until(lambda: talk.converse.counts["heard"] == 8)
        assert [len(one.chat.texts) for one in people] == [1] * 8
        assert fake.violations == 0


async def test_a_stop_does_not_wait_for_ever_for_an_answer(fake: FakeTelegram, database, clock) -> None:
    kim = fake.person()
    async with talking(fake, database, clock) as talk:
        await kim.say("/help")
        await kim.chat.next_message()
        fake.script("*", HANG)
        await kim.say("/help")
        await until(lambda: talk.converse._flying)
    assert not talk.converse._flying or all(one.done() for one in talk.converse._flying)


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
    assert talk.converse.counts["errors"] == 0


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
        assert talk.converse.counts["deaf"] == len(answers)
        assert talk.clock.seconds >= {9: 120}.get(len(answers), 0)


async def test_while_another_process_listens_alerts_go_on(fake, database, clock) -> None:
    fake.fail("getUpdates", *[CONFLICT] * 10_000)
    async with talking(fake, database, clock, sends=True) as talk:
        await alert(talk, "fall", replace(PRIVATE, chat="3001"))
        await until(lambda: fake.texts("3001"))
        assert talk.converse.counts["heard"] == 0


@pytest.mark.parametrize("method", ["getMe", "getUpdates"])
@pytest.mark.parametrize("answer", [refusal(401, "Unauthorized"), refusal(404, "Not Found")])
async def test_a_token_that_stays_refused_ends_after_ten_minutes(fake, database, clock, method, answer) -> None:
    kim = fake.person()
    await kim.say("/help")
    fake.fail(method, *[answer] * 100)
    async with Telegram(TOKEN, base_url=fake.base_url) as telegram:
        line = TelegramLine(telegram, clock)
        desk = Desk("telegram", database, Clerk(), clock, line.administers, drawn)
        with pytest.raises(TokenRefused):
            await Converse(desk, line, Limits(), database.move, sleep=clock.sleep).run(asyncio.Event())
    assert 600 <= clock.seconds < 700
    fake.failures.clear()
    async with talking(fake, database, clock):
        assert "I watch baskets" in (await kim.chat.next_message()).text


async def test_telegram_that_is_down_at_the_start_comes_up_later(database, clock) -> None:
    async with FakeTelegram(clock=clock.monotonic) as gone:
        port = gone.port
    async with Telegram(TOKEN, base_url=f"http://127.0.0.1:{port}/bot") as telegram:
        line = TelegramLine(telegram, clock)
        desk = Desk("telegram", database, Clerk(), clock, line.administers, drawn)
        converse, stop = Converse(desk, line, Limits(), database.move, sleep=clock.sleep), asyncio.Event()
        running = asyncio.create_task(converse.run(stop))
        await until(lambda: converse.counts["deaf"] >= 5)
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
        assert talk.converse.counts["errors"] == 1


async def test_without_prices_a_person_is_told_so(fake, database, clock) -> None:
    kim = fake.person()
    async with talking(fake, database, clock, clerk=Clerk(trouble=NoData("nothing"))) as talk:
        await kim.say("/baskets")
        assert "does not work just now" in (await kim.chat.next_message()).text
        assert talk.converse.counts["errors"] == 0


# Limits that replies and alerts share


async def test_a_flood_of_one_is_refused_once_and_keeps_no_alert(slow: Talk) -> None:
    kim, lee = slow.fake.person(1), slow.fake.person(2)
    lee.chat.refuses = None
    for _ in range(1000):
        await kim.say("/help")
    await until(lambda: slow.converse.counts["heard"] == 1000)
    await alert(slow, "fall", replace(PRIVATE, chat="2"))
    await slow.pass_until(lambda: lee.chat.texts == ["fall\nas of noon"])
    await slow.pass_until(lambda: len(kim.chat.texts) == 9)
    await slow.pass_time(3)
    assert [text.partition(" ")[0] for text in kim.chat.texts] == ["I"] * 8 + ["That"]


async def test_a_flood_of_many_keeps_no_alert(slow: Talk) -> None:
    for number in range(1, 151):
        await slow.fake.person(number).say("/help")
    await until(lambda: slow.converse.counts["heard"] == 150)
    told = [replace(PRIVATE, chat=str(number)) for number in range(5001, 5021)]
    for one in told:
        slow.fake.find(one.chat)
    await alert(slow, "fall", *told)
    await slow.pass_until(lambda: sum(one.text.startswith("fall") for one in slow.fake.accepted) == 20, step=0.02)
    replies = [one.at for one in slow.fake.accepted if one.text.startswith("I watch")]
    assert len(slow.converse._waiting) > 50
    assert all(later - earlier >= 1 - 0.1 for earlier, later in zip(replies, replies[3:], strict=False))
    assert slow.converse.counts["dropped"] > 0


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
    limits = Limits()
    with limits.choosing(1000.0) as resting:
        assert (resting, limits.wait_for_reply(1000.0) > 0) == (frozenset(), True)
        limits.began("1", Kind.PRIVATE, 1000.0)
    assert limits.wait_for_reply(1000.0) == 0
    assert limits.resting(1000.0) == {"1"}


async def test_a_reply_that_comes_too_fast_is_said_when_it_may(slow: Talk) -> None:
    kim, lee = slow.fake.person(1), slow.fake.person(2)
    slow.fake.script("1", flood(7))
    await kim.say("/help")
    await slow.pass_until(lambda: slow.converse.counts["reply Flood"] == 1)
    for _ in range(30):
        await kim.say("/help")
    await lee.say("/help")
    told = slow.clock.monotonic()
    await slow.pass_until(lambda: lee.chat.texts)
    await slow.pass_until(lambda: kim.chat.texts)
    assert kim.chat.sent[0].at >= told + 6 > lee.chat.sent[0].at


async def test_a_chat_that_must_be_left_alone_takes_no_other_chats_turn(slow: Talk) -> None:
    kim, lee = slow.fake.person(1), slow.fake.person(2)
    slow.fake.script("1", flood(3600))
    await kim.say("/help")
    await slow.pass_until(lambda: slow.converse.counts["reply Flood"] == 1)
    for _ in range(30):
        slow.clock.seconds += 10
        await kim.say("/help")
    await lee.say("/help")
    await slow.pass_until(lambda: lee.chat.texts)
    assert len(slow.converse._waiting) <= 11


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


@pytest.mark.parametrize("answer", [Answer(500, b"{}"), refusal(400, "Bad Request: query is too old")])
async def test_a_press_that_cannot_be_acknowledged_counts(talk: Talk, answer: Answer) -> None:
    kim = talk.fake.person()
    await kim.say("/start")
    await kim.chat.next_message()
    talk.fake.fail("answerCallbackQuery", answer)
    await kim.press("Tech")
    assert "Subscribed" in (await kim.chat.next_message()).text


# Chats that move, leave and come back


async def test_a_group_that_becomes_a_supergroup_keeps_its_settings(talk: Talk) -> None:
    kim = talk.fake.person(1).at(talk.fake.chat("-5001", "group"), "creator")
    await kim.say("/subscribe tech")
    await kim.chat.next_message()
    new = kim.chat.migrate(kim)
    await until(lambda: not talk.fake.updates.pending)
    await talk.settled()
    there = await talk.database.subscriber("telegram", new.key)
    assert there.wishes.keys() == {BasketId("tech")}
    assert await talk.database.subscriber("telegram", "-5001") is None
    await alert(talk)
    assert (await new.next_message()).text == "fall\nas of noon"
    await kim.at(new, "creator").say("/settings")
    assert "Tech: from" in (await new.next_message()).text


async def test_a_group_that_moved_unheard_keeps_its_settings_on_a_send(talk: Talk) -> None:
    kim = talk.fake.person(1).at(talk.fake.chat("-5001", "group"), "creator")
    await kim.say("/subscribe tech")
    await kim.chat.next_message()
    await talk.settled()
    talk.fake.updates.put = lambda *_: None  # nothing of it is heard
    new = kim.chat.migrate(kim)
    await alert(talk)
    assert (await new.next_message()).text == "fall\nas of noon"
    assert (await talk.database.subscriber("telegram", new.key)).wishes.keys() == {BasketId("tech")}


async def test_after_a_stop_no_alert_arrives(slow: Talk) -> None:
    kim = slow.fake.person()
    await kim.say("/subscribe tech")
    await slow.pass_until(lambda: kim.chat.sent)
    await slow.pass_until(lambda: kim.chat.sent)
    for number in range(20):
        await alert(slow, f"fall {number}")
    await slow.pass_until(lambda: len(kim.chat.texts) == 3)
    await kim.say("/stop")
    await slow.pass_until(lambda: kim.chat.texts[-1].startswith("Stopped"))
    await slow.pass_time(10)
    texts = kim.chat.texts
    assert texts[-1].startswith("Stopped")
    assert sum(text.startswith("fall") for text in texts) < 10
    await alert(slow, "next")
    await slow.pass_time(3)
    assert kim.chat.texts == texts


async def test_a_start_brings_back_a_chat_that_had_blocked_the_bot(talk: Talk) -> None:
    kim = talk.fake.person()
    await kim.say("/subscribe tech")
    await kim.chat.next_message()
    await kim.block()
    await alert(talk, "first")
    await until(lambda: talk.dispatch.counts["Gone"] == 1)
    await alert(talk, "second")
    await talk.settled()
    assert {one.state for one in await talk.database.undelivered()} == {State.FAILED}
    await kim.say("/start")
    assert "This chat hears of: Tech" in (await kim.chat.next_message()).text
    await alert(talk, "third")
    assert (await kim.chat.next_message()).text == "third\nas of noon"


async def test_delete_leaves_nothing_of_a_chat_to_which_much_was_sent(talk: Talk) -> None:
    kim = talk.fake.person()
    await kim.say("/subscribe tech")
    await kim.chat.next_message()
    await alert(talk)
    await kim.chat.next_message()
    await kim.say("/delete")
    await kim.chat.next_message()
    await kim.press("Yes, delete")
    assert "nothing is stored" in (await kim.chat.next_message()).text
    await talk.settled()
    assert await holding(talk, "1001") == []


async def holding(talk: Talk, chat: str) -> list[str]:
    """The tables in which the chat's number stands anywhere."""
    found = []
    async with talk.database._transaction() as connection:
        for (table,) in (await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='table'")).all():
            rows = (await connection.exec_driver_sql(f"SELECT * FROM {table}")).all()  # noqa: S608  its own names
            found += [table for row in rows if any(str(cell) == chat for cell in row)]
    return found


async def test_a_links_button_stays_a_link_when_the_alert_of_a_channel_is_edited(talk: Talk) -> None:
    await talk.fake.person().say("/help")
    await talk.settled(1)
    one = replace(delivery(), session=NOW.date())
    number = (await talk.telegram.send(one, one.message)).message_id
    edit = replace(one, manner=Manner.EDIT, target=number)
    await talk.telegram.send(edit, Message("en", ("corrected",)))
    sent = talk.fake.accepted[-1]
    keys = [key for row in sent.keyboard for key in row]
    assert (sent.text, len(keys)) == ("corrected", 3)
    assert all(key["url"].startswith("https://t.me/fake_bot?start=") for key in keys)
