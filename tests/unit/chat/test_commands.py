"""Every command does what it says, in each language, and Telegram would take every reply."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.chat.requests import Audience
from bot.chat.router import MENU
from bot.delivery.model import ChatKind
from bot.errors import NoData, StoreError
from bot.messages.catalogue import load_catalogue
from tests.desks import KIM, LONGEST_ID, OPERATOR, Room, book, latest, shown
from tests.specimens import event

TECH = BasketId("tech")
BOSS = {"chat": str(OPERATOR), "user": OPERATOR}
PRIVATE = [one.name for one in MENU if one.audience is not Audience.OPERATORS]
ORDERS = [one.name for one in MENU if one.audience is Audience.OPERATORS]
# What stands after a command to make it do something.
FULL = {
    "start": LONGEST_ID,
    "subscribe": LONGEST_ID,
    "unsubscribe": LONGEST_ID,
    "status": LONGEST_ID,
    "chart": LONGEST_ID,
    "why": LONGEST_ID,
    "level": f"{LONGEST_ID} extreme",
    "mute": f"{LONGEST_ID} 3d",
    "unmute": LONGEST_ID,
    "quiet": "22:00-07:00",
    "timezone": "America/Argentina/ComodRivadavia",
    "language": "zh",
    "delete": "yes",
    "silence": f"{LONGEST_ID} 3d the <source> is & wrong",
    "note": f"{LONGEST_ID} 2d Fire <at> the & plant",
}


async def wish(room: Room, basket: str = "tech"):
    known = await room.database.subscriber("telegram", KIM)
    return known and known.subscriptions.get(BasketId(basket))


@pytest.mark.parametrize("name", PRIVATE)
async def test_every_command_answers_bare_and_in_full(either: Room, name: str) -> None:
    words = load_catalogue(either.language)
    assert words.say(f"chat_cmd_{name}")
    await either.say(f"/subscribe {LONGEST_ID}")
    for text in (f"/{name}", f"/{name} {FULL.get(name, '')}"):
        assert await either.say(text) not in ("", words.say("chat_trouble"), words.say("chat_not_understood"))


@pytest.mark.parametrize("name", ORDERS)
async def test_every_order_is_taken_bare_and_in_full(either: Room, name: str) -> None:
    words = load_catalogue(either.language)
    for text in (f"/{name}", f"/{name} {FULL.get(name, '')}"):
        said = await either.say(text, **BOSS)
        assert said not in ("", words.say("chat_trouble"), words.say("chat_only_operators"))


async def test_every_button_leads_somewhere(either: Room) -> None:
    """From every command along its buttons, and theirs: Telegram takes them all, and none is misunderstood."""
    words = load_catalogue(either.language)
    bad = {words.say(key) for key in ("chat_trouble", "chat_not_understood", "chat_only_operators", "chat_bad_zone")}
    starts = [*(f"/{name}" for name in PRIVATE), "/subscribe tec", "/timezone Berln"]
    seen, ahead = set(starts), list(starts)
    while ahead:
        text = ahead.pop(0)
        reply = await either.reply(text)
        assert reply is not None, text
        assert text in starts or shown(reply).partition("\n")[0] not in bad, text
        further = dict.fromkeys(f"/{key.command}" for row in reply.buttons for key in row)
        ahead += [text for text in further if text not in seen]
        seen |= further.keys()
    assert len(seen) > 2 * len(starts)


async def test_a_start_shows_what_there_is_and_what_the_chat_has(room: Room) -> None:
    assert await room.buttons("/start") == [
        "subscribe tech",
        "subscribe oil",
        "subscribe korea",
        f"subscribe {LONGEST_ID}",
        "subscribe all",
        "help",
    ]
    await room.say("/subscribe tech")
    assert "hears of: Tech" in await room.say("/start")
    assert "subscribe tech" not in await room.buttons("/start")
    await room.say("/subscribe all")
    assert await room.buttons("/start") == ["help"]


@pytest.mark.parametrize("word", ["tech", "TECH", "Tech", "科技", " tech  tech "])
async def test_a_basket_is_named_by_id_or_by_name_in_any_language(room: Room, word: str) -> None:
    assert (await room.say(f"/subscribe {word}")).startswith("Subscribed to Tech\n")
    assert (await wish(room)).min_severity is Severity.NOTICE


async def test_a_name_of_several_words_is_one_basket(room: Room) -> None:
    await room.say("/subscribe r&d <B>in  memory</b>")
    assert await wish(room, LONGEST_ID)
    assert await room.say("/unsubscribe R&D <b>in Memory</b>")
    assert not await wish(room, LONGEST_ID)


async def test_several_baskets_at_once(room: Room) -> None:
    assert "Tech, Oil" in await room.say("/subscribe tech oil")
    assert "This chat hears of: Oil" in await room.say("/unsubscribe tech")


async def test_whoever_wants_all_gets_what_is_configured_later(room: Room) -> None:
    await room.say("/subscribe ALL")
    known = await room.database.subscriber("telegram", KIM)
    assert known.all_baskets
    assert known.subscriptions.keys() == {one.id for one in book().baskets}
    await room.say("/unsubscribe tech")
    assert not (await room.database.subscriber("telegram", KIM)).all_baskets


async def test_a_link_with_a_basket_subscribes_at_once(room: Room) -> None:
    assert "Subscribed to Tech" in await room.say("/start tech")
    assert await wish(room)


@pytest.mark.parametrize("payload", ["delete__yes", "nothing", "_", "__", "-" * 64, "all__yes"])
async def test_a_hostile_link_does_nothing_but_ask(room: Room, payload: str) -> None:
    assert "There is no basket" in await room.say(f"/start {payload}")
    assert await room.database.subscriber("telegram", KIM) is None


async def test_a_level_is_that_of_all_baskets_and_of_those_to_come(room: Room) -> None:
    await room.say("/subscribe tech")
    await room.say("/level severe")
    await room.say("/subscribe oil")
    assert ((await wish(room)).min_severity, (await wish(room, "oil")).min_severity) == (
        Severity.SEVERE,
        Severity.SEVERE,
    )


async def test_a_level_of_one_basket_is_that_of_no_other(room: Room) -> None:
    await room.say("/subscribe tech oil")
    assert "Tech" in await room.say("/level tech extreme")
    assert ((await wish(room)).min_severity, (await wish(room, "oil")).min_severity) == (
        Severity.EXTREME,
        Severity.NOTICE,
    )


async def test_a_level_is_understood_in_ones_own_language(database) -> None:
    room = Room(database, language="zh")
    await room.say("/subscribe 科技")
    assert "严重" in await room.say("/level 严重")
    assert (await wish(room)).min_severity is Severity.SEVERE


async def test_a_mute_ends_and_can_be_ended(room: Room) -> None:
    await room.say("/subscribe tech oil")
    assert "until 5 Jul 2025" in await room.say("/mute tech 3d")
    assert (await wish(room)).muted_until == room.clock.now() + timedelta(days=3)
    assert (await wish(room, "oil")).muted_until is None
    assert "muted until" in await room.say("/settings")
    await room.say("/unmute tech")
    assert (await wish(room)).muted_until is None
    await room.say("/mute 4h")
    assert (await room.database.subscriber("telegram", KIM)).muted_until
    await room.say("/unmute")
    assert (await room.database.subscriber("telegram", KIM)).muted_until is None


async def test_a_mute_is_no_longer_than_a_year(room: Room) -> None:
    await room.say("/mute 9999w")
    assert (await room.database.subscriber("telegram", KIM)).muted_until == room.clock.now() + timedelta(days=365)


async def test_quiet_hours_and_zone(room: Room) -> None:
    assert "22:00\u201307:00" in await room.say("/quiet 22:00 - 7:00")
    assert "there it is 14:02" in await room.say("/timezone berlin")
    assert "Quiet hours: 22:00\u201307:00 (Europe/Berlin)" in await room.say("/settings")
    assert "No quiet hours" in await room.say("/quiet off")
    assert (await room.database.subscriber("telegram", KIM)).quiet is None


@pytest.mark.parametrize("word", ["zh", "ZH", str(load_catalogue("zh").phrases["name"])])
async def test_the_language_is_the_chats_own(room: Room, word: str) -> None:
    await room.say(f"/language {word}")
    assert (await room.say("/settings")).startswith("设置")


async def test_the_first_language_is_that_of_the_persons_program(room: Room) -> None:
    assert (await room.say("/settings", language="zh-hans")).startswith("设置")
    assert (await room.say("/settings", language="fr")).startswith("Settings")


async def test_baskets_and_status_show_the_latest_session(room: Room) -> None:
    said = await room.say("/baskets")
    assert "Tech −3.8 % in two sessions" in said
    assert "closed 19 Jun 2025" in said
    assert "−3.8 %" in await room.say("/status tech")
    assert await room.buttons("/status tech") == [f"chart tech {latest()}", f"why tech {latest()}"]


async def test_status_of_a_session_that_was_named(room: Room) -> None:
    assert "12 Jun 2025" in await room.say("/status tech 2025-06-12")


async def test_why_lists_every_rule_and_its_rungs(room: Room) -> None:
    said = await room.say("/why tech")
    assert "fall: alert: the first of this fall" in said
    assert "notice: ✓" in said
    assert "warning with another −" in said
    assert "gap:" in said


async def test_why_knows_an_event_by_the_number_people_see(room: Room) -> None:
    happened = replace(event("K7F3A", baskets=["tech"]), session=(await room.clerk.view()).board.sessions()[-5])
    await room.database.commit({}, [happened], [])
    assert load_catalogue("en").day(happened.session) in await room.say("/why #K7F3A")


async def test_a_chart_is_a_picture_with_a_caption(room: Room) -> None:
    reply = await room.reply("/chart tech")
    assert reply.content.startswith(b"\x89PNG")
    assert "Tech" in shown(reply)


@pytest.mark.parametrize("command", ["baskets", "status tech", "chart tech", "why tech"])
async def test_without_prices_a_person_is_told_so(room: Room, command: str) -> None:
    room.clerk.trouble = NoData("nothing yet")
    assert "does not work just now" in await room.say(f"/{command}")


@pytest.mark.parametrize("command", ["status", "chart", "why"])
async def test_a_basket_that_was_configured_just_now_has_no_prices_yet(room: Room, command: str) -> None:
    new = replace(book().baskets[0], id=BasketId("new"), names=(("en", "New"),))
    room.clerk.rulebook = replace(book(), baskets=(*book().baskets, new))
    assert "does not work just now" in await room.say(f"/{command} new")
    assert "Tech" in await room.say("/baskets")


async def test_a_store_that_fails_is_told_as_trouble(room: Room) -> None:
    room.router = replace(room.router, store=Broken())
    assert "does not work just now" in await room.say("/settings")


class Broken:
    """A store that is not there."""

    def __getattr__(self, name):
        async def fail(*_):
            raise StoreError("the disk is full")

        return fail


async def test_a_long_answer_loses_lines_and_arrives(room: Room) -> None:
    names = [f"basket_{number}" for number in range(200)]
    many = [replace(book().baskets[0], id=BasketId(one), names=(("en", "🔴<&>" * 12),)) for one in names]
    room.clerk.rulebook = replace(book(), baskets=(*book().baskets, *many))
    for text in ("/start", "/subscribe all", "/settings", "/unsubscribe"):
        assert await room.say(text)


async def test_a_group_has_choices_of_its_own(room: Room) -> None:
    room.administrators = {int(KIM)}
    await room.say("/subscribe tech", chat="-2001", kind=ChatKind.GROUP)
    assert await wish(room) is None
    assert (await room.database.subscriber("telegram", "-2001")).kind is ChatKind.GROUP
