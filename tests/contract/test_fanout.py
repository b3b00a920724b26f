"""Which subscribers hear an event? What the database says is what `hears_at` says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.database import rows
from bot.adapters.database.database import Database
from bot.adapters.database.tables import chats, outbox
from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.model import ChatKind, DeliveryState, Destination, Note, Notification, Silence
from bot.delivery.subscribers import BasketSubscription, QuietHours, Subscriber
from tests.specimens import CHANNEL, PRIVATE, event, subscriber
from tests.stored import claim, notification, put, send_all, states
from tests.virtual import NOON

BASKETS = [BasketId(one) for one in ("memory", "payers", "receivers")]
LEVELS = st.sampled_from(Severity)
MOMENTS = st.integers(-3, 3).map(lambda hours: NOON + timedelta(hours=hours))
HOURS = st.sampled_from([time(hour) for hour in (0, 7, 11, 12, 13, 22)])
QUIET = st.tuples(HOURS, HOURS).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: QuietHours(*pair))
NAMES = count(1)


@st.composite
def subscribers(draw) -> Subscriber:
    mute = st.none() | st.none() | MOMENTS
    wish = st.builds(BasketSubscription, LEVELS, mute)
    return Subscriber(
        transport="",
        chat="",
        kind=draw(st.sampled_from(ChatKind)),
        since=NOON,
        language=draw(st.sampled_from(["en", "zh", "fr"])),
        subscriptions=draw(st.dictionaries(st.sampled_from(BASKETS), wish, min_size=1)),
        muted_until=draw(mute),
        quiet=draw(st.none() | QUIET),
        zone=draw(st.sampled_from(["UTC", "America/New_York", "Asia/Shanghai"])),
    )


@st.composite
def stricter(draw, lax: Subscriber) -> Subscriber:
    """One that wants no more than `lax`."""
    wishes = {
        basket: BasketSubscription(max(wish.min_severity, draw(LEVELS)), wish.muted_until)
        for basket, wish in lax.subscriptions.items()
        if draw(st.booleans())
    }
    return replace(lax, subscriptions=wishes, muted_until=max(lax.muted_until or NOON, draw(MOMENTS)))


@st.composite
def couples(draw) -> tuple[Subscriber, Subscriber]:
    lax = draw(subscribers())
    return lax, draw(stricter(lax))


@st.composite
def events(draw) -> Notification:
    about = draw(st.lists(st.sampled_from(BASKETS), min_size=1, max_size=2, unique=True))
    made = event(f"event {next(NAMES)}", draw(LEVELS), created=draw(MOMENTS), baskets=about)
    return replace(made, messages=draw(st.sampled_from([made.messages, made.messages[::-1], made.messages[:1]])))


def hears_at(one: Subscriber, what: Notification) -> datetime | None:
    """When it may be sent there: when it was due or, in quiet hours, at their end. One wish that is met is enough."""
    wishes = [one.subscriptions[basket] for basket in what.baskets if basket in one.subscriptions]
    met = [wish for wish in wishes if wish.min_severity <= what.severity and not muted(wish, what)]
    if muted(one, what) or not met:
        return None
    ends = one.quiet.ends(what.created, ZoneInfo(one.zone)) if one.quiet else None
    return ends or what.created


def muted(one: Subscriber | BasketSubscription, what: Notification) -> bool:
    return one.muted_until is not None and one.muted_until > what.created


async def told(database: Database, transport: str) -> dict[tuple[str, str], tuple[datetime, str, ChatKind]]:
    async with database._transaction() as connection:
        found = await connection.execute(rows.DELIVERIES.where(outbox.c.transport == transport))
        made = list(map(rows.to_delivery, found))
    assert all(one.state is DeliveryState.PENDING and one.expires > one.created for one in made)
    return {(one.chat, one.event): (one.not_before, one.message.language, one.kind) for one in made}


async def tell(database: Database, couples, happened, gone) -> tuple[dict, dict]:
    """What the database says and what `hears_at` says."""
    transport = f"transport {next(NAMES)}"
    everybody = [
        replace(one, transport=transport, chat=f"{name} {number}")
        for number, couple in enumerate(couples)
        for name, one in zip(("lax", "strict"), couple, strict=True)
    ]
    for one in everybody:
        await database.keep(one)
    left = {one.chat for one in everybody[::2] if gone and one.kind is ChatKind.GROUP}
    async with database._transaction() as connection:
        for chat in left:
            row = {"transport": transport, "chat": chat, "gone": True, "moved_to": "", "refusals": 0}
            await connection.execute(sa.insert(chats), row)
    await database.commit({}, happened, [], transport)
    wanted = {
        (one.chat, what.key): (when, what.message(one.language).language, one.kind)
        for one in everybody
        for what in happened
        if one.chat not in left and (when := hears_at(one, what)) is not None
    }
    return await told(database, transport), wanted


@pytest.mark.parametrize("kind", ["memory", "postgres"])
def test_the_database_tells_whom_the_definition_tells(kind, request):
    url = "sqlite://" if kind == "memory" else request.getfixturevalue("postgres_url")
    heard = 0
    with asyncio.Runner() as runner:
        database = runner.run(Database.open(url, upgrade=True))

        @settings(max_examples=20)
        @given(st.lists(couples(), min_size=2, max_size=5), st.lists(events(), min_size=1, max_size=3), st.booleans())
        def agrees(couples, happened, gone):
            nonlocal heard
            found, wanted = runner.run(tell(database, couples, happened, gone))
            assert found == wanted
            heard += len(found)
            if not gone:
                strict = {(chat.split()[1], what) for chat, what in found if chat.startswith("strict")}
                assert strict <= {(chat.split()[1], what) for chat, what in found if chat.startswith("lax")}

        agrees()
        runner.run(database.close())
    assert heard > 25


async def test_a_configured_chat_that_is_also_a_subscriber_hears_once(store):
    await store.keep(subscriber(PRIVATE.chat))
    await store.keep(subscriber("3002"))
    await put(store, CHANNEL, PRIVATE, subscribers_of="telegram")
    assert sorted(await send_all(store)) == [("-1001", "fall"), ("3001", "fall"), ("3002", "fall")]


async def test_an_event_that_is_known_is_told_to_nobody_again(store):
    await store.keep(subscriber())
    assert await put(store, subscribers_of="telegram") == 0
    await store.keep(subscriber("3002"))
    assert await put(store, subscribers_of="telegram") == 1
    assert await send_all(store) == [("3001", "fall")]


async def test_only_subscribers_of_the_transport_hear_it(store):
    await store.keep(replace(subscriber("here"), transport="terminal"))
    await store.keep(subscriber())
    await put(store, subscribers_of="telegram")
    assert [one.chat for one in await store.undelivered()] == ["3001"]


async def test_quiet_hours_hold_a_message_back_until_they_end(store):
    await store.keep(subscriber(quiet=QuietHours(time(22), time(7)), zone="Asia/Shanghai"))
    late = NOON + timedelta(hours=3)  # 23:00 in Shanghai
    await put(store, subscribers_of="telegram", created=late, lives=timedelta(hours=12))
    assert await send_all(store, late) == []
    assert await send_all(store, late + timedelta(hours=8) - timedelta(seconds=1)) == []
    assert await send_all(store, late + timedelta(hours=8)) == [("3001", "fall")]


@pytest.mark.parametrize(
    ("silenced", "baskets", "told"),
    [
        ([None], ["memory"], False),
        (["memory"], ["memory"], False),
        (["memory"], ["payers"], True),
        (["memory"], ["memory", "payers"], True),
        (["payers", "memory"], ["memory", "payers"], False),
    ],
)
async def test_a_silenced_event_is_stored_and_told_to_nobody(store, silenced, baskets, told):
    await store.keep(subscriber("3001", "memory", "payers"))
    for basket in silenced:
        await store.silence(basket, NOON + timedelta(minutes=1), "maintenance")
    await put(store, CHANNEL, key="now", subscribers_of="telegram", baskets=baskets)
    later = NOON + timedelta(minutes=1)
    await put(store, CHANNEL, key="later", subscribers_of="telegram", baskets=baskets, created=later)
    heard = await send_all(store, later)
    assert {what for _, what in heard} == ({"now", "later"} if told else {"later"})
    assert len(await store.told_of("NOW", 5)) == 1


async def test_orders_come_back_while_they_hold(store):
    note = Note(BasketId("memory"), "earnings tonight", NOON, NOON + timedelta(days=1))
    await store.add_note(note)
    await store.add_note(replace(note, basket=None, written=NOON + timedelta(hours=1)))
    (found,) = await store.notes(NOON)
    assert replace(found, id=note.id) == note
    assert [one.basket for one in await store.notes(NOON + timedelta(hours=1))] == ["memory", None]
    assert await store.notes(NOON + timedelta(days=1)) == []
    await store.silence(None, NOON, "over")
    await store.silence(None, NOON + timedelta(hours=1), "maintenance")
    assert await store.silences(NOON) == [Silence(None, NOON + timedelta(hours=1), "maintenance")]
    assert await store.silences(NOON + timedelta(hours=1)) == []
    assert await store.lift(None)
    assert not await store.lift(None)
    assert await store.silences(NOON) == []


async def test_a_destination_of_the_configuration_has_no_quiet_hours(store):
    await store.keep(subscriber(quiet=QuietHours(time(11), time(13))))
    await put(store, Destination("telegram", "-1001", ChatKind.CHANNEL), subscribers_of="telegram")
    assert await send_all(store) == [("-1001", "fall")]
    assert await states(store) == {("3001", "fall"): DeliveryState.PENDING}


async def test_what_a_message_says_is_found_by_its_number_and_by_what_people_see(store):
    await put(store, CHANNEL, key="a")
    (one,) = await claim(store)
    await store.commit({}, [replace(event("b", baskets=["payers"]), id="A")], [])
    assert await notification(store, one.event_number) == event("a")
    assert await notification(store, one.event_number + 99) is None
    assert await store.told_of("A", 5) == [replace(event("b", baskets=["payers"]), id="A"), event("a")]
    assert [what.key for what in await store.told_of("A", 1)] == ["b"]
