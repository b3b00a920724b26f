from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bot.chat.requests import THROTTLE_CAPACITY, THROTTLE_PER_SECOND, Admission, Throttle
from bot.delivery.model import ChatKind
from tests.desks import Room


def test_a_flood_is_refused_once_and_then_passed_over() -> None:
    throttle = Throttle()
    said = Counter(throttle.admit(["user 1"], number / 100) for number in range(1000))
    assert said == {Admission.WELCOME: 10, Admission.REFUSED: 1, Admission.IGNORED: 989}


def test_whoever_waits_is_welcome_and_warned_anew() -> None:
    throttle = Throttle()
    for _ in range(20):
        throttle.admit(["user 1"], 0.0)
    full = THROTTLE_CAPACITY / THROTTLE_PER_SECOND
    assert [throttle.admit(["user 1"], full) for _ in range(10)].count(Admission.WELCOME) == 8
    assert throttle.admit(["user 1"], full * 2) is Admission.WELCOME


@given(st.lists(st.floats(0, 10), max_size=200))
def test_nobody_gets_more_than_his_share(pauses: list[float]) -> None:
    throttle, now, welcome = Throttle(), 0.0, 0
    for pause in pauses:
        now += pause
        welcome += throttle.admit(["user 1", "chat 1"], now) is Admission.WELCOME
    assert welcome <= THROTTLE_CAPACITY + now * THROTTLE_PER_SECOND + 1e-6


def test_one_person_does_not_use_up_another() -> None:
    throttle = Throttle()
    for _ in range(100):
        throttle.admit(["user 1", "chat 1"], 0.0)
    assert throttle.admit(["user 2", "chat 2"], 0.0) is Admission.WELCOME


def test_what_is_remembered_has_an_end() -> None:
    throttle = Throttle()
    for number in range(30_000):
        throttle.admit([f"user {number}"], 0.0)
    assert len(throttle._buckets) <= 10_000


async def test_anonymous_administrators_of_one_group_do_not_use_up_those_of_another(room: Room) -> None:
    anonymous = {"kind": ChatKind.GROUP, "user": None, "anonymous": True}
    for _ in range(20):
        await room.reply("/help", chat="-2001", **anonymous)
        room.clock.seconds -= 60
    assert "I watch baskets" in await room.say("/help", chat="-2002", **anonymous)


async def test_a_refusal_is_said_in_ones_own_language(database) -> None:
    from bot.messages.catalogue import load_catalogue

    room = Room(database, language="zh")
    said = []
    for _ in range(12):
        said.append(await room.say("/help"))
        room.clock.seconds -= 60
    assert said[8] == load_catalogue("zh").say("chat_slower")
    assert said[9:] == ["", "", ""]
