"""Limits, failures, news, chats and commands on the stand-in, as the real library meets them."""

from __future__ import annotations

import asyncio
import random
import struct
from collections import Counter

import pytest
from telegram import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TimedOut,
)

from tests.fake_telegram.answers import HANG, Answer, flood, refusal
from tests.fake_telegram.limits import Limits
from tests.unit.rigs.conftest import real_bot

CHANNEL = "-1001"
PERSON = 1001


def keys(*buttons):
    return InlineKeyboardMarkup([[InlineKeyboardButton(text, **action)] for text, action in buttons])


def png(width, height):
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", width, height)


@pytest.fixture
async def message(bot):
    """A message of the bot that can be edited."""
    return await bot.send_message(CHANNEL, "calm", reply_markup=keys(("Why", {"callback_data": "w"})))


# Limits


@pytest.fixture
async def now(unhurried):
    """The time on the server, to be set."""
    time = [0.0]
    unhurried.clock = lambda: time[0]
    return time


async def test_edits_pictures_and_messages_share_one_limit(bot, unhurried, now):
    sent = await bot.send_message(PERSON, "a")
    for write in (
        lambda: bot.send_message(PERSON, "b"),
        lambda: bot.send_photo(PERSON, png(1, 1)),
        lambda: bot.send_document(PERSON, b"b"),
        lambda: sent.edit_text("b"),
        lambda: sent.edit_reply_markup(keys(("a", {"callback_data": "a"}))),
    ):
        now[0] += 0.99
        with pytest.raises(RetryAfter):
            await write()
        now[0] += 0.01
        await write()
        assert unhurried.violations == 1
        unhurried.violations = 0


async def test_a_group_takes_twenty_a_minute(bot, unhurried, now):
    for _ in range(20):
        await bot.send_message("-200", "a")
    now[0] = 59.9
    with pytest.raises(RetryAfter):
        await bot.send_message("-200", "a")
    now[0] = 60
    await bot.send_message("-200", "a")


def test_the_limits_are_those_of_a_scan_over_all_messages():
    rng, limits = random.Random(5), Limits()
    taken: list[tuple[float, str]] = []
    reasons = Counter()
    now = 0.0
    for _ in range(3000):
        now += rng.choice([0, 0.01, 0.02, 0.03, 0.1])
        chat = str(rng.choice([-1, -2] if rng.random() < 0.1 else range(99)))
        most, seconds = (20, 60) if chat[0] == "-" else (1, 1)
        everywhere = sum(at > now - 1 for at, _ in taken) >= 30
        here = sum(at > now - seconds for at, to in taken if to == chat) >= most
        assert limits.take(chat, now, private=chat[0] != "-") == (not everywhere and not here)
        reasons[everywhere, here, chat[0] == "-"] += 1
        if not everywhere and not here:
            taken.append((now, chat))
    assert min(reasons[True, False, False], reasons[False, True, False], reasons[False, True, True]) > 20


# Failures that are told


async def test_scripts_hold_for_everything_that_writes(bot, unhurried, message):
    unhurried.script(CHANNEL, *[flood(7)] * 4)
    for write in (
        lambda: bot.send_photo(CHANNEL, png(1, 1)),
        lambda: bot.send_document(CHANNEL, b"a"),
        lambda: message.edit_text("b"),
        message.edit_reply_markup,
    ):
        with pytest.raises(RetryAfter):
            await write()
    await message.edit_text("b")
    assert unhurried.requests == [CHANNEL] * 6


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(409, "Conflict: other getUpdates"), Conflict),
        (refusal(401, "Unauthorized"), InvalidToken),
        (Answer(500, b"{}"), NetworkError),
        (Answer(502, b"<html>"), NetworkError),
    ],
)
async def test_a_method_fails_as_it_is_told_and_once(bot, unhurried, answer, error):
    unhurried.fail("getUpdates", answer)
    await bot.send_message(CHANNEL, "not meant")
    with pytest.raises(error):
        await bot.get_updates()
    assert await bot.get_updates() == ()


async def test_a_method_hangs_as_it_is_told(bot, unhurried):
    unhurried.fail("getChat", HANG)
    unhurried.chat(CHANNEL, "channel")
    with pytest.raises(TimedOut):
        await bot.get_chat(CHANNEL, read_timeout=0.1)
    assert (await bot.get_chat(CHANNEL)).id == int(CHANNEL)


async def test_an_edit_whose_answer_is_lost_has_happened(bot, unhurried, message):
    unhurried.script(CHANNEL, Answer(502, b"", takes=True))
    with pytest.raises(NetworkError):
        await message.edit_text("wild")
    assert unhurried.texts(CHANNEL) == ["wild"]


