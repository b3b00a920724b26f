"""A basket's fall that is told mutes its members' own news, if it is at least as loud."""

from __future__ import annotations

from typing import Any

import pytest

from bot.alerts import Memory, Reason, Rule, Subject
from bot.pipeline import Judgement, judge
from bot.statistics import State
from tests.world import World, basket, book, falling, rule, weekdays

DAYS = weekdays(400)
MEMBERS = ("A", "B", "C")


def judged(*rules: Rule, fall: float = -0.22, members: tuple[str, ...] = MEMBERS, every: bool = False) -> Judgement:
    """The last session, on which A falls so far (and lower during trading) and the others a third of it."""
    world = World(DAYS)
    for seed, symbol in enumerate(members):
        last = fall if symbol == "A" else fall / 3
        world.trade(symbol, falling(399, {-1: last}, seed), lows={-1: last - 0.02})
    made = book([basket("memory", *members), basket("other", "A")], *rules)
    return judge(world.board(made), made, DAYS[-1], {}, every=every)


def reasons(judgement: Judgement) -> dict[tuple[str, str], Reason]:
    return {(one.subject.rule, one.subject.member): one.reason for one in judgement.decisions}


def falls(severity: str, **more: Any) -> Rule:
    return rule("fall", "memory", rungs={severity: {"move": -0.10}}, **more)


ENTERS = rule("bear market", "memory", rungs={"warning": {"enters": State.BEAR}}, members=True)
PLUNGE = rule("plunge", "memory", rungs={"warning": {"day_low": -0.10}}, members=True)


@pytest.mark.parametrize(
    ("severity", "reason"), [("notice", Reason.FIRST), ("warning", Reason.MUTED), ("severe", Reason.MUTED)]
)
def test_by_a_fall_at_least_as_loud(severity: str, reason: Reason) -> None:
    found = reasons(judged(falls(severity), ENTERS, PLUNGE))
    assert found["fall", ""] is Reason.FIRST
    assert found["bear market", "A"] is found["plunge", "A"] is reason


def test_in_whatever_order_the_rules_stand() -> None:
    found = judged(ENTERS, PLUNGE, falls("severe"))
    assert [alert.rule.name for alert in found.alerts] == ["fall"]
    assert reasons(found)["bear market", "A"] is Reason.MUTED


def test_what_is_muted_counts_as_told() -> None:
    muted, told = judged(falls("severe"), ENTERS), judged(ENTERS)
    subject = Subject("bear market", falls("severe").baskets[0], "A")
    assert muted.memories[subject] == told.memories[subject] != Memory()
    assert told.alerts
    assert [alert.rule.name for alert in muted.alerts] == ["fall"]


def test_not_by_another_basket_nor_without_a_fall() -> None:
    elsewhere = rule("fall", "other", rungs={"severe": {"move": -0.10}})
    assert reasons(judged(elsewhere, ENTERS))["bear market", "A"] is Reason.FIRST
    quiet = rule("fall", "memory", rungs={"severe": {"move": -0.90}})
    assert reasons(judged(quiet, ENTERS))["bear market", "A"] is Reason.FIRST


STATE = rule("basket's own", "memory", rungs={"severe": {"enters": State.CORRECTION}})


def test_a_state_that_the_basket_enters_is_told_with_its_fall() -> None:
    assert reasons(judged(falls("severe"), STATE))["basket's own", ""] is Reason.MUTED
    assert reasons(judged(falls("warning"), STATE))["basket's own", ""] is Reason.FIRST


def test_not_by_a_state_of_the_basket_which_names_no_members() -> None:
    found = reasons(judged(STATE, ENTERS))
    assert found["basket's own", ""] is Reason.FIRST
    assert found["bear market", "A"] is Reason.FIRST


def test_a_fall_of_one_symbol_tells_its_state_and_not_its_low() -> None:
    found = reasons(judged(falls("severe"), ENTERS, PLUNGE, members=("A",)))
    assert found["bear market", ""] is Reason.MUTED
    assert found["plunge", ""] is Reason.FIRST


def test_silence_stays_what_it_is() -> None:
    found = reasons(judged(falls("severe"), ENTERS, every=True))
    assert found["bear market", "B"] is Reason.BELOW_THRESHOLD
