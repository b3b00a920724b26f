"""Chats that move, leave, come back, and want to be forgotten."""

from __future__ import annotations

from dataclasses import replace

from bot.baskets import BasketId
from bot.delivery.model import DeliveryState, SendMode
from bot.messages.message import Message
from tests.desks import NOW
from tests.loops import Talk, alert
from tests.specimens import delivery
from tests.virtual import until


async def test_a_group_that_becomes_a_supergroup_keeps_its_settings(talk: Talk) -> None:
    kim = talk.fake.person(1).at(talk.fake.chat("-5001", "group"), "creator")
    await kim.say("/subscribe tech")
    await kim.chat.next_message()
    new = kim.chat.migrate(kim)
    await until(lambda: not talk.fake.updates.pending)
    await talk.settled()
    there = await talk.database.subscriber("telegram", new.key)
    assert there.subscriptions.keys() == {BasketId("tech")}
    assert await talk.database.subscriber("telegram", "-5001") is None
    await alert(talk)
    assert (await new.next_message()).text.startswith("fall\n")
    await kim.at(new, "creator").say("/settings")
    assert "Tech: from" in (await new.next_message()).text


async def test_a_group_that_moved_unheard_keeps_its_settings_on_a_send(talk: Talk) -> None:
    kim = talk.fake.person(1).at(talk.fake.chat("-5001", "group"), "creator")
    await kim.say("/subscribe tech")
    await kim.chat.next_message()
    await talk.settled()
    talk.fake.updates.put = lambda *_: None  # nothing of it is heard
    new = kim.chat.migrate(kim)
    await alert(talk)
    assert (await new.next_message()).text.startswith("fall\n")
    assert (await talk.database.subscriber("telegram", new.key)).subscriptions.keys() == {BasketId("tech")}


async def test_after_a_stop_no_alert_arrives(slow: Talk) -> None:
    kim = slow.fake.person()
    await kim.say("/subscribe tech")
    await slow.pass_until(lambda: kim.chat.sent)
    await slow.pass_until(lambda: kim.chat.sent)
    for number in range(20):
        await alert(slow, f"fall {number}")
    await slow.pass_until(lambda: len(kim.chat.texts) == 3)
    await kim.say("/stop")
    await slow.pass_until(lambda: kim.chat.texts[-1].startswith("Stopped"))
    await slow.pass_time(10)
    texts = kim.chat.texts
    assert texts[-1].startswith("Stopped")
    assert sum(text.startswith("fall") for text in texts) < 10
    await alert(slow, "next")
    await slow.pass_time(3)
    assert kim.chat.texts == texts


async def test_a_start_brings_back_a_chat_that_had_blocked_the_bot(talk: Talk) -> None:
    kim = talk.fake.person()
    await kim.say("/subscribe tech")
    await kim.chat.next_message()
    await kim.block()
    await alert(talk, "first")
    await until(lambda: talk.dispatch.counts["Gone"] == 1)
    await alert(talk, "second")
    await talk.settled()
    assert {one.state for one in await talk.database.undelivered()} == {DeliveryState.FAILED}
    await kim.say("/start")
    assert "This chat hears of: Tech" in (await kim.chat.next_message()).text
    await alert(talk, "third")
    assert (await kim.chat.next_message()).text.startswith("third\n")


async def test_delete_leaves_nothing_of_a_chat_to_which_much_was_sent(talk: Talk) -> None:
    kim = talk.fake.person()
    await kim.say("/subscribe tech")
    await kim.chat.next_message()
    await alert(talk)
    await kim.chat.next_message()
    await kim.say("/delete")
    await kim.chat.next_message()
    await kim.press("Yes, delete")
    assert "nothing is stored" in (await kim.chat.next_message()).text
    await talk.settled()
    assert await holding(talk, "1001") == []


async def holding(talk: Talk, chat: str) -> list[str]:
    """The tables in which the chat's number stands anywhere."""
    found = []
    async with talk.database._transaction() as connection:
        for (table,) in (await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='table'")).all():
            rows = (await connection.exec_driver_sql(f"SELECT * FROM {table}")).all()  # noqa: S608  its own names
            found += [table for row in rows if any(str(cell) == chat for cell in row)]
    return found


async def test_a_links_button_stays_a_link_when_the_alert_of_a_channel_is_edited(talk: Talk) -> None:
    await talk.fake.person().say("/help")
    await talk.settled(1)
    one = replace(delivery(), session=NOW.date())
    number = (await talk.telegram.send(one, one.message)).message_id
    edit = replace(one, mode=SendMode.EDIT, target=number)
    await talk.telegram.send(edit, Message("en", ("corrected",)))
    sent = talk.fake.accepted[-1]
    keys = [key for row in sent.keyboard for key in row]
    assert (sent.text, len(keys)) == ("corrected", 3)
    assert all(key["url"].startswith("https://t.me/fake_bot?start=") for key in keys)


async def test_a_reply_goes_once_to_where_its_group_has_moved(talk: Talk) -> None:
    kim = talk.fake.person(1).at(talk.fake.chat("-5001", "group"), "creator")
    await kim.say("/help")
    await kim.chat.next_message()
    hear, talk.fake.updates.put = talk.fake.updates.put, lambda *_: None
    new = kim.chat.migrate(kim)  # and nothing of it is heard before the next question
    talk.fake.updates.put = hear
    await kim.say("/status tech")
    await new.next_message()
    await talk.settled()
    assert (len(new.texts), len(kim.chat.texts)) == (1, 1)
    assert talk.chat.counts["reply Moved"] == 1


async def test_a_reply_does_not_run_after_a_group_for_ever(talk: Talk) -> None:
    kim = talk.fake.person(1).at(talk.fake.chat("-5001", "group"), "creator")
    hear, talk.fake.updates.put = talk.fake.updates.put, lambda *_: None
    kim.chat.migrate(kim).migrate(kim)
    talk.fake.updates.put = hear
    await kim.say("/help")
    await until(lambda: talk.chat.counts["reply Moved"] == 2)
    await talk.settled(1)
    assert talk.chat.counts["reply Sent"] == 0
