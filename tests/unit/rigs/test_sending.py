"""The stand-in refuses the texts, buttons, edits and files that Telegram refuses, before any bot of ours meets it."""

from __future__ import annotations

import pytest
from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    MessageEntity,
    ReplyParameters,
)
from telegram.error import (
    BadRequest,
)

from tests.specimens import png

CHANNEL = "-1001"
PERSON = 1001


def keys(*buttons):
    return InlineKeyboardMarkup([[InlineKeyboardButton(text, **action)] for text, action in buttons])


@pytest.fixture
async def message(bot):
    """A message of the bot that can be edited."""
    return await bot.send_message(CHANNEL, "calm", reply_markup=keys(("Why", {"callback_data": "w"})))


# Texts and buttons


@pytest.mark.parametrize(
    "text", ["a" * 4096, "<b>" + "a" * 4096 + "</b>", "🔴" * 2048, "<b>a</b>" * 100, "&lt;a &amp; b&gt;"]
)
async def test_texts_up_to_the_limits_arrive(bot, unhurried, text):
    await bot.send_message(CHANNEL, text, parse_mode="HTML")
    assert len(unhurried.texts(CHANNEL)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a" * 4097, "too long"),
        ("🔴" * 2049, "too long"),
        ("<b>a</b>" * 101, "101 entities"),
        ("<b> </b>", "text is empty"),
        ("a < b", "can't parse entities"),
        ("AT&T", "can't parse entities"),
        ("<b>a", "can't parse entities"),
        ("<b><i>a</b></i>", "can't parse entities"),
        ("<h1>a</h1>", "can't parse entities"),
    ],
)
async def test_texts_that_telegram_would_not_take(bot, unhurried, text, words):
    with pytest.raises(BadRequest, match=f"(?i){words}"):
        await bot.send_message(CHANNEL, text, parse_mode="HTML")
    assert unhurried.accepted == []


async def test_entities_that_are_sent_along_count(bot):
    one = MessageEntity("bold", 0, 1)
    await bot.send_message(CHANNEL, "a", entities=[one] * 100)
    with pytest.raises(BadRequest, match=r"(?i)101 entities"):
        await bot.send_message(CHANNEL, "a", entities=[one] * 101)


async def test_only_html_is_read(bot):
    with pytest.raises(BadRequest, match=r"(?i)parse_mode"):
        await bot.send_message(CHANNEL, "a", parse_mode="MarkdownV2")


@pytest.mark.parametrize(
    "action",
    [{"callback_data": "é" * 32}, {"url": "https://example.com"}, {"url": "tg://user?id=1"}],
)
async def test_buttons_that_telegram_takes(bot, unhurried, action):
    await bot.send_message(CHANNEL, "a", reply_markup=keys(("Open", action)))
    assert unhurried.accepted[0].buttons == ["Open"]


@pytest.mark.parametrize(
    ("button", "words"),
    [
        (("a", {"callback_data": "é" * 32 + "a"}), "BUTTON_DATA_INVALID"),
        (("a", {"callback_data": ""}), "BUTTON_DATA_INVALID|exactly one"),
        (("a", {}), "exactly one"),
        (("a", {"url": "https://a", "callback_data": "a"}), "exactly one"),
        (("a", {"url": "http://example.com"}), "URL"),
        (("a", {"url": "javascript:alert(1)"}), "URL"),
        ((" ", {"callback_data": "a"}), "non-empty"),
    ],
)
async def test_buttons_that_telegram_would_not_take(bot, unhurried, message, button, words):
    with pytest.raises(BadRequest, match=f"(?i){words}"):
        await bot.send_message(CHANNEL, "a", reply_markup=keys(button))
    with pytest.raises(BadRequest, match=f"(?i){words}"):
        await message.edit_text("new", reply_markup=keys(button))
    assert unhurried.texts(CHANNEL) == ["calm"]


