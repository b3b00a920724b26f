from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from bot.adapters.database import connection
from bot.adapters.database.database import Database, migrate_database
from bot.alerts.episodes import Episode, EpisodeId, Subject, SubjectState
from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.attempts import ChatGone, ChatMoved, ChatRefused, NotSent, RateLimited, Sent, Uncertain
from bot.delivery.model import ChatKind, DeliveryState, Destination, NotificationKey, route
from bot.engine.results import KEPT_RESULTS, PostedAlert, ResultKey, SessionResult
from bot.errors import LeaseLost, StoreError
from bot.messages.message import Message
from bot.prices.bars import Symbol
from tests.specimens import CHANNEL, GROUP, PRIVATE, event
from tests.stored import answer, claim, notification, put, send_all, states
from tests.virtual import NOON

MU, STX = Symbol("MU"), Symbol("STX")
SUBJECT = Subject("two-session fall", BasketId("memory"))
MEMORY = SubjectState(date(2026, 7, 2), Episode(EpisodeId("K7F3"), date(2026, 7, 1), Severity.SEVERE, -0.182, 2))


# Alert state


async def test_memories_come_back_as_they_were_even_after_a_restart(store, url):
    spread = Subject("payers/receivers", BasketId("hyperscalers"), against="memory")
    member = Subject("member plunge", BasketId("memory"), member="MU")
    quiet = replace(MEMORY, episode=replace(MEMORY.episode, quiet_sessions=0))
    known = {SUBJECT: MEMORY, spread: SubjectState(), member: quiet}
    await store.commit(known, [], [])
    await store.close()
    again = await Database.open(url)
    assert await again.subject_states() == known
    await again.close()


async def test_a_newer_memory_takes_the_place_of_the_older(store):
    await store.commit({SUBJECT: MEMORY}, [], [])
    await store.commit({SUBJECT: SubjectState(date(2026, 7, 3))}, [], [])
    assert await store.subject_states() == {SUBJECT: SubjectState(date(2026, 7, 3))}


async def test_subjects_whose_parts_run_together_are_kept_apart(store):
    known = {Subject("a/b", BasketId("c")): MEMORY, Subject("a", BasketId("b/c")): SubjectState()}
    await store.commit(known, [], [])
    assert await store.subject_states() == known


async def test_alert_state_is_not_stored_when_the_outbox_is_not(store):
    broken = replace(event(), baskets=(object(),))
    with pytest.raises(Exception, match="serializable"):
        await store.commit({SUBJECT: MEMORY}, [event("good"), broken], route(event("good"), [CHANNEL]))
    assert await store.subject_states() == {}
    assert await claim(store) == []


# Events


async def test_what_was_judged_on_is_stored_with_the_answers_or_not_at_all(store, url):
    known = {MU: {date(2026, 7, 1): 101.25, date(2026, 7, 2): None}}
    await store.commit({}, [], [], None, known | {STX: {date(2026, 7, 2): 7.0}})
    await store.commit({}, [], [], None, {STX: {date(2026, 7, 3): 8.0}})
    assert await store.acquire(await store.read(), "one")
    other = await Database.open(url)
    assert await other.acquire(await other.read(), "other")
    with pytest.raises(LeaseLost):
        await store.commit({}, [event()], [], None, {MU: {}})
    assert await other.evaluated_closes() == known | {STX: {date(2026, 7, 3): 8.0}}
    await other.close()


def result(at: int, alerts: int = 1) -> SessionResult:
    """Of the session so many days after the first."""
    texts = (Message("en", (f"fall {at}", "as of noon")), Message("zh", (f"跌 {at}",)))
    alert = PostedAlert(NotificationKey(f"key {at}"), EpisodeId("K7F3"), Severity.SEVERE, ("MU", ""), texts)
    return SessionResult("0123456789ab", {"": MEMORY.episode, "MU": MEMORY.episode}, (alert,) * alerts)


async def test_the_results_of_the_latest_sessions_come_back_as_they_were_and_older_ones_go(store, url):
    memory, first = BasketId("memory"), date(2026, 6, 1)
    fall, payers = ({ResultKey("fall", name, first): result(0, 0)} for name in (memory, BasketId("payers")))
    await store.commit({}, [], [], results=fall | payers)
    days = {ResultKey("fall", memory, first + timedelta(at)): result(at) for at in range(1, KEPT_RESULTS)}
    await store.commit({}, [], [], results=days)
    assert await store.session_results() == fall | payers | days
    again = {ResultKey("fall", memory, first + timedelta(at)): result(99, 2) for at in (1, KEPT_RESULTS)}
    await store.commit({}, [], [], results=again)
    await store.close()
    other = await Database.open(url)
    assert await other.session_results() == payers | days | again
    await other.close()