async def test_a_method_that_does_not_exist_is_noted(bot, unhurried):
    with pytest.raises(InvalidToken):
        await bot.get_my_name()
    assert unhurried.unknown == ["getMyName"]


# News


async def polled(server):
    """Somebody has asked for news."""
    await server.bell.until(lambda: "getUpdates" in [one.method for one in server.calls] or None, 5)


async def test_updates_come_again_until_they_are_confirmed(bot, unhurried):
    person = unhurried.person()
    for text in "abc":
        await person.say(text)
    first, second, _third = await bot.get_updates()
    assert len(await bot.get_updates()) == 3
    assert len(await bot.get_updates(limit=2)) == 2
    assert [one.message.text for one in await bot.get_updates(offset=second.update_id)] == ["b", "c"]
    assert [one.message.text for one in await bot.get_updates(offset=first.update_id)] == ["b", "c"]
    assert [one.message.text for one in await bot.get_updates(offset=-1)] == ["c"]
    assert [one.message.text for one in await bot.get_updates()] == ["c"]


async def test_old_updates_can_be_dropped_at_the_start(bot, unhurried):
    await unhurried.person().say("old")
    await bot.delete_webhook(drop_pending_updates=True)
    await unhurried.person().say("new")
    assert [one.message.text for one in await bot.get_updates()] == ["new"]


async def test_a_long_poll_waits_for_news(bot, unhurried):
    poll = asyncio.create_task(bot.get_updates(timeout=5))
    await asyncio.wait_for(
        unhurried.bell.until(lambda: "getUpdates" in [one.method for one in unhurried.calls] or None, 5), 5
    )
    assert not poll.done()
    await unhurried.person().say("hi")
    assert [one.message.text for one in await poll] == ["hi"]


async def test_of_two_pollers_the_older_is_refused(bot, unhurried):
    poll = asyncio.create_task(bot.get_updates(timeout=5))
    await polled(unhurried)
    async with real_bot(unhurried) as second:
        newer = asyncio.create_task(second.get_updates(timeout=5))
        with pytest.raises(Conflict):
            await poll
        await unhurried.person().say("hi")
        assert len(await newer) == 1


async def test_only_the_kinds_that_are_asked_for_come(bot, unhurried):
    person = unhurried.person()
    await bot.get_updates(allowed_updates=["message"])
    number = await person.say("a")
    await person.change(number, "b")
    await unhurried.person(1002).block()
    (only,) = await bot.get_updates()
    assert only.message.text == "a"
    await bot.get_updates(allowed_updates=[], offset=only.update_id + 1)
    await person.change(number, "c")
    assert [one.edited_message.text for one in await bot.get_updates()] == ["c"]


# Chats, members, commands


async def test_the_table_of_members_answers(bot, unhurried):
    group = unhurried.chat("-1002", "supergroup", "Traders", bot="administrator")
    boss, member = unhurried.person(1).at(group, "creator"), unhurried.person(2).at(group)
    stranger = unhurried.person(3)
    standings = [(await bot.get_chat_member("-1002", one.number)).status for one in (boss, member, stranger)]
    assert standings == ["creator", "member", "left"]
    assert {one.user.id for one in await bot.get_chat_administrators("-1002")} == {boss.number, bot.id}
    told = await bot.get_chat("-1002")
    assert (told.type, told.title) == ("supergroup", "Traders")
    with pytest.raises(BadRequest, match=r"(?i)PARTICIPANT"):
        await bot.get_chat_member("-1002", 99)
    await stranger.say("/start")
    with pytest.raises(BadRequest, match=r"(?i)no administrators in the private chat"):
        await bot.get_chat_administrators(stranger.number)


async def test_a_chat_that_nobody_arranged_is_not_known(bot):
    with pytest.raises(BadRequest, match=r"(?i)chat not found"):
        await bot.get_chat("-1009")


async def test_a_chat_can_be_named(bot, unhurried):
    unhurried.chat(CHANNEL, "channel", username="drawdowns")
    sent = await bot.send_message("@drawdowns", "a")
    assert sent.chat.id == int(CHANNEL)
    assert unhurried.texts(CHANNEL) == unhurried.texts("@drawdowns") == ["a"]