async def test_a_hundred_buttons_and_not_one_more(bot):
    button = ("a", {"callback_data": "a"})
    await bot.send_message(CHANNEL, "a", reply_markup=keys(*[button] * 100))
    with pytest.raises(BadRequest, match=r"(?i)TOO_LONG"):
        await bot.send_message(CHANNEL, "a", reply_markup=keys(*[button] * 101))


async def test_a_reply_needs_the_message_it_replies_to(bot, unhurried, message):
    number = await unhurried.person().at(unhurried.chat("-200", "group")).say("hello")
    await bot.send_message(CHANNEL, "to ours", reply_parameters=ReplyParameters(message.message_id))
    await bot.send_message("-200", "to theirs", reply_parameters=ReplyParameters(number))
    with pytest.raises(BadRequest, match=r"(?i)message to be replied not found"):
        await bot.send_message(CHANNEL, "to another chat's", reply_parameters=ReplyParameters(number))
    await bot.send_message(CHANNEL, "lenient", reply_parameters=ReplyParameters(99, allow_sending_without_reply=True))
    await message.delete()
    with pytest.raises(BadRequest, match=r"(?i)message to be replied not found"):
        await bot.send_message(CHANNEL, "to one that is gone", reply_parameters=ReplyParameters(message.message_id))


# Edits


async def test_an_edit_changes_what_is_read_and_keeps_what_was(bot, unhurried, message):
    edited = await message.edit_text("<b>wild</b>", parse_mode="HTML")
    (one,) = unhurried.accepted
    assert (edited.text, edited.message_id, bool(edited.edit_date)) == ("wild", message.message_id, True)
    assert unhurried.texts(CHANNEL) == ["wild"]
    assert (one.history, one.buttons) == (["calm"], [])


async def test_buttons_can_be_changed_alone(bot, unhurried, message):
    await message.edit_reply_markup(keys(("Mute", {"callback_data": "m"})))
    assert (unhurried.accepted[0].text, unhurried.accepted[0].buttons) == ("calm", ["Mute"])


@pytest.mark.parametrize(
    "again",
    [
        lambda message: message.edit_text("calm", reply_markup=message.reply_markup),
        lambda message: message.edit_reply_markup(message.reply_markup),
    ],
    ids=["text", "buttons"],
)
async def test_an_edit_must_change_something(message, again):
    with pytest.raises(BadRequest, match=r"(?i)message is not modified"):
        await again(message)


async def test_other_buttons_or_other_letters_are_a_change(message):
    await message.edit_text("calm", reply_markup=keys(("Mute", {"callback_data": "m"})))
    await message.edit_text("<b>calm</b>", parse_mode="HTML", reply_markup=message.reply_markup)


async def test_only_standing_messages_of_the_bot_can_be_edited(bot, unhurried, message):
    theirs = await unhurried.person().at(unhurried.chat("-200", "group")).say("theirs")
    with pytest.raises(BadRequest, match=r"(?i)message can't be edited"):
        await bot.edit_message_text("mine", "-200", theirs)
    with pytest.raises(BadRequest, match=r"(?i)message to edit not found"):
        await bot.edit_message_text("elsewhere", "-200", message.message_id)
    await message.delete()
    assert unhurried.texts(CHANNEL) == []
    with pytest.raises(BadRequest, match=r"(?i)message to edit not found"):
        await message.edit_text("gone")
    with pytest.raises(BadRequest, match=r"(?i)message to delete not found"):
        await message.delete()


# Pictures and files


async def test_a_picture_keeps_its_bytes_and_can_be_sent_again_by_its_number(bot, unhurried):
    sent = await bot.send_photo(CHANNEL, png(800, 600), caption="<b>fall</b>", parse_mode="HTML")
    assert [(one.width, one.height) for one in sent.photo] == [(800, 600)]
    await bot.send_photo("-1002", sent.photo[0].file_id)
    assert [one.file.body for one in unhurried.accepted] == [png(800, 600)] * 2
    assert unhurried.texts(CHANNEL) == ["fall"]


