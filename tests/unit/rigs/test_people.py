"""What people do arrives as Telegram would tell it, read by the real library."""

from __future__ import annotations

import asyncio

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest

from tests.virtual import NOON

BUTTONS = InlineKeyboardMarkup(
    [[InlineKeyboardButton("Details", callback_data="d"), InlineKeyboardButton("Site", url="https://example.com")]]
)


@pytest.fixture
def person(unhurried):
    return unhurried.person()


@pytest.fixture
async def message(person, bot):
    await person.say("/start")
    return await bot.send_message(person.number, "calm", reply_markup=BUTTONS)


async def last(bot):
    return (await bot.get_updates())[-1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/start memory", ["/start"]),
        ("/start@fake_bot memory", ["/start@fake_bot"]),
        ("🔴 /worst and /why", ["/worst", "/why"]),
        ("a/b is no command", []),
    ],
)
async def test_commands_are_marked(person, bot, text, found):
    await person.say(text)
    assert list((await last(bot)).message.parse_entities(["bot_command"]).values()) == found


async def test_an_anonymous_administrator_is_the_group(unhurried, bot):
    group = unhurried.chat("-1002", "supergroup", "Traders")
    await unhurried.person().at(group, "administrator").say("/settings", anonymous=True)
    message = (await last(bot)).message
    assert (message.from_user.username, message.sender_chat.id) == ("GroupAnonymousBot", -1002)


async def test_a_forwarded_message_says_so(person, bot):
    await person.say("/stop", forwarded=True)
    assert (await last(bot)).message.forward_origin.sender_user.id == person.number


async def test_a_topic_comes_along(unhurried, bot):
    group = unhurried.chat("-1002", "supergroup", topics={7})
    await unhurried.person().at(group).say("/start", topic=7)
    message = (await last(bot)).message
    assert (message.message_thread_id, message.is_topic_message, message.chat.is_forum) == (7, True, True)


async def test_a_changed_message_keeps_its_number(person, bot):
    number = await person.say("/worst")
    await person.change(number, "/worst memory")
    edited = (await last(bot)).edited_message
    assert (edited.message_id, edited.text, bool(edited.edit_date)) == (number, "/worst memory", True)


async def test_a_post_in_a_channel_has_no_author(unhurried, bot):
    unhurried.chat("-1001", "channel").post("/start")
    post = (await last(bot)).channel_post
    assert (post.from_user, post.sender_chat.id) == (None, -1001)


async def test_messages_are_dated_by_the_clock_that_is_given(unhurried, person, bot):
    unhurried.now = lambda: NOON
    await person.say("hi")
    sent = await bot.send_message(person.number, "hello")
    assert (await last(bot)).message.date == sent.date == NOON


async def test_a_language_can_be_missing(unhurried, bot):
    await unhurried.person(language="").say("hi")
    assert (await last(bot)).message.from_user.language_code is None


async def test_a_press_is_answered_once(unhurried, person, bot, message):
    number = await person.press("Details")
    query = (await last(bot)).callback_query
    assert (query.data, query.message.text, query.message.reply_markup) == ("d", "calm", BUTTONS)
    waits = asyncio.create_task(unhurried.answered(number))
    await query.answer("muted")
    assert await waits == "muted"
    with pytest.raises(BadRequest, match=r"(?i)query is too old"):
        await query.answer()


async def test_an_answer_to_no_query_and_one_too_long_are_refused(person, bot, message):
    with pytest.raises(BadRequest, match=r"(?i)query is too old"):
        await bot.answer_callback_query("99")
    number = await person.press("Details")
    with pytest.raises(BadRequest, match=r"(?i)TOO_LONG"):
        await bot.answer_callback_query(number, "a" * 201)
    assert await bot.answer_callback_query(number, "a" * 200)


async def test_presses_in_one_chat_are_of_one_instance(unhurried, person, bot, message):
    await person.press("Details")
    await person.press("Details")
    other = unhurried.person(1002)
    await other.say("/start")
    await bot.send_message(1002, "calm", reply_markup=BUTTONS)
    await other.press("Details")
    instances = [one.callback_query.chat_instance for one in await bot.get_updates() if one.callback_query]
    assert instances[0] == instances[1] != instances[2]


async def test_only_a_button_that_stands_and_asks_the_bot_can_be_pressed(person, message):
    with pytest.raises(AssertionError, match="opens an address"):
        await person.press("Site")
    await message.edit_reply_markup(None)
    with pytest.raises(AssertionError, match="no button 'Details'"):
        await person.press("Details")


async def test_of_several_buttons_the_newest_that_still_stands_is_pressed(person, bot, message):
    other = InlineKeyboardMarkup([[InlineKeyboardButton("Details", callback_data="newer")]])
    newer = await bot.send_message(person.number, "calm", reply_markup=other)
    await person.press("Details")
    await newer.delete()
    await person.press("Details")
    assert [one.callback_query.data for one in await bot.get_updates() if one.callback_query] == ["newer", "d"]


async def test_what_is_not_there_can_be_forged(unhurried, person, bot, message):
    stranger = unhurried.person(1002).at(person.chat)
    stranger.forge("delete everything", unhurried.accepted[0])
    query = (await last(bot)).callback_query
    assert (query.data, query.from_user.id, query.message.chat.id) == ("delete everything", 1002, person.number)


async def test_waiting_in_vain_shows_what_the_chat_reads(person, bot, message):
    assert (await person.chat.next_message()).text == "calm"
    with pytest.raises(TimeoutError, match="calm"):
        await person.chat.next_message(seconds=0.01)
    with pytest.raises(TimeoutError):
        await person.chat.next_edit(seconds=0.01)


async def test_a_message_is_seen_as_soon_as_it_comes(person, bot):
    await person.say("/start")
    waits = asyncio.create_task(person.chat.next_message())
    await bot.send_message(person.number, "calm")
    assert (await waits).text == "calm"