async def test_commands_are_kept_by_scope_and_language(bot, unhurried):
    start = [BotCommand("start", "begin")]
    await bot.set_my_commands(start)
    await bot.set_my_commands([BotCommand("start", "시작")], BotCommandScopeAllPrivateChats(), "ko")
    await bot.set_my_commands([BotCommand("health", "state")], BotCommandScopeChat(PERSON))
    assert unhurried.commands == {
        ("default", ""): {"start": "begin"},
        ("all_private_chats", "ko"): {"start": "시작"},
        ("chat:1001", ""): {"health": "state"},
    }
    assert list(await bot.get_my_commands()) == start
    await bot.delete_my_commands()
    assert await bot.get_my_commands() == ()


@pytest.mark.parametrize(
    "command", [("Start", "a"), ("what-if", "a"), ("a" * 33, "a"), ("start", ""), ("start", "a" * 257)]
)
async def test_commands_that_telegram_would_not_take(bot, unhurried, command):
    with pytest.raises(BadRequest):
        await bot.set_my_commands([command])
    assert unhurried.commands == {}


async def test_the_bot_has_a_name(bot):
    assert (await bot.get_me()).username == "fake_bot"


# Where the bot may write


async def test_the_bot_cannot_begin_and_cannot_write_to_who_blocked_it(bot, unhurried):
    person = unhurried.person()
    with pytest.raises(Forbidden, match=r"(?i)can't initiate"):
        await bot.send_message(PERSON, "hi")
    await person.say("/start")
    await bot.send_message(PERSON, "hi")
    await person.block()
    with pytest.raises(Forbidden, match=r"(?i)blocked"):
        await bot.send_message(PERSON, "hi")
    await person.say("/start")
    await bot.send_message(PERSON, "hi again")
    kinds = ["message", "my_chat_member", "my_chat_member", "message"]
    assert [next(kind for kind in kinds if getattr(one, kind)) for one in await bot.get_updates()] == kinds


async def test_the_bot_is_added_made_administrator_and_removed(bot, unhurried):
    group = unhurried.chat("-200", "group", bot="left")
    by = unhurried.person().at(group, "creator")
    with pytest.raises(Forbidden, match=r"(?i)not a member of the group"):
        await bot.send_message("-200", "hi")
    group.admit(by)
    await bot.send_message("-200", "hi")
    group.admit(by, "administrator")
    group.remove(by)
    with pytest.raises(Forbidden, match=r"(?i)kicked from the group"):
        await bot.send_message("-200", "hi")
    news = await bot.get_updates()
    (entered,) = (one.message for one in news if one.message)
    assert [one.id for one in entered.new_chat_members] == [bot.id]
    changes = [one.my_chat_member for one in news if one.my_chat_member]
    assert [(one.old_chat_member.status, one.new_chat_member.status) for one in changes] == [
        ("left", "member"),
        ("member", "administrator"),
        ("administrator", "kicked"),
    ]


async def test_in_a_group_the_bot_reads_only_what_it_may(bot, unhurried):
    group = unhurried.chat("-200", "group")
    person = unhurried.person().at(group)

    async def say_all():
        for text in ("hello", "/start", "/start@fake_bot", "/start@other_bot"):
            await person.say(text)
        news = await bot.get_updates()
        unhurried.updates.forget()
        return [one.message.text for one in news if one.message]

    assert await say_all() == ["/start", "/start@fake_bot"]
    group.admit(person, "administrator")
    assert await say_all() == ["hello", "/start", "/start@fake_bot", "/start@other_bot"]
    group.remove(person)
    assert await say_all() == []


async def test_a_channel_wants_an_administrator(bot, unhurried):
    unhurried.chat(CHANNEL, "channel", bot="member")
    with pytest.raises(BadRequest, match=r"(?i)need administrator rights"):
        await bot.send_message(CHANNEL, "hi")


async def test_a_group_becomes_a_supergroup(bot, unhurried):
    group = unhurried.chat("-200", "group")
    new = group.migrate(unhurried.person().at(group, "creator"))
    with pytest.raises(ChatMigrated) as caught:
        await bot.send_message("-200", "hi")
    assert caught.value.new_chat_id == new.number == -100200
    await bot.send_message(new.number, "hi")
    left, entered = (one.message for one in await bot.get_updates())
    assert (left.chat.id, left.migrate_to_chat_id) == (-200, -100200)
    assert (entered.chat.id, entered.migrate_from_chat_id) == (-100200, -200)


async def test_a_topic_must_exist(bot, unhurried):
    unhurried.chat("-1002", "supergroup", topics={7})
    await bot.send_message("-1002", "hi", message_thread_id=7)
    with pytest.raises(BadRequest, match=r"(?i)thread not found"):
        await bot.send_message("-1002", "hi", message_thread_id=8)
