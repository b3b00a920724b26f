"""Where does an event go that says the same as an earlier one and a little more?"""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from bot.adapters.database.database import Database
from bot.alerts.rules import Severity
from bot.delivery.attempts import ChatRefused, NotSent, Sent, TargetMissing, Uncertain
from bot.delivery.model import DeliveryState, SendMode
from bot.delivery.subscribers import QuietHours
from tests.specimens import CHANNEL, GROUP, subscriber
from tests.stored import answer, claim, put, send_all
from tests.virtual import NOON

LATER = NOON + timedelta(hours=1)


async def amend(store, *destinations, original="fall", key="more", **about) -> bool:
    """Whether it still stood."""
    told = {"subscribers_of": "telegram"} | about
    return not await put(store, *destinations, key=key, original=original, mode=SendMode.AMEND, **told)


async def made(store, chat="-1001") -> dict[str, tuple[SendMode, DeliveryState]]:
    return {one.event: (one.mode, one.state) for one in await store.received("telegram", chat, 9)}


async def waiting(store, now=NOON) -> list[tuple]:
    return [(one.chat, one.event, one.mode, one.target) for one in await claim(store, 9, now)]


async def test_what_was_not_handed_out_yet_is_sent_with_it_once(store):
    await put(store, CHANNEL)
    assert await amend(store, CHANNEL)
    assert await send_all(store) == [("-1001", "more")]
    assert await made(store) == {"more": (SendMode.SEND, DeliveryState.SENT)}


async def test_what_was_sent_is_changed(store):
    await put(store, CHANNEL)
    (first,) = await claim(store)
    await answer(store, first, Sent(77))
    await amend(store)
    assert await waiting(store) == [("-1001", "more", SendMode.AMEND, 77)]


@pytest.mark.parametrize("outcome", [NotSent("refused"), Uncertain("reset")])
async def test_what_is_under_way_or_tried_again_is_sent_first_and_then_changed(store, outcome):
    await put(store, CHANNEL)
    (first,) = await claim(store)
    await amend(store)
    assert await claim(store) == []
    await answer(store, first, outcome)
    (again,) = await claim(store, now=LATER)
    assert again.event == "fall"
    await answer(store, again, Sent(77), LATER)
    assert await waiting(store, LATER) == [("-1001", "more", SendMode.AMEND, 77)]


@pytest.mark.parametrize("outcome", [Uncertain("reset"), ChatRefused("no rights")])
async def test_where_no_message_is_known_nothing_is_sent(store, outcome):
    """A minor one that may have arrived is not repeated, and what failed stays failed."""
    about = {"severity": Severity.NOTICE}
    await put(store, CHANNEL, GROUP, **about)
    (first,) = await claim(store)
    await answer(store, first, outcome)
    (second,) = await claim(store)
    await amend(store, CHANNEL, GROUP, **about)  # the second is under way
    await answer(store, second, outcome)
    assert await claim(store, 9, LATER) == []
    assert not await store.due("telegram", LATER)
    assert "more" not in await made(store, "-1001")
    assert (await made(store, "-2001"))["more"] == (SendMode.AMEND, DeliveryState.SUPERSEDED)
    assert {one.event for one in await store.undelivered()} == {"fall"}


async def test_a_chat_that_deleted_the_message_gets_no_other(store):
    await put(store, CHANNEL)
    (first,) = await claim(store)
    await answer(store, first, Sent(77))
    await amend(store)
    (one,) = await claim(store)
    await answer(store, one, TargetMissing("message to edit not found"))
    assert await claim(store, 9, LATER) == []
    assert await store.undelivered() == []


async def test_nobody_hears_of_the_alert_because_of_it(store):
    await put(store, CHANNEL)
    await send_all(store)
    await store.keep(subscriber())
    await amend(store, CHANNEL, GROUP)
    assert await send_all(store) == [("-1001", "more")]


async def test_who_has_left_meanwhile_sees_no_change(store):
    await store.keep(subscriber())
    await put(store, subscribers_of="telegram")
    await send_all(store)
    await store.erase("telegram", "3001")
    await amend(store)
    assert await send_all(store) == []


@pytest.mark.parametrize("sent", [True, False])
async def test_it_is_void_once_another_event_has_taken_the_place(store, sent):
    await put(store, CHANNEL)
    if sent:
        await send_all(store)
    await put(store, CHANNEL, key="confirmed", original="fall", mode=SendMode.EDIT)
    assert not await amend(store, CHANNEL)
    assert await send_all(store) == [("-1001", "confirmed")]
    assert await amend(store, CHANNEL, original="confirmed", key="later")
    assert await send_all(store) == [("-1001", "later")]


async def test_an_answer_below_the_alert_does_not_make_it_void(store):
    await put(store, CHANNEL)
    await send_all(store)
    await put(store, key="class", original="fall", mode=SendMode.REPLY)
    assert await amend(store)
    assert set(await send_all(store)) == {("-1001", "class"), ("-1001", "more")}


async def test_what_is_amended_and_then_replaced_shows_the_replacement_alone(store):
    await put(store, CHANNEL, GROUP)
    (first,) = await claim(store)
    await answer(store, first, Sent(77))
    await amend(store, CHANNEL, GROUP)
    await put(store, CHANNEL, GROUP, key="confirmed", original="fall", mode=SendMode.EDIT)
    assert sorted(await waiting(store)) == [
        ("-1001", "confirmed", SendMode.EDIT, 77),
        ("-2001", "confirmed", SendMode.SEND, None),
    ]


async def test_a_change_that_waits_in_the_place_of_a_message_still_becomes_one(store):
    """An edit without a message to edit goes out by itself; that more is said of it may not lose it."""
    await put(store, CHANNEL, severity=Severity.NOTICE)
    (first,) = await claim(store)
    await answer(store, first, Uncertain("reset"))
    await put(store, key="confirmed", original="fall", mode=SendMode.EDIT, severity=Severity.NOTICE)
    await amend(store, original="confirmed", severity=Severity.NOTICE)
    assert await waiting(store) == [("-1001", "more", SendMode.EDIT, None)]


async def test_an_amendment_of_something_unknown_or_the_same_again_is_nothing(store):
    assert not await amend(store, CHANNEL)
    await put(store, CHANNEL)
    assert await amend(store)
    assert not await amend(store)
    assert await send_all(store) == [("-1001", "more")]


async def test_quiet_hours_hold_back_the_message_and_not_the_change(store):
    await store.keep(subscriber("3001", quiet=QuietHours(time(12), time(14))))
    await store.keep(subscriber("3002"))
    await put(store, subscribers_of="telegram")
    await send_all(store)
    await amend(store)
    assert await send_all(store) == [("3002", "more")]
    (one,) = await claim(store, now=NOON + timedelta(hours=2))
    assert (one.event, one.mode) == ("more", SendMode.SEND)


async def test_a_restart_between_a_message_and_its_amendment_loses_neither(url):
    store = await Database.open(url, upgrade=True)
    await put(store, CHANNEL)
    await send_all(store)
    await amend(store)
    await store.close()
    store = await Database.open(url, upgrade=True)
    assert await waiting(store) == [("-1001", "more", SendMode.AMEND, 1)]
    await store.close()
