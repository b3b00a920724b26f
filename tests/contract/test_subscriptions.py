"""What does the store know of chats that set themselves up, and what happens to what waits for them?"""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest
import sqlalchemy as sa

from bot.adapters.database.tables import basket_subscriptions, chats, outbox, subscribers
from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.attempts import ChatGone, ChatMoved, ChatRefused, NotSent, Sent, Uncertain
from bot.delivery.model import ChatKind, DeliveryState
from bot.delivery.subscribers import BasketSubscription, QuietHours
from tests.specimens import CHANNEL, GROUP, PRIVATE, subscriber
from tests.stored import answer, claim, put, send_all, states
from tests.virtual import NOON

MEMORY, PAYERS = BasketId("memory"), BasketId("payers")
FULL = replace(
    subscriber(),
    kind=ChatKind.GROUP,
    language="zh",
    subscriptions={
        MEMORY: BasketSubscription(Severity.SEVERE, NOON + timedelta(days=3)),
        PAYERS: BasketSubscription(Severity.NOTICE),
    },
    all_baskets=True,
    min_severity=Severity.WARNING,
    muted_until=NOON + timedelta(hours=1),
    quiet=QuietHours(time(22, 30), time(7)),
    zone="Europe/Berlin",
)


async def tell(store, key="fall", **about):
    await put(store, key=key, subscribers_of="telegram", **about)


async def test_a_subscriber_comes_back_as_it_was_kept(store):
    assert await store.subscriber("telegram", "3001") is None
    await store.keep(subscriber("3002"))
    await store.keep(FULL)
    assert await store.subscriber("telegram", "3001") == FULL
    await store.keep(subscriber())
    assert await store.subscriber("telegram", "3001") == subscriber()
    assert await store.subscriber("telegram", "3002") == subscriber("3002")


async def test_a_zone_that_nobody_knows_is_not_kept(store):
    with pytest.raises(ZoneInfoNotFoundError):
        await store.keep(replace(FULL, zone="Mars/Olympus"))


async def test_nothing_is_left_of_a_chat_that_is_erased(store):
    await store.keep(FULL)
    await store.keep(subscriber("3002"))
    await put(store, PRIVATE, key="a", subscribers_of="telegram")
    await put(store, PRIVATE, key="b")
    (first,) = await claim(store)
    await answer(store, first, ChatRefused("no rights"))
    await store.erase("telegram", "3001")
    assert await store.subscriber("telegram", "3001") is None
    assert await store.received("telegram", "3001", 9) == []
    assert await send_all(store) == [("3002", "a")]
    for table in (chats, outbox, subscribers, basket_subscriptions):
        async with store._transaction() as connection:
            assert (await connection.execute(sa.select(table).where(table.c.chat == "3001"))).all() == []


@pytest.mark.parametrize(
    "outcome", [Sent(1), NotSent("refused"), Uncertain("reset"), ChatGone("blocked"), ChatMoved("-7")]
)
async def test_an_answer_for_an_erased_chat_changes_nothing(store, outcome):
    await put(store, PRIVATE, key="a")
    (old,) = await claim(store)
    await store.erase("telegram", "3001")
    await put(store, PRIVATE, key="b")  # SQLite gives it the number of the old one
    (new,) = await claim(store)
    await answer(store, old, outcome)
    assert [(one.chat, one.state) for one in await store.received("telegram", "3001", 9)] == [
        ("3001", DeliveryState.SENDING)
    ]
    await answer(store, new, Sent(2))
    await put(store, PRIVATE, key="c")
    assert await send_all(store) == [("3001", "c")]


async def test_what_is_cancelled_is_not_sent_and_is_listed_with_the_reason(store):
    await store.keep(subscriber())
    await tell(store, "a")
    await tell(store, "b")
    assert await store.cancel("telegram", "3001", "it said /stop") == 2
    assert await send_all(store) == []
    assert [(one.state, one.reason) for one in await store.undelivered()] == [
        (DeliveryState.FAILED, "it said /stop")
    ] * 2
    assert await store.cancel("telegram", "3001", "again") == 0


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Sent(1), None),
        (NotSent("refused"), DeliveryState.FAILED),
        (Uncertain("reset"), DeliveryState.UNCERTAIN),
        (ChatMoved("-7"), DeliveryState.FAILED),
    ],
)
async def test_what_is_under_way_when_it_is_cancelled_is_not_tried_again(store, outcome, state):
    await put(store, PRIVATE)
    (under_way,) = await claim(store)
    assert await store.cancel("telegram", "3001", "it said /stop") == 0
    await answer(store, under_way, outcome)
    assert [one.state for one in await store.undelivered()] == ([state] if state else [])
    assert await send_all(store, NOON + timedelta(hours=1)) == []


async def test_only_what_is_about_the_basket_alone_is_cancelled_with_it(store):
    await store.keep(subscriber("3001", "memory", "payers"))
    await tell(store, "memory")
    await tell(store, "payers", baskets=["payers"])
    await tell(store, "both", baskets=["memory", "payers"])
    await store.keep(subscriber("3001", "payers"))
    assert await store.cancel("telegram", "3001", "unsubscribed", MEMORY) == 1
    assert await send_all(store) == [("3001", "payers"), ("3001", "both")]


