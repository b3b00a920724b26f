"""A basket's fall that is told mutes its members' own news and its state, and is as loud as the loudest of it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.alerts.episodes import DecisionReason, Subject, SubjectState
from bot.alerts.rules import Rule
from bot.pipeline import EvaluationResult, evaluate
from bot.statistics.verdict import DrawdownState
from tests.world import World, basket, book, contrast, falling, rule, weekdays

DAYS = weekdays(400)
MEMBERS = ("A", "B", "C")


def judged(
    *rules: Rule, fall: float = -0.22, members: tuple[str, ...] = MEMBERS, every: bool = False
) -> EvaluationResult:
    """The last session, on which A falls so far (and lower during trading) and the others a third of it."""
    world = World(DAYS)
    for seed, symbol in enumerate(members):
        last = fall if symbol == "A" else fall / 3
        world.trade(symbol, falling(399, {-1: last}, seed), lows={-1: last - 0.02})
    made = book([basket("memory", *members), basket("other", "A")], *rules)
    return evaluate(world.board(made), made, DAYS[-1], {}, every=every)


def reasons(judgement: EvaluationResult) -> dict[tuple[str, str], DecisionReason]:
    return {(one.subject.rule, one.subject.member): one.reason for one in judgement.decisions}


def falls(severity: str, **more: Any) -> Rule:
    return rule("fall", "memory", levels={severity: {"move": -0.10}}, **more)


ENTERS = rule("bear market", "memory", levels={"warning": {"enters": DrawdownState.BEAR}}, members=True)
PLUNGE = rule("plunge", "memory", levels={"warning": {"day_low": -0.10}}, members=True)


@pytest.mark.parametrize(("own", "told"), [("notice", "warning"), ("warning", "warning"), ("severe", "severe")])
def test_by_a_fall_that_is_as_loud_as_what_it_tells(own: str, told: str) -> None:
    judgement = judged(falls(own), ENTERS, PLUNGE)
    found = reasons(judgement)
    assert found["fall", ""] is DecisionReason.FIRST
    assert found["bear market", "A"] is found["plunge", "A"] is DecisionReason.INHIBITED
    (alert,) = judgement.alerts
    assert alert.severity.word == told
    episode = judgement.states[alert.subject].episode
    assert episode is not None
    assert episode.severity.word == own  # a deeper rung is news still


def test_in_whatever_order_the_rules_stand() -> None:
    found = judged(ENTERS, PLUNGE, falls("severe"))
    assert [alert.rule.name for alert in found.alerts] == ["fall"]
    assert reasons(found)["bear market", "A"] is DecisionReason.INHIBITED


def test_what_is_muted_counts_as_told() -> None:
    muted, told = judged(falls("severe"), ENTERS), judged(ENTERS)
    subject = Subject("bear market", falls("severe").baskets[0], "A")
    assert muted.states[subject] == told.states[subject] != SubjectState()
    assert told.alerts
    assert [alert.rule.name for alert in muted.alerts] == ["fall"]


def test_not_by_another_basket_nor_without_a_fall() -> None:
    elsewhere = rule("fall", "other", levels={"severe": {"move": -0.10}})
    assert reasons(judged(elsewhere, ENTERS))["bear market", "A"] is DecisionReason.FIRST
    quiet = rule("fall", "memory", levels={"severe": {"move": -0.90}})
    assert reasons(judged(quiet, ENTERS))["bear market", "A"] is DecisionReason.FIRST


STATE = rule("basket's own", "memory", levels={"severe": {"enters": DrawdownState.CORRECTION}})


def test_a_state_that_the_basket_enters_is_told_with_its_fall() -> None:
    for severity in ("notice", "severe", "extreme"):
        judgement = judged(falls(severity), STATE)
        assert reasons(judgement)["basket's own", ""] is DecisionReason.INHIBITED
        assert [(one.rule.name, one.severity.word) for one in judgement.alerts] == [
            ("fall", max(severity, "severe", key=["notice", "severe", "extreme"].index))
        ]


@pytest.mark.parametrize("rules", [(STATE, ENTERS), (ENTERS, STATE)])
def test_the_first_of_two_rules_about_one_state_tells_it_as_loud_as_both(rules: tuple[Rule, ...]) -> None:
    """A rule about members looks at a basket of one symbol itself."""
    judgement = judged(*rules, members=("A",))
    assert [(one.rule, one.severity.word) for one in judgement.alerts] == [(rules[0], "severe")]
    assert reasons(judgement)[rules[1].name, ""] is DecisionReason.INHIBITED


def test_other_news_of_the_basket_is_not_louder_for_it() -> None:
    gap = contrast("gap", "memory", "other", {"notice": {"percentile": 99.9}})
    for rules in ((falls("notice"), gap), (gap, falls("notice"), ENTERS)):
        assert [one.severity.word for one in judged(*rules).alerts if one.rule is gap] == ["notice"]


def test_without_a_fall_the_state_of_the_basket_tells_of_its_members() -> None:
    judgement = judged(ENTERS, PLUNGE, STATE)
    assert [(one.rule.name, one.severity.word) for one in judgement.alerts] == [("basket's own", "severe")]
    found = reasons(judgement)
    assert found["bear market", "A"] is found["plunge", "A"] is DecisionReason.INHIBITED


def test_a_fall_of_one_symbol_tells_its_state_and_not_its_low() -> None:
    found = reasons(judged(falls("severe"), ENTERS, PLUNGE, members=("A",)))
    assert found["bear market", ""] is DecisionReason.INHIBITED
    assert found["plunge", ""] is DecisionReason.FIRST


def test_silence_stays_what_it_is() -> None:
    found = reasons(judged(falls("severe"), ENTERS, every=True))
    assert found["bear market", "B"] is DecisionReason.BELOW_THRESHOLD
