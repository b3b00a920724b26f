"""The dialogue that a bot has with a person, on both servers, with the real library."""

from __future__ import annotations

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.ext import ApplicationBuilder, CallbackQueryHandler, CommandHandler

BUTTONS = InlineKeyboardMarkup([[InlineKeyboardButton("Details", callback_data="d:1")]])


async def heard(bot, offset=None):
    (update,) = await bot.get_updates(offset=offset, timeout=5)
    return update


async def test_a_command_comes_with_its_language_and_entity(rig, bot_of_rig):
    await rig.person(language="ko").say("/start memory")
    update = await heard(bot_of_rig)
    message = update.message
    assert message.text == "/start memory"
    assert message.chat.type == "private"
    assert message.from_user.language_code == "ko"
    assert [(one.type, one.offset, one.length) for one in message.entities] == [("bot_command", 0, 6)]


async def test_a_dialogue_of_command_reply_button_and_edit(rig, bot_of_rig):
    person = rig.person()
    await person.say("/status")
    asked = await heard(bot_of_rig)
    await bot_of_rig.send_message(asked.effective_chat.id, "calm", reply_markup=BUTTONS)
    answer = await person.chat.next_message()
    assert (answer.text, answer.buttons) == ("calm", ["Details"])

    await person.press("Details")
    pressed = await heard(bot_of_rig, asked.update_id + 1)
    query = pressed.callback_query
    assert (query.data, query.message.message_id, query.from_user.id) == ("d:1", answer.id, 1001)
    assert query.chat_instance
    assert await query.answer()
    await query.edit_message_text("very calm", reply_markup=query.message.reply_markup)
    edited = await person.chat.next_edit()
    assert (edited.id, edited.text, edited.buttons) == (answer.id, "very calm", ["Details"])
    await query.edit_message_text("calm again")
    assert (await person.chat.next_edit()).text == "calm again"
    with pytest.raises(TimeoutError):
        await person.chat.next_edit(seconds=0.05)


async def test_messages_are_read_one_after_the_other(rig, bot_of_rig):
    person, other = rig.person(), rig.person(1002)
    for one in (person, other):
        await one.say("hi")
    for text, number in (("a", 1001), ("x", 1002), ("b", 1001)):
        await bot_of_rig.send_message(number, text)
    assert [(await person.chat.next_message()).text for _ in range(2)] == ["a", "b"]
    assert (await other.chat.next_message()).text == "x"
    with pytest.raises(TimeoutError):
        await person.chat.next_message(seconds=0.01)


async def test_a_button_that_is_not_there_cannot_be_pressed(rig, bot_of_rig):
    person = rig.person()
    await person.say("hi")
    await bot_of_rig.send_message(1001, "calm", reply_markup=BUTTONS)
    with pytest.raises(AssertionError, match=r"no button 'Chart'.*Details"):
        await person.press("Chart")


async def test_an_application_polls_and_answers(rig):
    async def start(update, context):
        await update.message.reply_text(f"hello {' '.join(context.args)}", reply_markup=BUTTONS)

    async def details(update, context):
        await update.callback_query.answer()
        await update.callback_query.edit_message_text("more")

    app = ApplicationBuilder().token(rig.token).base_url(rig.base_url).job_queue(None).build()
    app.add_handlers([CommandHandler("start", start), CallbackQueryHandler(details)])
    person = rig.person()
    async with app:
        await app.start()
        await app.updater.start_polling(timeout=5)
        await person.say("/start memory")
        assert (await person.chat.next_message()).text == "hello memory"
        await person.press("Details")
        assert (await person.chat.next_edit()).text == "more"
        await app.updater.stop()
        await app.stop()
