"""Where does an event go that takes the place of an earlier one, or answers it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from bot.adapters.database.database import Database
from bot.alerts.rules import Severity
from bot.delivery.attempts import ChatGone, ChatRefused, NotSent, RateLimited, Sent, Uncertain
from bot.delivery.model import DeliveryState, SendMode
from bot.delivery.subscribers import QuietHours
from tests.specimens import CHANNEL, GROUP, PRIVATE, subscriber
from tests.stored import answer, claim, notification, put, send_all
from tests.virtual import NOON

LATER = NOON + timedelta(hours=1)


async def correct(store, *destinations, original="fall", key="correction", mode=SendMode.EDIT, **about):
    return await put(store, *destinations, key=key, original=original, mode=mode, **about)


async def made(store, chat="-1001") -> dict[str, tuple[SendMode, DeliveryState]]:
    return {one.event: (one.mode, one.state) for one in await store.received("telegram", chat, 9)}


async def next_one(store, now=NOON):
    (one,) = await claim(store, now=now)
    return one.event, one.mode, one.target, one


@pytest.mark.parametrize("withdraws", [False, True])
async def test_what_was_not_handed_out_yet_is_replaced(store, withdraws):
    await put(store, CHANNEL)
    await correct(store, CHANNEL, is_withdrawal=withdraws)
    assert await send_all(store) == ([] if withdraws else [("-1001", "correction")])
    assert (await made(store))["fall"] == (SendMode.SEND, DeliveryState.SUPERSEDED)
    assert await store.undelivered() == []


@pytest.mark.parametrize("withdraws", [False, True])
async def test_what_was_sent_is_edited(store, withdraws):
    await put(store, CHANNEL)
    (first,) = await claim(store)
    await answer(store, first, Sent(77))
    await correct(store, CHANNEL, is_withdrawal=withdraws)
    event, manner, target, _ = await next_one(store)
    assert (event, manner, target) == ("correction", SendMode.EDIT, 77)


async def test_an_edit_waits_for_the_message_that_is_under_way_and_then_knows_it(store):
    await put(store, CHANNEL)
    (first,) = await claim(store)
    await correct(store, CHANNEL, severity=Severity.EXTREME)
    assert await claim(store) == []
    await answer(store, first, Sent(77))
    event, manner, target, _ = await next_one(store)
    assert (event, manner, target) == ("correction", SendMode.EDIT, 77)


async def test_a_severe_edit_does_not_overtake_a_minor_original_that_is_tried_again(store):
    await put(store, CHANNEL, severity=Severity.NOTICE)
    (first,) = await claim(store)
    await answer(store, first, NotSent("refused"))
    await correct(store, CHANNEL, severity=Severity.SEVERE)
    assert await claim(store) == []
    await put(store, CHANNEL, key="another", severity=Severity.SEVERE)
    assert await send_all(store, LATER) == [("-1001", "another"), ("-1001", "fall"), ("-1001", "correction")]
    assert (await made(store))["correction"][0] is SendMode.EDIT


@pytest.mark.parametrize("outcome", [NotSent("refused"), RateLimited(30), Uncertain("reset")])
async def test_what_was_tried_is_sent_before_it_is_edited(store, outcome):
    await put(store, CHANNEL)
    (first,) = await claim(store)
    await answer(store, first, outcome)
    await correct(store, CHANNEL)
    event, _, _, again = await next_one(store, LATER)
    await answer(store, again, Sent(77), LATER)
    assert event == "fall"
    assert (await next_one(store, LATER))[:3] == ("correction", SendMode.EDIT, 77)


async def test_what_may_have_arrived_and_is_not_repeated_is_edited_without_a_target(store):
    await put(store, CHANNEL, severity=Severity.NOTICE)
    (first,) = await claim(store)
    await answer(store, first, Uncertain("reset"))
    await correct(store, severity=Severity.NOTICE)
    assert (await next_one(store))[:3] == ("correction", SendMode.EDIT, None)


async def test_a_chat_that_has_not_got_the_original_gets_a_message(store):
    await put(store, CHANNEL, GROUP)
    (first,) = await claim(store)
    await answer(store, first, Sent(77))
    (second,) = await claim(store)
    await answer(store, second, ChatRefused("no rights"))
    await store.keep(subscriber("3001"))
    await correct(store, CHANNEL, GROUP, subscribers_of="telegram")
    ways = {chat: (await made(store, chat))["correction"][0] for chat in ("-1001", "-2001", "3001")}
    assert ways == {"-1001": SendMode.EDIT, "-2001": SendMode.SEND, "3001": SendMode.SEND}


async def test_a_withdrawal_is_news_to_nobody_who_has_not_heard(store):
    await put(store, CHANNEL)
    await send_all(store)
    await store.keep(subscriber())
    await correct(store, CHANNEL, GROUP, subscribers_of="telegram", is_withdrawal=True)
    assert await send_all(store) == [("-1001", "correction")]


async def test_a_chat_that_would_not_have_heard_the_correction_is_corrected(store):
    await store.keep(subscriber(min_severity=Severity.SEVERE))
    await put(store, subscribers_of="telegram")
    await send_all(store)
    await correct(store, severity=Severity.NOTICE, subscribers_of="telegram")
    assert await send_all(store) == [("3001", "correction")]


async def test_a_correction_of_something_unknown_is_a_message(store):
    await correct(store, CHANNEL, original="never heard of")
    assert (await next_one(store))[:3] == ("correction", SendMode.SEND, None)


async def test_an_answer_goes_to_those_alone_who_have_what_it_answers(store):
    await put(store, CHANNEL, GROUP)
    (first,) = await claim(store)
    await answer(store, first, Sent(77))
    await store.keep(subscriber())
    await correct(store, CHANNEL, GROUP, PRIVATE, subscribers_of="telegram", mode=SendMode.REPLY)
    assert await made(store, "-2001") == {"fall": (SendMode.SEND, DeliveryState.PENDING)}
    assert await made(store, "3001") == {}
    assert (await next_one(store))[:3] == ("correction", SendMode.REPLY, 77)


async def test_corrections_of_a_correction_edit_the_same_message(store):
    """A chat that began with the first correction has that to be edited, the others the original."""
    await put(store, CHANNEL)
    (first,) = await claim(store)
    await answer(store, first, Sent(77))
    await correct(store, CHANNEL, GROUP, key="second")
    for _ in range(2):
        (one,) = await claim(store)
        await answer(store, one, Sent(88 if one.chat == "-2001" else 77))
    for key, original in (("third", "fall"), ("fourth", "second")):
        await correct(store, CHANNEL, GROUP, key=key, original=original)
        found = await claim(store, 9)
        assert [(one.chat, one.event, one.mode, one.target) for one in found] == [
            ("-1001", key, SendMode.EDIT, 77),
            ("-2001", key, SendMode.EDIT, 88),
        ]
        for one in found:
            await answer(store, one, Sent(one.target))


async def test_of_two_corrections_that_wait_only_the_last_is_sent(store):
    await put(store, CHANNEL)
    await send_all(store)
    await correct(store, key="second")
    await correct(store, key="third")
    assert await send_all(store) == [("-1001", "third")]


async def test_an_edit_makes_no_sound_and_so_does_not_wait_for_the_end_of_quiet_hours(store):
    await store.keep(subscriber(quiet=QuietHours(time(12), time(14))))
    before = NOON - timedelta(hours=1)
    await put(store, subscribers_of="telegram", created=before)
    await send_all(store, before)
    await put(store, subscribers_of="telegram", key="another")  # it waits, and holds up nothing
    await correct(store, subscribers_of="telegram")
    await correct(store, subscribers_of="telegram", key="class", mode=SendMode.REPLY)
    assert await send_all(store) == [("3001", "correction")]
    end = NOON + timedelta(hours=2)
    assert await send_all(store, end) == [("3001", "another"), ("3001", "class")]


async def test_what_waits_for_the_end_of_quiet_hours_is_replaced_by_what_waits_as_long(store):
    await store.keep(subscriber(quiet=QuietHours(time(12), time(14)), language="zh"))
    await put(store, subscribers_of="telegram")
    await correct(store, subscribers_of="telegram")
    assert await send_all(store) == []
    (one,) = await claim(store, now=NOON + timedelta(hours=2))
    assert (one.event, one.mode, one.message.language) == ("correction", SendMode.SEND, "zh")


async def test_a_chat_that_left_gets_no_correction(store):
    for chat in ("3001", "3002"):
        await store.keep(subscriber(chat))
    await put(store, GROUP, subscribers_of="telegram")
    await send_all(store)
    await store.keep(replace(subscriber("3001"), subscriptions={}))
    await store.cancel("telegram", "3001", "it said /stop")
    await put(store, GROUP, key="other")
    (one,) = await claim(store)
    await answer(store, one, ChatGone("kicked"))
    for manner in (SendMode.EDIT, SendMode.REPLY):
        await correct(store, key=manner, mode=manner, subscribers_of="telegram")
    assert await send_all(store) == [("3002", "edit"), ("3002", "reply")]


async def test_a_muted_chat_is_corrected_without_a_sound(store):
    await store.keep(subscriber())
    await put(store, subscribers_of="telegram")
    await send_all(store)
    await store.keep(subscriber(muted_until=LATER))
    for manner in (SendMode.EDIT, SendMode.REPLY):
        await correct(store, key=manner, mode=manner, subscribers_of="telegram")
    assert await send_all(store) == [("3001", "edit")]


async def test_a_silenced_correction_goes_to_those_alone_who_have_the_original(store):
    await put(store, CHANNEL)
    await send_all(store)
    await store.silence(None, LATER, "maintenance")
    await correct(store, CHANNEL, GROUP)
    assert await send_all(store) == [("-1001", "correction")]


async def test_a_restart_between_a_message_and_its_correction_loses_nothing(url):
    async def opened():
        return await Database.open(url, upgrade=True)

    store = await opened()
    await put(store, CHANNEL, GROUP)
    for name in (77, 78):
        (one,) = await claim(store)
        await answer(store, one, Sent(name))
    await store.close()
    store = await opened()
    await correct(store, CHANNEL, GROUP)
    await store.close()
    store = await opened()
    found = await claim(store, 9)
    assert [(one.chat, one.mode, one.target) for one in found] == [
        ("-1001", SendMode.EDIT, 77),
        ("-2001", SendMode.EDIT, 78),
    ]
    event = await notification(store, found[0].event_number)
    assert (event.mode, event.original) == (SendMode.EDIT, "fall")
    await store.close()
