"""Alerts with their chart, through the real library over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.adapters.telegram.client import TelegramClient
from bot.alerts.rules import Severity
from bot.delivery.model import DeliveryState, SendMode
from bot.dispatcher import Dispatcher, Receiver
from bot.errors import StoreError
from tests.canary import TOKEN
from tests.fake_telegram.answers import RESET, Answer, refusal
from tests.specimens import CHANNEL, GROUP, png
from tests.stored import put

CHAT = CHANNEL.chat
CHATS = (CHANNEL, GROUP, *(replace(CHANNEL, chat=f"-100{number}") for number in range(2, 7)))


pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
async def transport(fake, store):
    async with TelegramClient(TOKEN, base_url=fake.base_url) as telegram:
        telegram.pictures.load = store.picture
        yield telegram


@pytest.fixture
def drain(store, transport, clock):
    """Send what is due now, and whatever is due within a minute of that."""
    dispatch = Dispatcher(store, [Receiver(transport)], clock, sleep=clock.sleep, jitter=lambda: 0.0)

    async def run():
        for _ in range(6):
            await dispatch.drain()
            await clock.sleep(10)

    return run


def uploads(fake):
    return [call for call in fake.calls if call.files]


def methods(fake):
    return [call.method for call in fake.calls]


async def edit(store, *destinations, key="correction", **about):
    await put(store, *destinations, key=key, original="fall", mode=SendMode.EDIT, **about)


async def test_an_alert_is_a_picture_with_its_text_below_and_its_buttons(store, fake, drain):
    await put(store, CHANNEL, text="Memory & <others> −18.2 %", picture=png())
    await drain()
    (one,) = fake.accepted
    assert (one.method, one.text) == ("sendPhoto", "Memory & <others> −18.2 %\nas of noon")
    assert (one.file.body, one.form["parse_mode"]) == (png(), "HTML")
    await put(store, GROUP, key="group", picture=png())
    await drain()
    assert fake.accepted[1].buttons == ["Details", "Chart", "Why", "Mute 1 day"]
    assert await store.undelivered() == []


async def test_a_picture_is_uploaded_once(store, fake, drain):
    await put(store, CHANNEL, picture=png())
    await drain()
    await put(store, *CHATS, key="again", picture=png())
    await drain()
    assert [one.file.body for one in fake.accepted] == [png()] * 8
    assert len(uploads(fake)) == 1


async def test_a_picture_that_telegram_forgot_is_uploaded_again(store, fake, drain):
    await put(store, CHANNEL, picture=png())
    await drain()
    fake.files.clear()
    await put(store, CHANNEL, key="again", picture=png())
    await drain()
    assert [one.file.body for one in fake.accepted] == [png()] * 2
    assert len(uploads(fake)) == 2


@pytest.mark.parametrize(
    ("picture", "answer"),
    [(png(9999, 400), None), (b"GIF89a", None), (png(), Answer(413, b"{}")), (png(), Answer(413, b"<html>"))],
    ids=["dimensions", "no picture", "too large", "too large for something on the way"],
)
async def test_a_picture_that_is_not_taken_lets_every_text_go_alone_at_once(store, fake, drain, picture, answer):
    if answer is not None:
        fake.fail("sendPhoto", answer)
    await put(store, CHANNEL, GROUP, picture=picture)
    before = fake.clock()
    await drain()
    assert fake.texts(CHAT) == fake.texts(GROUP.chat) == ["fall\nas of noon"]
    assert {one.method for one in fake.accepted} == {"sendMessage"}
    assert [one.at - before < 1 for one in fake.accepted] == [True, True]
    await put(store, *CHATS[2:], key="again", picture=picture)
    await drain()
    assert methods(fake).count("sendPhoto") <= 2
    assert len(fake.accepted) == 7


@pytest.mark.parametrize("words", ["not enough rights to send photos to the chat", "CHAT_SEND_PHOTOS_FORBIDDEN"])
async def test_a_chat_that_takes_no_pictures_gets_the_text_and_the_others_their_picture(store, fake, drain, words):
    await put(store, CHANNEL, picture=png())
    await drain()
    fake.script(GROUP.chat, refusal(400, f"Bad Request: {words}"))
    await put(store, GROUP, CHANNEL, key="next", picture=png())
    await drain()
    assert [(one.chat, one.method) for one in fake.accepted[1:]] == [(CHAT, "sendPhoto"), (GROUP.chat, "sendMessage")]
    assert len(uploads(fake)) == 1


@pytest.mark.parametrize(
    ("answer", "severity", "reads"),
    [
        (RESET, Severity.SEVERE, ["sendPhoto", "sendMessage"]),
        (RESET, Severity.WARNING, ["sendPhoto"]),
        (Answer(504, b"late"), Severity.SEVERE, ["sendMessage"]),
    ],
    ids=["lost", "lost, minor", "gateway"],
)
async def test_a_lost_answer_is_repeated_as_text(store, fake, drain, answer, severity, reads):
    fake.script(CHAT, answer)
    await put(store, CHANNEL, picture=png(), severity=severity)
    await drain()
    assert [one.method for one in fake.accepted] == reads
    assert ["repeat" in text for text in fake.texts(CHAT)] == [one == "sendMessage" for one in reads]


async def test_a_server_that_cannot_take_pictures_gets_the_text_at_the_third_try(store, fake, drain):
    fake.fail("sendPhoto", *[Answer(500, b"{}")] * 9)
    await put(store, CHANNEL, picture=png())
    await drain()
    assert methods(fake) == ["sendPhoto", "sendPhoto", "sendMessage"]
    assert fake.texts(CHAT) == ["fall\nas of noon"]


async def test_a_picture_that_is_gone_or_cannot_be_read_leaves_the_text(store, fake, drain, transport):
    async def broken(name):
        raise StoreError("database: the disk fails")

    for key, kept in (("gone", lambda name: store.picture("another")), ("broken", broken)):
        transport.pictures.load = kept
        await put(store, CHANNEL, key=key, picture=png())
        await drain()
    assert [(one.method, one.text.split("\n")[0]) for one in fake.accepted] == [
        ("sendMessage", "gone"),
        ("sendMessage", "broken"),
    ]


# Edits


async def test_an_edit_changes_text_and_picture_in_their_place(store, fake, drain):
    await put(store, GROUP, picture=png())
    await drain()
    await edit(store, GROUP, picture=png(note=b"new"))
    await drain()
    (one,) = fake.accepted
    assert (one.text, one.history, one.file.body) == ("correction\nas of noon", ["fall\nas of noon"], png(note=b"new"))
    assert one.buttons == ["Details", "Chart", "Why", "Mute 1 day"]
    assert methods(fake) == ["sendPhoto", "editMessageMedia"]


async def test_without_a_new_picture_the_old_one_stays_and_the_caption_changes(store, fake, drain):
    await put(store, CHANNEL, picture=png())
    await drain()
    for key in ("second", "third"):
        await edit(store, CHANNEL, key=key)
        await drain()
    (one,) = fake.accepted
    assert (one.text, one.file.body) == ("third\nas of noon", png())
    assert methods(fake) == ["sendPhoto", "editMessageCaption", "editMessageCaption"]


@pytest.mark.parametrize("refused", [png(9999, 400), b"GIF89a"], ids=["dimensions", "no picture"])
async def test_a_new_picture_that_is_not_taken_leaves_the_new_text_below_the_old_one(store, fake, drain, refused):
    await put(store, CHANNEL, picture=png())
    await drain()
    await edit(store, CHANNEL, picture=refused)
    await drain()
    (one,) = fake.accepted
    assert (one.text, one.file.body) == ("correction\nas of noon", png())
    assert await store.undelivered() == []


async def test_what_was_sent_as_a_text_stays_one(store, fake, drain):
    await put(store, CHANNEL)
    await drain()
    await edit(store, CHANNEL, picture=png())
    await drain()
    assert fake.texts(CHAT) == ["correction\nas of noon"]
    assert methods(fake) == ["sendMessage", "editMessageText"]


async def test_an_edit_whose_answer_was_lost_is_made_again_and_changes_nothing(store, fake, drain):
    await put(store, CHANNEL, picture=png())
    await drain()
    fake.fail("editMessageMedia", RESET)
    await edit(store, CHANNEL, picture=png(note=b"new"))
    await drain()
    (one,) = fake.accepted
    assert (one.text, one.file.body) == ("correction\nas of noon", png(note=b"new"))
    assert await store.undelivered() == []


async def test_a_picture_that_was_deleted_is_sent_anew_with_the_text(store, fake, drain):
    await put(store, CHANNEL, picture=png())
    await drain()
    fake.accepted[0].deleted = True
    await edit(store, CHANNEL, picture=png(note=b"new"))
    await drain()
    assert [(one.method, one.text.split("\n")[0]) for one in fake.accepted] == [
        ("sendPhoto", "fall"),
        ("sendPhoto", "correction"),
    ]


async def test_a_message_of_another_kind_than_was_noted_is_sent_anew(store, fake, drain):
    await put(store, CHANNEL, picture=png())
    await drain()
    fake.accepted[0].media = {}
    await edit(store, CHANNEL, picture=png(note=b"new"))
    await drain()
    assert [one.method for one in fake.accepted] == ["sendPhoto", "sendPhoto"]
    assert {one.state for one in await store.undelivered()} == set[DeliveryState]()


async def test_the_words_of_a_class_that_changed_answer_the_picture(store, fake, drain):
    await put(store, CHANNEL, picture=png())
    await drain()
    await put(store, CHANNEL, key="class", original="fall", mode=SendMode.REPLY)
    await drain()
    first, reply = fake.accepted
    assert (reply.method, json.loads(reply.form["reply_parameters"])["message_id"]) == ("sendMessage", first.id)
