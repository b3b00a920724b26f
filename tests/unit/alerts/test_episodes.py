"""How every evaluation ends, and what is remembered: the life of an episode."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from bot.alerts.conditions import Evidence
from bot.alerts.episodes import (
    EPISODE_LETTERS,
    Alert,
    Decision,
    DecisionReason,
    Phase,
    Subject,
    SubjectState,
    decide,
    episode_id,
)
from bot.alerts.rules import Severity
from bot.baskets import BasketId
from tests.world import rule, verdict, weekdays

# Rungs by move alone: what is decided is then plain to see.
BY_MOVE = rule(
    "fall", "memory", levels={"notice": {"move": -0.05}, "severe": {"move": -0.15}, "extreme": {"move": -0.30}}
)
SUBJECT = Subject("fall", BasketId("memory"))
CLOSE_AFTER = 5


def story(moves: list[float | None]) -> list[Decision]:
    """One decision a session; None = no reading."""
    found = []
    memory = SubjectState()
    for session, move in zip(weekdays(len(moves), date(2020, 3, 2)), moves, strict=True):
        seen = Evidence(None if move is None else verdict(session, move=move))
        found.append(decide(BY_MOVE, SUBJECT, session, seen, memory, CLOSE_AFTER))
        memory = found[-1].state
    return found


@pytest.mark.parametrize(
    ("moves", "reasons"),
    [
        pytest.param([-0.01], "below threshold", id="nothing"),
        pytest.param([None], "no reading", id="no reading"),
        pytest.param([-0.05], "first", id="at the line"),
        pytest.param([-0.0499999], "below threshold", id="a hair above the line"),
        pytest.param([0.05], "below threshold", id="a gain"),
        pytest.param([-0.06, -0.06], "first, same rung", id="the same again"),
        pytest.param([-0.06, -0.07], "first, same rung", id="a point deeper"),
        pytest.param([-0.06, -0.085], "first, deepened", id="two and a half points deeper"),
        pytest.param([-0.06, -0.07, -0.085], "first, same rung, deepened", id="counted from the last alert"),
        pytest.param([-0.06, -0.085, -0.10], "first, deepened, same rung", id="counted from the deepest alert"),
        pytest.param([-0.06, -0.16], "first, escalated", id="a deeper rung"),
        pytest.param([-0.06, -0.31], "first, escalated", id="two rungs at once"),
        pytest.param([-0.06, -0.16, -0.31], "first, escalated, escalated", id="rung after rung"),
        pytest.param([-0.149, -0.151], "first, escalated", id="a deeper rung, hardly deeper"),
        pytest.param([-0.16, -0.14], "first, same rung", id="a shallower rung"),
        pytest.param([-0.16, -0.14, -0.16], "first, same rung, same rung", id="back on the alerted rung"),
        pytest.param([-0.31, -0.28, -0.40], "first, same rung, deepened", id="far deeper on the last rung"),
        pytest.param(
            [-0.06, 0, 0, 0, 0, 0, -0.06],
            "first, below threshold, below threshold, below threshold, below threshold, closed, first",
            id="five quiet sessions close it",
        ),
        pytest.param(
            [-0.06, 0, 0, 0, 0, -0.06, 0],
            "first, below threshold, below threshold, below threshold, below threshold, same rung, below threshold",
            id="four do not",
        ),
        pytest.param(
            [-0.06, 0, 0, 0, 0, -0.05, 0, 0, 0, 0, 0],
            "first, " + "below threshold, " * 4 + "same rung, " + "below threshold, " * 4 + "closed",
            id="the count begins anew",
        ),
        pytest.param(
            [-0.06, 0, 0, 0, 0, -0.09, 0, 0, 0, 0, 0],
            "first, " + "below threshold, " * 4 + "deepened, " + "below threshold, " * 4 + "closed",
            id="after an alert too",
        ),
        pytest.param(
            [-0.06, 0, 0, 0, 0, None, 0],
            "first, " + "below threshold, " * 4 + "no reading, closed",
            id="no reading is not a quiet session",
        ),
        pytest.param([-0.06, *[None] * 9, -0.06], "first, " + "no reading, " * 9 + "same rung", id="nor an end"),
        pytest.param([-0.06, None, -0.16], "first, no reading, escalated", id="nor in the way"),
    ],
)
def test_reasons(moves: list[float | None], reasons: str) -> None:
    assert [one.reason.value for one in story(moves)] == reasons.split(", ")


def test_only_three_reasons_speak() -> None:
    speaking = {one.reason for one in story([-0.06, -0.07, -0.09, -0.16, None, 0, 0, 0, 0, 0, 0]) if one.fires}
    assert speaking == {DecisionReason.FIRST, DecisionReason.ESCALATED, DecisionReason.DEEPENED}


def test_the_rung_of_a_decision_is_that_of_the_session() -> None:
    rungs = [one.level.severity if one.level else None for one in story([-0.16, -0.06, 0, None])]
    assert rungs == [Severity.SEVERE, Severity.NOTICE, None, None]


def test_an_episode_keeps_its_name_and_its_deepest_alert() -> None:
    episodes = [one.state.episode for one in story([-0.06, -0.16, -0.14, None, -0.185])]
    assert all(episodes)
    assert len({one.id for one in episodes if one}) == 1
    assert {one.opened for one in episodes if one} == {date(2020, 3, 2)}
    assert [one.worst_move for one in episodes if one] == [-0.06, -0.16, -0.16, -0.16, -0.185]
    assert [one.severity for one in episodes if one] == [Severity.NOTICE, *[Severity.SEVERE] * 4]


def test_an_escalation_by_another_condition_does_not_forget_the_deeper_move() -> None:
    asked = rule("fall", "memory", levels={"notice": {"move": -0.05}, "severe": {"record": True}}, step=0.02)
    first = decide(
        asked, SUBJECT, date(2020, 3, 2), Evidence(verdict(date(2020, 3, 2), move=-0.10)), SubjectState(), CLOSE_AFTER
    )
    record = Evidence(verdict(date(2020, 3, 3), move=-0.06, record=True, worst_since=None))
    second = decide(asked, SUBJECT, date(2020, 3, 3), record, first.state, CLOSE_AFTER)
    assert second.reason is DecisionReason.ESCALATED
    assert second.state.episode is not None
    assert second.state.episode.worst_move == -0.10


def test_a_deeper_move_on_a_shallower_rung_is_no_news() -> None:
    asked = rule("fall", "memory", levels={"notice": {"move": -0.05}, "severe": {"record": True}}, step=0.02)
    memory, reasons = SubjectState(), []
    record = {"record": True, "worst_since": None}
    days = weekdays(3, date(2020, 3, 2))
    for session, shown in zip(days, [{"move": -0.06} | record, {"move": -0.20}, {"move": -0.09} | record], strict=True):
        done = decide(asked, SUBJECT, session, Evidence(verdict(session, **shown)), memory, CLOSE_AFTER)
        memory = done.state
        reasons.append(done.reason)
    assert reasons == [DecisionReason.FIRST, DecisionReason.SAME_LEVEL, DecisionReason.DEEPENED]


def test_the_next_episode_has_another_name() -> None:
    found = story([-0.06, 0, 0, 0, 0, 0, -0.06])
    first, second = found[0].state.episode, found[-1].state.episode
    assert first is not None
    assert second is not None
    assert first.id != second.id


def test_every_evaluation_is_remembered_as_judged() -> None:
    moves = [0.0, -0.06, -0.06, None, 0, 0, 0, 0, 0]
    days = weekdays(len(moves), date(2020, 3, 2))
    assert [one.state.last_session for one in story(moves)] == days


def test_a_member_episode_is_as_deep_as_its_day_low() -> None:
    asked = rule("plunge", "memory", levels={"warning": {"day_low": -0.10}}, members=True)
    memory, reasons = SubjectState(), []
    days = weekdays(4, date(2020, 3, 2))
    for session, low in zip(days, [-0.11, -0.12, -0.14, None], strict=True):
        done = decide(asked, SUBJECT, session, Evidence(verdict(session, move=-0.02), low), memory, CLOSE_AFTER)
        memory = done.state
        reasons.append(done.reason)
    assert reasons == [
        DecisionReason.FIRST,
        DecisionReason.SAME_LEVEL,
        DecisionReason.DEEPENED,
        DecisionReason.BELOW_THRESHOLD,
    ]


def test_a_spread_that_opens_upwards_deepens_upwards() -> None:
    asked = rule("gap", "memory", levels={"warning": {"percentile": 99.5}})
    memory, reasons = SubjectState(), []
    for session, move in zip(weekdays(3, date(2020, 3, 2)), [0.06, 0.03, 0.09], strict=True):
        seen = Evidence(verdict(session, move=move, percentile=99.9))
        done = decide(asked, SUBJECT, session, seen, memory, CLOSE_AFTER)
        memory = done.state
        reasons.append(done.reason)
    assert reasons == [DecisionReason.FIRST, DecisionReason.SAME_LEVEL, DecisionReason.DEEPENED]


def test_names_of_episodes_are_the_same_whoever_computes_them() -> None:
    assert episode_id(Subject("fall", BasketId("memory")), date(2020, 3, 9)) == "2LTNF"
    others = {episode_id(SUBJECT._replace(member=f"M{number}"), date(2020, 3, 9)) for number in range(200)}
    assert len(others) == 200
    assert all(len(name) == 5 and set(name) <= set(EPISODE_LETTERS) for name in others)


def test_an_alert_about_members_is_as_severe_as_its_severest() -> None:
    days = date(2020, 3, 9)
    asked = rule("fall", "memory", levels={"notice": {"move": -0.05}, "severe": {"move": -0.15}}, members=True)
    spoken = tuple(
        decide(
            asked, SUBJECT._replace(member=name), days, Evidence(verdict(days, move=move)), SubjectState(), CLOSE_AFTER
        )
        for name, move in (("AAA", -0.06), ("BBB", -0.2))
    )
    alert = Alert(asked, days, Phase.FINAL, spoken)
    assert alert.severity is Severity.SEVERE
    assert alert.key != replace(alert, decisions=spoken[:1]).key
    assert alert.key != replace(alert, session=date(2020, 3, 10)).key
