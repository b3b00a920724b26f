"""Pictures of events: kept as long as they are to be sent, and known of what was sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.delivery.attempts import Sent
from bot.delivery.model import SendMode
from tests.specimens import CHANNEL, GROUP
from tests.stored import answer, claim, put
from tests.virtual import NOON


async def correct(store, picture=b"", key="correction", **about):
    await put(store, CHANNEL, GROUP, key=key, original="fall", mode=SendMode.EDIT, picture=picture, **about)
    (one,) = [one for one in await claim(store, 9) if one.chat == "-1001"]
    return one


async def test_a_delivery_names_its_picture_and_other_languages_have_none(store):
    chinese = replace(GROUP, language="zh")
    await put(store, CHANNEL, chinese, picture=b"png")
    one, other = await claim(store, 9)
    assert await store.picture(one.picture) == b"png"
    assert (other.chat, other.picture, other.photo_name) == ("-2001", "", "")
    assert await store.picture("another") is None


async def test_events_that_look_the_same_share_a_picture_until_the_last_of_them_expires(store):
    for key, hours in (("short", 2), ("long", 6), ("shorter", 1)):
        await put(store, CHANNEL, key=key, picture=b"png", lives=timedelta(hours=hours))
    await put(store, CHANNEL, key="other", picture=b"other", lives=timedelta(hours=3))
    names = {one.event: one.picture for one in await store.received("telegram", "-1001", 9)}
    assert names["short"] == names["long"] == names["shorter"] != names["other"]
    kept = []
    for hours in (1, 2, 3, 6):
        await claim(store, now=NOON + timedelta(hours=hours))
        kept.append([await store.picture(names[key]) for key in ("long", "other")])
    assert kept == [[b"png", b"other"], [b"png", b"other"], [b"png", None], [None, None]]


async def test_an_edit_knows_whether_its_target_is_a_picture_through_all_edits(store):
    await put(store, CHANNEL, GROUP, picture=b"first")
    for one, pictured in zip(await claim(store, 9), (True, False), strict=True):
        assert (one.has_photo, one.target_has_photo) == (False, False)
        await answer(store, one, Sent(77, has_photo=pictured))
    for key, picture in (("second", b"second"), ("third", b"")):
        await put(store, CHANNEL, GROUP, key=key, original="fall", mode=SendMode.EDIT, picture=picture)
        one, other = await claim(store, 9)
        assert (one.chat, one.target, one.target_has_photo, one.is_caption) == ("-1001", 77, True, True)
        assert await store.picture(one.photo_name) == (picture or None)
        assert (other.chat, other.target, other.target_has_photo, other.photo_name) == ("-2001", 77, False, "")
        for each in (one, other):
            await answer(store, each, Sent(each.target, each.target_has_photo))


async def test_a_reply_is_a_message_of_its_own(store):
    await put(store, CHANNEL, picture=b"first")
    (first,) = await claim(store)
    await answer(store, first, Sent(77, has_photo=True))
    await put(store, CHANNEL, key="class", original="fall", mode=SendMode.REPLY)
    (reply,) = await claim(store)
    assert (reply.target, reply.is_caption) == (77, False)


async def test_what_is_added_changes_the_caption_and_leaves_the_picture(store):
    await put(store, CHANNEL, GROUP, picture=b"first")
    for one, pictured in zip(await claim(store, 9), (True, False), strict=True):
        await answer(store, one, Sent(77, has_photo=pictured))
    await put(store, key="more", original="fall", mode=SendMode.AMEND)
    found = [(one.chat, one.is_caption, one.photo_name) for one in await claim(store, 9)]
    assert found == [("-1001", True, ""), ("-2001", False, "")]


async def test_what_is_sent_with_something_added_has_the_picture(store):
    await put(store, CHANNEL, picture=b"first")
    await put(store, key="more", original="fall", mode=SendMode.AMEND)
    (one,) = await claim(store, 9)
    assert (one.event, one.is_caption) == ("more", True)
    assert await store.picture(one.photo_name) == b"first"
