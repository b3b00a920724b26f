"""When is the bot well, and what is said when it is not?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.health import Sign, Vitals, examine

WELL = Vitals(
    since=0.0,
    works=True,
    poll=300.0,
    request=20.0,
    evaluated=1000.0,
    moved=1000.0,
    resting=True,
    listens=True,
    heard=1000.0,
)
moments = st.floats(0.0, 1e6)
maybe = st.none() | moments
vitals = st.builds(
    Vitals,
    since=moments,
    works=st.booleans(),
    poll=st.sampled_from([60.0, 300.0, 14400.0]),
    request=st.sampled_from([3.0, 20.0, 120.0]),
    evaluated=maybe,
    moved=maybe,
    resting=st.booleans(),
    trouble=st.sampled_from(["", "nobody answers"]),
    listens=st.booleans(),
    heard=maybe,
    failing=st.lists(st.sampled_from(["the disk is full"]), max_size=1).map(tuple),
)


@pytest.mark.parametrize(
    ("changed", "now", "said"),
    [
        pytest.param({}, 1001.0, "works", id="well"),
        pytest.param({}, 1170.0, "works", id="between two looks"),
        pytest.param({"heard": 1300.0}, 1334.0, "works", id="the bell is a little late"),
        pytest.param(
            {"heard": 1300.0}, 1336.0, "evaluation: the next look is overdue by 36 s", id="nobody rings the bell"
        ),
        pytest.param(
            {"resting": False}, 1056.0, "evaluation: a look has not got on for 56 s", id="dead within a minute"
        ),
        pytest.param({"resting": False, "request": 120.0}, 1150.0, "works", id="one price may take longer"),
        pytest.param(
            {"resting": False, "moved": 2000.0, "heard": 2000.0}, 2001.0, "works", id="a long look that gets on"
        ),
        pytest.param(
            {"moved": 2201.0, "heard": 2201.0, "trouble": "nobody answers"},
            2201.0,
            "evaluation: no look was complete for 20 min: nobody answers",
            id="one failure after the other",
        ),
        pytest.param({"heard": None, "moved": 180.0}, 181.0, "commands: Telegram was not heard for 3 min", id="deaf"),
        pytest.param({"heard": None, "listens": False}, 1100.0, "works", id="without a token nobody listens"),
        pytest.param({"failing": ("full", "full")}, 1001.0, "work: full", id="a full disk"),
        pytest.param({"evaluated": None, "heard": 1000.0}, 1001.0, "the first look is under way", id="starting"),
        pytest.param({"works": False}, 9e9, "stands by: another process works", id="standing by"),
        pytest.param({"works": False, "failing": ("gone",)}, 9e9, "work: gone", id="standing by without a database"),
    ],
)
def test_what_is_said(changed: dict[str, object], now: float, said: str) -> None:
    health = examine(replace(WELL, **changed), now)  # type: ignore[arg-type]
    assert str(health) == said
    assert health.ready == (said in ("works", "stands by: another process works"))


@given(vitals, moments)
def test_what_is_missed_stays_missed_until_there_is_a_sign_of_it(one: Vitals, now: float) -> None:
    before, after = examine(one, now), examine(one, now + 2e6)
    assert before.wrong.keys() <= after.wrong.keys()
    if one.works:
        assert Sign.EVALUATION in after.wrong  # whatever is silent for a day is dead
        assert (Sign.COMMANDS in after.wrong) == one.listens


@given(vitals)
def test_whoever_has_just_done_everything_is_well(one: Vitals) -> None:
    now = 1e6
    assert examine(replace(one, evaluated=now, moved=now, heard=now, failing=()), now).ready
