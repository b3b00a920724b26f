"""Who may give which command: every pair, as updates of Telegram that the real library reads."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.chat.router import MENU
from bot.delivery.model import ChatKind
from bot.delivery.subscribers import BasketSubscription, Subscriber
from bot.messages.catalogue import load_catalogue
from tests.desks import NOW, OPERATOR
from tests.fake_telegram.answers import Answer, refusal
from tests.fake_telegram.chats import Chat
from tests.fake_telegram.people import Person
from tests.loops import Talk, message

# + is answered, a = told that only administrators may, o = told that only the operator may, . = silence.
TABLE = """
             stranger  subscriber  operator  member  administrator  anonymous  channel  forwarded  edited
start        +         +           +         +       +              +          .        .          .
help         +         +           +         +       +              +          .        .          .
subscribe    +         +           +         a       +              +          .        .          .
unsubscribe  +         +           +         a       +              +          .        .          .
stop         +         +           +         a       +              +          .        .          .
baskets      +         +           +         +       +              +          .        .          .
status       +         +           +         +       +              +          .        .          .
worst        +         +           +         +       +              +          .        .          .
chart        +         +           +         +       +              +          .        .          .
why          +         +           +         +       +              +          .        .          .
whatif       +         +           +         +       +              +          .        .          .
level        +         +           +         a       +              +          .        .          .
mute         +         +           +         a       +              +          .        .          .
unmute       +         +           +         a       +              +          .        .          .
quiet        +         +           +         a       +              +          .        .          .
timezone     +         +           +         a       +              +          .        .          .
language     +         +           +         a       +              +          .        .          .
settings     +         +           +         a       +              +          .        .          .
privacy      +         +           +         +       +              +          .        .          .
export       +         +           +         a       +              +          .        .          .
delete       +         +           +         a       +              +          .        .          .
health       o         o           +         o       o              o          .        .          .
reload       o         o           +         o       o              o          .        .          .
silence      o         o           +         o       o              o          .        .          .
outbox       o         o           +         o       o              o          .        .          .
note         o         o           +         o       o              o          .        .          .
tune         o         o           +         o       o              o          .        .          .
"""
ROLES, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
EXPECTED = {(role, command): sign for command, *signs in ROWS for role, sign in zip(ROLES, signs, strict=True)}
SAID = {
    load_catalogue("en").say("chat_only_deciders"): "a",
    load_catalogue("en").say("chat_only_operators"): "o",
    load_catalogue("en").say("chat_trouble"): "trouble",
    load_catalogue("en").say("chat_not_understood"): "not understood",
}


def test_the_table_has_every_command() -> None:
    assert {command for _, command in EXPECTED} == {one.name for one in MENU}
    assert len(EXPECTED) == len(ROLES) * len(MENU)


NUMBERS = itertools.count(1)


def group_of(talk: Talk, number: int, standing: str) -> Person:
    """Somebody in a group of his own."""
    chat = talk.fake.chat(str(-5000 - number), "group")
    return talk.fake.person(number).at(chat, standing)


async def speak(talk: Talk, role: str, text: str, number: int) -> Chat:
    """Somebody in this role says so; the chat in which he does."""
    if role in ("subscriber", "forwarded", "edited"):
        await talk.database.keep(known(number))
    if role in ("member", "administrator", "anonymous"):
        person = group_of(talk, number, "administrator" if role == "anonymous" else role)
    else:
        person = talk.fake.person(OPERATOR if role == "operator" else number)
    if role == "channel":
        chat = talk.fake.chat(f"-100{number:010}", "channel")
        for kind in ("message", "channel_post"):
            talk.force(kind, message(chat.as_json(), text, sender_chat=chat.as_json()))
        return chat
    if role == "edited":
        about = {"edit_date": int(NOW.timestamp()), "from": person.as_json()}
        talk.force("edited_message", message(person.chat.as_json(), text, **about))
    else:
        await person.say(text, anonymous=role == "anonymous", forwarded=role == "forwarded")
    return person.chat


def known(number: int) -> Subscriber:
    wishes = {BasketId("tech"): BasketSubscription(Severity.NOTICE)}
    return Subscriber("telegram", str(number), ChatKind.PRIVATE, NOW - timedelta(days=1), subscriptions=wishes)


@pytest.mark.parametrize("role", ROLES)
async def test_every_pair_of_role_and_command(talk: Talk, role: str) -> None:
    found = {}
    for number, one in enumerate(MENU, 1):
        chat = await speak(talk, role, f"/{one.name}", number)
        await talk.settled(number)
        texts = chat.texts[-1:]
        found[role, one.name] = SAID.get(texts[0].partition("\n")[0], "+") if texts else "."
        talk.clock.seconds += 60
    assert found == {pair: sign for pair, sign in EXPECTED.items() if pair[0] == role}


async def test_an_operator_in_a_group_is_no_operator(talk: Talk) -> None:
    boss = talk.fake.person(OPERATOR).at(talk.fake.chat("-5001", "group"), "creator")
    await boss.say("/health")
    assert "Only the operator" in (await boss.chat.next_message()).text


async def test_in_a_group_an_answer_shows_whom_it_answers(talk: Talk) -> None:
    kim = group_of(talk, 1, "member")
    number = await kim.say("/help@fake_bot")
    assert f'"message_id":{number}' in (await kim.chat.next_message()).form["reply_parameters"].replace(" ", "")


async def test_a_button_in_a_group_counts_for_who_presses_it(talk: Talk) -> None:
    kim = group_of(talk, 1, "administrator")
    lee = talk.fake.person(2, "Lee").at(kim.chat)
    await kim.say("/subscribe")
    await kim.chat.next_message()
    query = await lee.press("Tech")
    assert await talk.fake.answered(query) == ""
    assert "Only administrators" in (await kim.chat.next_message()).text
    assert await talk.database.subscriber("telegram", kim.chat.key) is None
    await kim.press("Tech")
    assert "Subscribed to Tech" in (await kim.chat.next_message()).text
    assert await talk.database.subscriber("telegram", "2") is None


async def test_a_forged_button_gives_no_rights(talk: Talk) -> None:
    kim = talk.fake.person()
    await kim.say("/start")
    shown = await kim.chat.next_message()
    for data in ("health", "note all 1d lies", "silence all 3d no"):
        kim.forge(data, shown)
        assert "Only the operator" in (await kim.chat.next_message()).text
    assert await talk.database.notes(NOW + timedelta(hours=1)) == []


@pytest.mark.parametrize("data", ["x" * 64, " ", "/start", "HEALTH", "subscribe\x00tech", "mute tech 1d; drop", "🔴"])
async def test_a_forged_button_breaks_nothing(talk: Talk, data: str) -> None:
    kim = talk.fake.person()
    await kim.say("/start")
    query = kim.forge(data, await kim.chat.next_message())
    await talk.fake.answered(query)
    await talk.settled(2)
    assert talk.chat.counts["errors"] == 0


def pressed(talk: Talk, **about: object) -> dict[str, object]:
    talk.fake.queries["forged"] = None
    return {"id": "forged", "from": talk.fake.person().as_json(), "chat_instance": "1", **about}


async def test_a_button_without_a_message_is_only_acknowledged(talk: Talk) -> None:
    talk.force("callback_query", pressed(talk, data="subscribe tech", inline_message_id="1"))
    await talk.fake.answered("forged")
    await talk.settled(1)
    assert (talk.fake.accepted, talk.chat.counts["errors"]) == ([], 0)


async def test_a_button_on_a_message_too_old_to_see_counts(talk: Talk) -> None:
    kim = talk.fake.person()
    await kim.say("/start")
    await kim.chat.next_message()
    old = {"chat": kim.chat.as_json(), "message_id": 5, "date": 0}
    talk.force("callback_query", pressed(talk, data="subscribe tech", message=old))
    kim.chat.refuses = None
    await talk.settled(2)
    assert await talk.database.subscriber("telegram", "1001")


async def test_a_game_is_no_command(talk: Talk) -> None:
    talk.force("callback_query", pressed(talk, game_short_name="chess"))
    await talk.fake.answered("forged")


@pytest.mark.parametrize("text", ["/stop@other_bot", "/stop@fake_bot_2", "/stop@"])
async def test_a_command_for_another_bot_is_not_ours(talk: Talk, text: str) -> None:
    kim = group_of(talk, 1, "administrator")
    talk.force("message", message(kim.chat.as_json(), text, **{"from": kim.as_json()}))
    await kim.say("/stop@FAKE_BOT".replace("FAKE_BOT", "fake_bot"))
    assert "Stopped" in (await kim.chat.next_message()).text
    await talk.settled(2)
    assert len(talk.fake.accepted) == 1


@pytest.mark.parametrize(
    "about",
    [{"type": "community", "title": "new"}, {"type": "channel", "title": "posts"}],
    ids=["a kind of chat nobody knows yet", "channel"],
)
async def test_chats_in_which_nobody_is_answered(talk: Talk, about: dict[str, str]) -> None:
    person = talk.fake.person()
    chat = {"id": -1009999999999, **about}
    for _ in range(12):
        talk.force("message", message(chat, "/start", **{"from": person.as_json()}))
    await person.say("/help")
    await person.chat.next_message()
    await talk.settled(13)
    assert (len(talk.fake.accepted), talk.chat.counts["errors"]) == (1, 0)


async def test_members_of_a_group_are_not_answered_when_they_talk(talk: Talk) -> None:
    kim = group_of(talk, 1, "administrator")
    kim.chat.bot = "administrator"
    for text in ("hello", "/unknown", "see /start", "/start, please"):
        await kim.say(text)
    await talk.settled(4)
    assert talk.fake.accepted == []


# Links


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("tech", "Subscribed to Tech"),
        ("status__tech__2025-06-12", "12 Jun 2025"),
        ("why__tech", "what the rules said"),
        ("delete__yes", "There is no basket"),
        ("stop", "There is no basket"),
        ("status__nothing", "There is no basket"),
        ("status__tech__2025-06-21", "no reading"),
    ],
)
async def test_a_link_looks_at_something_or_subscribes(talk: Talk, payload: str, said: str) -> None:
    kim = talk.fake.person()
    await kim.say(f"/start {payload}")
    assert said in (await kim.chat.next_message()).text


# Who administers a group


async def test_who_administers_is_known_for_a_minute(talk: Talk) -> None:
    kim = group_of(talk, 1, "administrator")
    looks = lambda: sum(one.method == "getChatMember" for one in talk.fake.calls)  # noqa: E731
    for _ in range(2):
        await kim.say("/settings")
        await kim.chat.next_message()
    begun = talk.clock.seconds
    seen = looks()
    talk.clock.seconds = begun + 61
    kim.chat.members[1] = "member"
    await kim.say("/settings")
    assert "Only administrators" in (await kim.chat.next_message()).text
    assert looks() == seen + 1


@pytest.mark.parametrize(
    "answer",
    [Answer(500, b"{}"), Answer(200, b"<html>"), refusal(400, "Bad Request: user not found"), refusal(429, "slow")],
    ids=["500", "odd", "400", "429"],
)
async def test_in_doubt_nobody_administers(talk: Talk, answer: Answer) -> None:
    kim = group_of(talk, 1, "creator")
    talk.fake.fail("getChatMember", answer)
    await kim.say("/stop")
    assert "Only administrators" in (await kim.chat.next_message()).text
    await kim.say("/stop")
    assert "Stopped" in (await kim.chat.next_message()).text


@pytest.mark.parametrize("standing", ["member", "restricted", "left", "kicked"])
async def test_who_is_no_administrator_decides_nothing(talk: Talk, standing: str) -> None:
    kim = group_of(talk, 1, "member")
    if standing != "restricted":
        kim.chat.members[1] = standing
    await kim.say("/subscribe tech")
    assert "Only administrators" in (await kim.chat.next_message()).text
    assert await talk.database.subscriber("telegram", kim.chat.key) is None
