"""Every condition of a rung, alone and together, at its edge and with too little history."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bot.alerts.conditions import Evidence, check_conditions, highest_level
from bot.alerts.rules import Rule
from bot.statistics.measure import whole_months
from bot.statistics.verdict import DrawdownState
from tests.world import LADDER, contrast, rule, verdict

TODAY = date(2020, 3, 9)
# A session 20 years into the data with a fall that is the worst since 2009.
FALL = {
    "move": -0.08,
    "percentile": 0.4,
    "worst_since": date(2009, 3, 2),
    "sessions_since_worst": 2775,
    "worst_in_years": 11,
}
RECORD = FALL | {
    "worst_since": None,
    "sessions_since_worst": None,
    "worst_in_years": None,
    "record": True,
    "percentile": 0.01,
}


def fires(rung: dict[str, Any], shown: dict[str, Any], day_low: float | None = None) -> bool:
    asked = rule("fall", "memory", levels={"warning": rung})
    return highest_level(asked, Evidence(verdict(TODAY, **shown), day_low)) is not None


@pytest.mark.parametrize(
    ("rung", "shown", "holds"),
    [
        pytest.param({"percentile": 1.0}, FALL, True, id="percentile"),
        pytest.param({"percentile": 1.0}, FALL | {"percentile": 1.0}, True, id="percentile at its edge"),
        pytest.param({"percentile": 1.0}, FALL | {"percentile": 1.0001}, False, id="percentile over its edge"),
        pytest.param({"percentile": 1.0}, FALL | {"percentile": None}, False, id="percentile before 250 windows"),
        pytest.param({"percentile": 50.0}, FALL | {"percentile": 40.0}, True, id="percentile 50 looks down"),
        pytest.param({"percentile": 1.0}, FALL | {"move": 0.01}, False, id="percentile of a gain"),
        pytest.param({"percentile": 1.0}, FALL | {"move": 0.0}, False, id="percentile of no change"),
        pytest.param({"worst_in_months": 12 * 11}, FALL, True, id="worst in 11 years"),
        pytest.param({"worst_in_months": 12 * 11 + 1}, FALL, False, id="not in 11 years and a month"),
        pytest.param(
            {"worst_in_months": 3}, FALL | {"worst_since": date(2019, 12, 9)}, True, id="three months to the day"
        ),
        pytest.param({"worst_in_months": 3}, FALL | {"worst_since": date(2019, 12, 10)}, False, id="a day less"),
        pytest.param({"worst_in_months": 3}, FALL | {"move": 0.001}, False, id="the least gain of three months"),
        pytest.param({"worst_in_months": 60}, RECORD, True, id="a record is the worst in all the data"),
        pytest.param(
            {"worst_in_months": 60}, RECORD | {"since": date(2015, 3, 10)}, False, id="but not for longer than they are"
        ),
        pytest.param({"worst_in_months": 60}, RECORD | {"since": date(2015, 3, 9)}, True, id="five years to the day"),
        pytest.param({"record": True}, RECORD, True, id="record"),
        pytest.param({"record": True}, FALL, False, id="no record"),
        pytest.param({"record": True}, RECORD | {"move": 0.001}, False, id="record of a gain"),
        pytest.param({"record": True}, RECORD | {"since": date(2017, 3, 10)}, False, id="record before three years"),
        pytest.param({"record": True}, RECORD | {"since": date(2017, 3, 9)}, True, id="record after three years"),
        pytest.param({"move": -0.08}, FALL, True, id="move at its edge"),
        pytest.param({"move": -0.0800001}, FALL, False, id="move over its edge"),
        pytest.param({"state": DrawdownState.BEAR}, {"state": DrawdownState.BEAR}, True, id="state"),
        pytest.param({"state": DrawdownState.BEAR}, {"state": DrawdownState.CRASH}, True, id="a deeper state"),
        pytest.param({"state": DrawdownState.BEAR}, {"state": DrawdownState.CORRECTION}, False, id="a shallower state"),
        pytest.param(
            {"enters": DrawdownState.BEAR}, {"state": DrawdownState.BEAR}, False, id="in a state entered before"
        ),
        pytest.param(
            {"enters": DrawdownState.BEAR},
            {"state": DrawdownState.BEAR, "entered_state": DrawdownState.BEAR},
            True,
            id="entered today",
        ),
        pytest.param(
            {"enters": DrawdownState.BEAR},
            {"entered_state": DrawdownState.CRASH},
            True,
            id="entered a deeper one today",
        ),
        pytest.param(
            {"enters": DrawdownState.BEAR},
            {"entered_state": DrawdownState.CORRECTION},
            False,
            id="entered a shallower one",
        ),
    ],
)
def test_one_condition(rung: dict[str, Any], shown: dict[str, Any], holds: bool) -> None:
    assert fires(rung, shown) is holds


@pytest.mark.parametrize(("low", "holds"), [(-0.10, True), (-0.0999, False), (0.05, False), (None, False)])
def test_the_low_of_the_day(low: float | None, holds: bool) -> None:
    assert fires({"day_low": -0.10}, {}, low) is holds


ALL_OF = {"percentile": 1.0, "worst_in_months": 60, "record": True, "move": -0.05, "state": DrawdownState.BEAR}
SHOWN = RECORD | {"state": DrawdownState.BEAR}
SPOILED: dict[str, dict[str, Any]] = {
    "percentile": {"percentile": 1.5},
    "worst_in": {"since": date(2016, 1, 4)},
    "record": {"record": False, "worst_since": date(2009, 3, 2)},
    "move": {"move": -0.04},
    "state": {"state": DrawdownState.CORRECTION},
}


def test_all_conditions_of_a_rung_must_hold() -> None:
    assert fires(ALL_OF, SHOWN)


@pytest.mark.parametrize("name", SPOILED)
def test_one_that_does_not_is_enough(name: str) -> None:
    shown = SHOWN | SPOILED[name]
    assert not fires(ALL_OF, shown)
    seen = Evidence(verdict(TODAY, **shown))
    assert seen.verdict is not None
    asked = rule("fall", "memory", levels={"warning": ALL_OF})
    assert [key for key, met in check_conditions(asked, asked.levels[0], seen) if not met] == [name]


@pytest.mark.parametrize(
    ("shown", "reached"),
    [
        ({}, None),
        (FALL | {"percentile": 2.0, "worst_since": date(2019, 10, 1)}, "notice"),
        (FALL | {"percentile": 0.9, "worst_since": date(2019, 10, 1)}, "warning"),
        (FALL | {"percentile": 0.9, "worst_since": date(2020, 3, 6)}, "warning"),
        (FALL | {"percentile": 2.0}, "severe"),
        (FALL, "severe"),
        (RECORD, "extreme"),
        (RECORD | {"since": date(2018, 1, 2), "percentile": None}, "notice"),
        (RECORD | {"since": date(2020, 1, 2), "percentile": None}, None),
    ],
)
def test_the_highest_level_of_the_shipped_ladder(shown: dict[str, Any], reached: str | None) -> None:
    rung = highest_level(rule("fall", "memory", levels=LADDER), Evidence(verdict(TODAY, **shown)))
    assert (rung.severity.word if rung else None) == reached


WIDE = {
    "move": 0.09,
    "percentile": 99.9,
    "worst_since": date(2009, 3, 2),
    "sessions_since_worst": 2775,
    "worst_in_years": 11,
}
WIDEST = WIDE | {
    "percentile": 100.0,
    "worst_since": None,
    "sessions_since_worst": None,
    "worst_in_years": None,
    "record": True,
}
UPWARD = {"notice": {"percentile": 99.5}, "severe": {"worst_in_months": 60}, "extreme": {"record": True}}


@pytest.mark.parametrize(
    ("rungs", "shown", "reached"),
    [
        pytest.param(UPWARD, {}, None, id="a usual gap"),
        pytest.param(UPWARD, WIDE | {"worst_since": date(2020, 2, 3)}, "notice", id="percentile over 50 looks up"),
        pytest.param({"notice": {"percentile": 99.5}}, {"percentile": 99.4}, None, id="below the percentile"),
        pytest.param({"notice": {"percentile": 99.5}}, {"percentile": 0.1, "move": -0.09}, None, id="the other way"),
        pytest.param({"notice": {"percentile": 99.5}}, WIDE | {"percentile": None}, None, id="too few windows"),
        pytest.param({"notice": {"percentile": 99.5}}, WIDE | {"move": -0.01}, None, id="behind after all"),
        pytest.param(UPWARD, WIDE, "severe", id="the widest in years, by a rung of its own"),
        pytest.param(UPWARD, WIDEST, "extreme", id="the widest on record, by a rung of its own"),
        pytest.param(UPWARD, WIDEST | {"since": date(2019, 1, 2)}, "notice", id="record of a short history"),
    ],
)
def test_a_spread_that_opens_upwards(rungs: dict[str, Any], shown: dict[str, Any], reached: str | None) -> None:
    asked = contrast("gap", "one", "other", rungs)
    assert asked.upward
    rung = highest_level(asked, Evidence(verdict(TODAY, **shown)))
    assert (rung.severity.word if rung else None) == reached


def test_nothing_is_met_without_a_reading() -> None:
    assert highest_level(_of_every_condition(), Evidence(None, -0.5)) is None


def test_a_day_on_which_nothing_happens_meets_nothing() -> None:
    assert highest_level(_of_every_condition(), Evidence(verdict(TODAY), -0.01)) is None


def _of_every_condition() -> Rule:
    return rule(
        "any",
        "memory",
        levels={
            "notice": {"percentile": 1.0},
            "warning": {"worst_in_months": 1},
            "severe": {"record": True},
            "extreme": {"day_low": -0.1},
        },
    )


@pytest.mark.parametrize(
    ("early", "late", "months"),
    [
        (date(2020, 1, 31), date(2020, 2, 29), 0),
        (date(2020, 1, 29), date(2020, 2, 29), 1),
        (date(2019, 12, 31), date(2020, 1, 1), 0),
        (date(2019, 3, 9), date(2020, 3, 8), 11),
        (date(2019, 3, 9), date(2020, 3, 9), 12),
        (date(2016, 2, 29), date(2017, 2, 28), 11),
        (date(2020, 3, 9), date(2020, 3, 9), 0),
    ],
)
def test_whole_months_are_rounded_down(early: date, late: date, months: int) -> None:
    assert whole_months(early, late) == months