@pytest.mark.parametrize(
    ("photo", "caption", "words"),
    [
        (png(9000, 1001), "", "PHOTO_INVALID_DIMENSIONS"),
        (png(2100, 100), "", "PHOTO_INVALID_DIMENSIONS"),
        (b"GIF89a", "", "IMAGE_PROCESS_FAILED"),
        (b"", "", "non-empty"),
        (png(1, 1), "🔴" * 513, "caption is too long"),
        (png(1, 1), "<b>", "can't parse entities"),
        ("photo-99", "", "wrong file identifier"),
    ],
)
async def test_pictures_that_telegram_would_not_take(bot, unhurried, photo, caption, words):
    with pytest.raises(BadRequest, match=f"(?i){words}"):
        await bot.send_photo(CHANNEL, photo, caption=caption, parse_mode="HTML")
    assert unhurried.accepted == []


async def test_a_document_has_a_name_and_a_caption_of_1024(bot, unhurried):
    sent = await bot.send_document(CHANNEL, b'{"a": 1}', filename="data.json", caption="🔴" * 512)
    assert (sent.document.file_name, sent.document.file_size) == ("data.json", 8)
    assert unhurried.accepted[0].file.body == b'{"a": 1}'


async def test_a_picture_has_no_text_to_edit(bot):
    sent = await bot.send_photo(CHANNEL, png(1, 1), caption="a")
    with pytest.raises(BadRequest, match=r"(?i)no text in the message"):
        await sent.edit_text("b")


async def test_a_caption_and_a_picture_can_be_changed(bot, unhurried):
    sent = await bot.send_photo(CHANNEL, png(1, 1), caption="a")
    await sent.edit_caption("b")
    edited = await sent.edit_media(InputMediaPhoto(png(2, 1), "<b>c</b>", "HTML"))
    assert (edited.caption, edited.photo[0].width, edited.photo[0].file_id) == ("c", 2, "photo-2")
    (one,) = unhurried.accepted
    assert (one.text, one.history, one.file.body) == ("c", ["a", "b"], png(2, 1))
    await sent.edit_media(InputMediaPhoto("photo-1", "<b>c</b>", "HTML"))
    assert one.file.body == png(1, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda sent: sent.edit_caption("a"), "not modified"),
        (lambda sent: sent.edit_media(InputMediaPhoto("photo-1", "a")), "not modified"),
        (lambda sent: sent.edit_caption("🔴" * 513), "caption is too long"),
        (lambda sent: sent.edit_media(InputMediaPhoto(png(1, 1), "🔴" * 513)), "caption is too long"),
        (lambda sent: sent.edit_media(InputMediaPhoto(png(9999, 2), "b")), "PHOTO_INVALID_DIMENSIONS"),
        (lambda sent: sent.edit_media(InputMediaPhoto("photo-99", "b")), "wrong file identifier"),
    ],
    ids=["same caption", "same picture", "long caption", "long caption of a new picture", "size", "unknown"],
)
async def test_changes_of_a_picture_that_telegram_would_not_take(bot, unhurried, change, words):
    sent = await bot.send_photo(CHANNEL, png(1, 1), caption="a")
    with pytest.raises(BadRequest, match=f"(?i){words}"):
        await change(sent)
    assert (unhurried.accepted[0].text, unhurried.accepted[0].history) == ("a", [])


async def test_a_text_has_neither_caption_nor_picture(message):
    with pytest.raises(BadRequest, match=r"(?i)no caption in the message"):
        await message.edit_caption("b")
    with pytest.raises(BadRequest, match=r"(?i)no media in the message"):
        await message.edit_media(InputMediaPhoto(png(1, 1), "b"))


async def test_the_action_of_a_chat_is_one_of_telegrams(bot):
    assert await bot.send_chat_action(CHANNEL, "upload_photo")
    with pytest.raises(BadRequest):
        await bot.send_chat_action(CHANNEL, "thinking")