async def test_results_are_stored_with_the_states_or_not_at_all(store):
    broken = replace(event(), baskets=(object(),))
    results = {ResultKey("fall", BasketId("memory"), date(2026, 7, 1)): result(1)}
    with pytest.raises(Exception, match="serializable"):
        await store.commit({SUBJECT: MEMORY}, [broken], [], results=results)
    assert (await store.subject_states(), await store.session_results()) == ({}, {})


async def test_a_delivery_comes_back_as_it_was_made(store):
    (made,) = route(event(), [replace(CHANNEL, language="zh")])
    await store.commit({}, [event()], [made])
    (claimed,) = await claim(store)
    wanted = replace(
        made, id=claimed.id, state=DeliveryState.SENDING, not_before=None, event_number=claimed.event_number
    )
    assert claimed == wanted
    assert await notification(store, claimed.event_number) == event()


async def test_an_event_is_stored_once_however_often_it_is_committed(store):
    assert await put(store, CHANNEL) == 0
    assert await put(store, CHANNEL, GROUP, known={SUBJECT: MEMORY}) == 1
    assert await send_all(store) == [("-1001", "fall")]
    assert await store.subject_states() == {SUBJECT: MEMORY}


async def test_a_key_that_comes_twice_at_once_counts_once(store):
    twice = [event(), event(text="other words")]
    assert await store.commit({}, twice, route(twice[0], [CHANNEL])) == 1
    (claimed,) = await claim(store)
    assert claimed.message.lines[0] == "fall"


async def test_an_event_that_nobody_wants_to_hear_is_stored_too(store):
    assert await put(store) == 0
    assert await put(store) == 1


# Order


async def test_severe_goes_before_minor_and_channels_before_groups_before_people(store):
    await put(store, PRIVATE, GROUP, CHANNEL, key="minor", severity=Severity.WARNING)
    await put(store, PRIVATE, GROUP, CHANNEL, key="severe", severity=Severity.SEVERE)
    assert await send_all(store) == [
        ("-1001", "severe"),
        ("-2001", "severe"),
        ("3001", "severe"),
        ("-1001", "minor"),
        ("-2001", "minor"),
        ("3001", "minor"),
    ]


async def test_a_chat_sees_messages_in_the_order_of_their_making(store):
    for key, severity in (("a", Severity.EXTREME), ("b", Severity.SEVERE), ("c", Severity.EXTREME)):
        await put(store, CHANNEL, key=key, severity=severity)
    assert await send_all(store) == [("-1001", "a"), ("-1001", "b"), ("-1001", "c")]


async def test_a_chat_has_one_message_under_way_at_a_time(store):
    await put(store, CHANNEL, GROUP, key="a")
    await put(store, CHANNEL, key="b")
    assert [one.chat for one in await claim(store, 8)] == ["-1001", "-2001"]
    assert await claim(store, 8) == []


async def test_a_message_waits_for_an_earlier_one_that_is_tried_again(store):
    await put(store, CHANNEL, key="a")
    await put(store, CHANNEL, GROUP, key="b")
    (first,) = await claim(store)
    await answer(store, first, NotSent("refused"))
    assert [one.chat for one in await claim(store, 8)] == ["-2001"]
    later = NOON + timedelta(seconds=1)
    assert [one.event for one in await claim(store, 8, later)] == ["a"]


async def test_a_severe_message_does_not_wait_for_a_minor_one_that_is_tried_again(store):
    await put(store, CHANNEL, key="minor", severity=Severity.NOTICE)
    (minor,) = await claim(store)
    await answer(store, minor, NotSent("refused"))
    await put(store, CHANNEL, key="severe")
    assert [one.event for one in await claim(store)] == ["severe"]


async def test_a_resting_chat_gets_nothing_and_holds_up_nobody(store):
    await put(store, CHANNEL, GROUP)
    assert [one.chat for one in await claim(store, 8, resting={"-1001"})] == ["-2001"]


async def test_each_transport_has_its_own_messages(store):
    await put(store, CHANNEL, Destination("terminal", "here", ChatKind.TERMINAL))
    assert [one.chat for one in await store.claim("terminal", NOON, 8, ())] == ["here"]
    assert [one.chat for one in await claim(store, 8)] == ["-1001"]


# Progress


async def test_a_claim_is_stored_before_it_is_handed_out(store, url):
    await put(store, CHANNEL)
    (claimed,) = await claim(store)
    other = await Database.open(url)
    assert [one.id for one in await other.orphans("telegram")] == [claimed.id]
    assert await other.claim("telegram", NOON, 1, ()) == []
    await other.close()


async def test_nothing_is_due_before_its_time(store):
    await put(store, CHANNEL)
    (claimed,) = await claim(store)
    await answer(store, claimed, RateLimited(35))
    assert await claim(store, now=NOON + timedelta(seconds=34)) == []
    assert not await store.due("telegram", NOON + timedelta(seconds=34))
    assert await store.due("telegram", NOON + timedelta(seconds=35))
    (again,) = await claim(store, now=NOON + timedelta(seconds=35))
    assert (again.id, again.attempts) == (claimed.id, 0)