async def test_a_group_that_becomes_a_supergroup_keeps_its_settings(store):
    await store.keep(FULL)
    await store.move("telegram", "3001", "-1009")
    assert await store.subscriber("telegram", "3001") is None
    assert await store.subscriber("telegram", "-1009") == replace(FULL, chat="-1009")


async def test_the_answer_that_a_chat_moved_moves_its_settings(store):
    await store.keep(subscriber())
    await tell(store, "a")
    await tell(store, "b")
    (one,) = await claim(store)
    await answer(store, one, ChatMoved("-1009"))
    await store.move("telegram", "3001", "-1009")  # the chat says so itself, too
    await tell(store, "c")
    assert await send_all(store) == [("-1009", "a"), ("-1009", "b"), ("-1009", "c")]


async def test_two_chats_that_become_one_hear_what_either_wanted(store):
    old = replace(
        subscriber("3001", all_baskets=True, min_severity=Severity.WARNING),
        subscriptions={MEMORY: BasketSubscription(Severity.NOTICE, NOON), PAYERS: BasketSubscription(Severity.EXTREME)},
        muted_until=NOON,
    )
    new = replace(
        subscriber("-1009", min_severity=Severity.SEVERE),
        subscriptions={MEMORY: BasketSubscription(Severity.SEVERE, NOON - timedelta(hours=1))},
        muted_until=NOON + timedelta(hours=1),
        language="zh",
    )
    await store.keep(old)
    await store.keep(new)
    await tell(store, "before", severity=Severity.EXTREME, created=NOON + timedelta(hours=2))
    await store.move("telegram", "3001", "-1009")
    assert await store.subscriber("telegram", "-1009") == replace(
        new,
        subscriptions={
            MEMORY: BasketSubscription(Severity.NOTICE, NOON - timedelta(hours=1)),
            PAYERS: BasketSubscription(Severity.EXTREME),
        },
        all_baskets=True,
        min_severity=Severity.WARNING,
        muted_until=NOON,
    )
    assert await send_all(store, NOON + timedelta(hours=2)) == [("-1009", "before")]


async def test_a_subscriber_that_is_gone_hears_nothing_until_it_is_back(store):
    await store.keep(subscriber())
    await tell(store, "a")
    await tell(store, "b")
    (one,) = await claim(store)
    await answer(store, one, ChatGone("blocked"))
    await tell(store, "c")
    assert await send_all(store) == []
    await store.keep(subscriber())
    await tell(store, "d")
    assert await send_all(store) == [("3001", "d")]


async def test_who_wants_everything_wants_new_baskets_at_its_own_level(store):
    await store.keep(subscriber("3001", all_baskets=True, min_severity=Severity.SEVERE))
    await store.keep(replace(subscriber("3002"), subscriptions={}))
    for _ in range(2):
        await store.widen("telegram", [MEMORY, PAYERS])
    wide = await store.subscriber("telegram", "3001")
    assert wide.subscriptions == {
        MEMORY: BasketSubscription(Severity.SEVERE),
        PAYERS: BasketSubscription(Severity.SEVERE),
    }
    assert (await store.subscriber("telegram", "3002")).subscriptions == {}


async def test_what_a_chat_received_comes_newest_first(store):
    for key in "abc":
        await put(store, CHANNEL, GROUP, key=key)
    await send_all(store)
    found = await store.received("telegram", "-1001", 2)
    assert [(one.event, one.state, one.chat) for one in found] == [(key, DeliveryState.SENT, "-1001") for key in "cb"]


async def test_the_queue_is_counted(store):
    assert await store.counts("telegram") == {}
    assert await store.waiting("telegram") == (0, None)
    await put(store, CHANNEL, GROUP, key="a")
    await put(store, CHANNEL, key="b", created=NOON + timedelta(minutes=1))
    assert await store.waiting("telegram") == (3, NOON)
    claimed = await claim(store, 2)
    assert await store.waiting("telegram") == (3, NOON)  # what is under way counts
    for one in claimed:
        await answer(store, one, Sent(1))
    assert await store.counts("telegram") == {DeliveryState.SENT: 2, DeliveryState.PENDING: 1}
    assert await store.waiting("telegram") == (1, NOON + timedelta(minutes=1))
    assert await store.waiting("terminal") == (0, None)
    assert len(await states(store)) == 1


async def test_nothing_is_left_of_a_group_that_moved_either(store):
    await store.keep(replace(subscriber("-2001"), kind=ChatKind.GROUP))
    await put(store, replace(PRIVATE, chat="-2001"), key="before")
    await send_all(store)
    await store.move("telegram", "-2001", "-2002")
    await store.move("telegram", "-2002", "-2003")
    await store.erase("telegram", "-2003")
    assert await store.subscriber("telegram", "-2003") is None
    for chat in ("-2001", "-2002", "-2003"):
        assert await store.received("telegram", chat, 9) == []
    async with store._transaction() as connection:
        assert list(await connection.execute(sa.select(chats))) == []
