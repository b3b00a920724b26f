"""When is the bot well, and what is said when it is not?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.health import HealthInputs, HealthSignal, assess_health

WELL = HealthInputs(
    since=0.0,
    active=True,
    poll_every=300.0,
    request_timeout=20.0,
    completed_at=1000.0,
    progressed_at=1000.0,
    idle=True,
    polls_chat=True,
    polled_at=1000.0,
)
moments = st.floats(0.0, 1e6)
maybe = st.none() | moments
vitals = st.builds(
    HealthInputs,
    since=moments,
    active=st.booleans(),
    poll_every=st.sampled_from([60.0, 300.0, 14400.0]),
    request_timeout=st.sampled_from([3.0, 20.0, 120.0]),
    completed_at=maybe,
    progressed_at=maybe,
    idle=st.booleans(),
    last_error=st.sampled_from(["", "nobody answers"]),
    polls_chat=st.booleans(),
    polled_at=maybe,
    failing=st.lists(st.sampled_from(["the disk is full"]), max_size=1).map(tuple),
)


@pytest.mark.parametrize(
    ("changed", "now", "said"),
    [
        pytest.param({}, 1001.0, "works", id="well"),
        pytest.param({}, 1170.0, "works", id="between two looks"),
        pytest.param({"polled_at": 1300.0}, 1334.0, "works", id="the bell is a little late"),
        pytest.param(
            {"polled_at": 1300.0}, 1336.0, "evaluation: the next look is overdue by 36 s", id="nobody rings the bell"
        ),
        pytest.param({"idle": False}, 1056.0, "evaluation: a look has not got on for 56 s", id="dead within a minute"),
        pytest.param({"idle": False, "request_timeout": 120.0}, 1150.0, "works", id="one price may take longer"),
        pytest.param(
            {"idle": False, "progressed_at": 2000.0, "polled_at": 2000.0},
            2001.0,
            "works",
            id="a long look that gets on",
        ),
        pytest.param(
            {"progressed_at": 2201.0, "polled_at": 2201.0, "last_error": "nobody answers"},
            2201.0,
            "evaluation: no look was complete for 20 min: nobody answers",
            id="one failure after the other",
        ),
        pytest.param(
            {"polled_at": None, "progressed_at": 180.0}, 181.0, "commands: Telegram was not heard for 3 min", id="deaf"
        ),
        pytest.param({"polled_at": None, "polls_chat": False}, 1100.0, "works", id="without a token nobody listens"),
        pytest.param({"failing": ("full", "full")}, 1001.0, "work: full", id="a full disk"),
        pytest.param({"completed_at": None, "polled_at": 1000.0}, 1001.0, "the first look is under way", id="starting"),
        pytest.param({"active": False}, 9e9, "stands by: another process works", id="standing by"),
        pytest.param({"active": False, "failing": ("gone",)}, 9e9, "work: gone", id="standing by without a database"),
    ],
)
def test_what_is_said(changed: dict[str, object], now: float, said: str) -> None:
    health = assess_health(replace(WELL, **changed), now)  # type: ignore[arg-type]
    assert str(health) == said
    assert health.ready == (said in ("works", "stands by: another process works"))


@given(vitals, moments)
def test_what_is_missed_stays_missed_until_there_is_a_sign_of_it(one: HealthInputs, now: float) -> None:
    before, after = assess_health(one, now), assess_health(one, now + 2e6)
    assert before.problems.keys() <= after.problems.keys()
    if one.active:
        assert HealthSignal.EVALUATION in after.problems  # whatever is silent for a day is dead
        assert (HealthSignal.COMMANDS in after.problems) == one.polls_chat


@given(vitals)
def test_whoever_has_just_done_everything_is_well(one: HealthInputs) -> None:
    now = 1e6
    assert assess_health(replace(one, completed_at=now, progressed_at=now, polled_at=now, failing=()), now).ready