async def test_what_waited_past_its_expiry_is_not_sent(store):
    await put(store, CHANNEL, GROUP, lives=timedelta(hours=1))
    (first,) = await claim(store)
    await answer(store, first, Uncertain("reset"))
    assert await claim(store, now=NOON + timedelta(hours=1)) == []
    assert await states(store) == {("-1001", "fall"): DeliveryState.UNCERTAIN, ("-2001", "fall"): DeliveryState.EXPIRED}


async def test_whatever_a_chat_has_not_certainly_got_is_listed_with_the_reason(store):
    await put(store, CHANNEL, GROUP, PRIVATE, key="a", severity=Severity.NOTICE)
    for outcome in (Sent(1), Uncertain("read timeout"), ChatRefused("no rights")):
        (one,) = await claim(store)
        await answer(store, one, outcome)
    await put(store, CHANNEL, key="b")
    listed = [(one.chat, one.state, one.reason) for one in await store.undelivered()]
    assert listed == [
        ("-2001", DeliveryState.UNCERTAIN, "read timeout"),
        ("3001", DeliveryState.FAILED, "no rights"),
        ("-1001", DeliveryState.PENDING, ""),
    ]


# Chats


async def test_a_chat_that_is_gone_gets_nothing_more_and_all_of_it_is_listed(store):
    await put(store, GROUP, PRIVATE, key="a")
    await put(store, GROUP, key="b")
    (first,) = await claim(store)
    await answer(store, first, ChatGone("kicked"))
    await put(store, GROUP, PRIVATE, key="c")
    assert await send_all(store) == [("3001", "a"), ("3001", "c")]
    assert await states(store) == {("-2001", key): DeliveryState.FAILED for key in "abc"}


async def test_a_chat_can_be_revived(store):
    await put(store, GROUP, key="a")
    (first,) = await claim(store)
    await answer(store, first, ChatGone("kicked"))
    await store.revive("telegram", ["-2001"])
    await put(store, GROUP, key="b")
    assert await send_all(store) == [("-2001", "b")]


async def refuse(store, key, now):
    await put(store, GROUP, key=key, created=now)
    claimed = await claim(store, now=now)
    for one in claimed:
        await answer(store, one, ChatRefused("no rights"), now)
    return bool(claimed)


async def test_a_chat_that_refuses_three_events_over_a_day_is_given_up(store):
    asked = [await refuse(store, str(hours), NOON + timedelta(hours=hours)) for hours in (0, 12, 24, 25)]
    assert asked == [True, True, True, False]


async def test_a_message_that_arrives_clears_what_the_chat_refused(store):
    for hours in (0, 12):
        await refuse(store, str(hours), NOON + timedelta(hours=hours))
    await put(store, GROUP, key="heard")
    await send_all(store)
    assert await refuse(store, "24", NOON + timedelta(hours=24))
    assert await refuse(store, "25", NOON + timedelta(hours=25))


async def test_a_chat_that_moved_gets_everything_under_its_new_name(store):
    await put(store, GROUP, key="a")
    await put(store, GROUP, key="b")
    (first,) = await claim(store)
    await answer(store, first, ChatMoved("-1009"))
    await put(store, GROUP, key="c")
    assert await send_all(store) == [("-1009", "a"), ("-1009", "b"), ("-1009", "c")]


async def test_a_chat_that_moved_to_one_we_know_hears_nothing_twice(store):
    known = replace(GROUP, chat="-1009")
    await put(store, GROUP, known, key="a")
    (first,) = await claim(store)
    await answer(store, first, ChatMoved("-1009"))
    await put(store, GROUP, known, key="b")
    assert await send_all(store) == [("-1009", "a"), ("-1009", "b")]
    assert await store.undelivered() == []


async def test_a_chat_that_moves_back_and_forth_is_found(store):
    for key, there in (("a", "-1009"), ("b", "-2001"), ("c", "-1009")):
        await put(store, GROUP, key=key)
        (one,) = await claim(store)
        await answer(store, one, ChatMoved(there))
        assert await send_all(store) == [(there, key)]


# The schema


def test_every_migration_is_known_to_the_program():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(connection.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == connection.REVISIONS
    assert scripts.get_heads() == [connection.REVISIONS[-1]]


async def test_to_migrate_twice_changes_nothing(url):
    await migrate_database(url)
    database = await Database.open(url)
    await put(database, CHANNEL)
    await database.close()
    await migrate_database(url)
    database = await Database.open(url, upgrade=True)
    assert await database.due("telegram", NOON)
    await database.close()


@pytest.mark.parametrize("upgrade", [True, False])
async def test_a_newer_database_is_refused_and_left_alone(store, url, upgrade):
    async with store._transaction() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(StoreError, match=r"newer than this program.*Upgrade") as caught:
        await Database.open(url, upgrade=upgrade)
    assert "\n" not in str(caught.value)


def test_alembic_is_not_imported_before_it_is_needed():
    code = "import sys, bot.adapters.database.database; print('alembic' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
