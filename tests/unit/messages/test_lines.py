"""Lines that depend on more than one figure: said when true, left out when not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import pytest

from bot.alerts.episodes import Alert
from bot.alerts.rules import NamedEvent
from bot.context.build import build_context
from bot.context.model import AlertContext
from bot.messages.alert_text import render_alert
from tests.golden.scenes import SCENES


@cache
def fall() -> tuple[Alert, AlertContext]:
    made = SCENES["fall_with_every_line"]()
    board, found = made.world.alerts(made.rulebook)
    alert = [one for one in found if one.session == made.world.days[-1] and not one.subject.against][-1]
    return alert, build_context(board, made.rulebook.rules, alert)


def against(**gap: Any) -> str:
    """The line about the other side, with another gap."""
    alert, context = fall()
    assert context.contrast is not None
    other = replace(context.contrast, gap=replace(context.contrast.gap, **gap))
    changed = replace(context, contrast=other, entries=())
    (line,) = [one for one in render_alert(alert, changed, (), "en").lines if one.startswith("Against it")]
    return line


SINCE = {"record": False, "worst_since": date(2020, 3, 2), "sessions_since_worst": 800}


@pytest.mark.parametrize(
    ("gap", "rest"),
    [
        pytest.param({}, ", the most on record, since 5 Jan 2016", id="record"),
        pytest.param(SINCE, ", the most since 2 Mar 2020", id="in years"),
        pytest.param(SINCE | {"worst_since": date(2023, 4, 3)}, "", id="less than a month"),
        pytest.param({"since": date(2022, 1, 3)}, "", id="record of a short history"),
    ],
)
def test_how_far_behind_the_other_side(gap: dict[str, Any], rest: str) -> None:
    assert against(**gap) == f"Against it: Hyperscalers +0.8 %, 22.4 points ahead{rest}"


@pytest.mark.parametrize(("gap", "said"), [(-0.11, True), (-0.10, False), (0.01, False)])
def test_who_fell_half_as_far_or_more_stands_against_nobody(gap: float, said: bool) -> None:
    """The basket itself fell 21.6 %."""
    alert, context = fall()
    assert context.contrast is not None
    beside = replace(context.contrast, gap=replace(context.contrast.gap, move=gap))
    changed = replace(context, contrast=beside, entries=())
    assert ("Against it" in render_alert(alert, changed, (), "en").plain) is said


@pytest.mark.parametrize(("then", "said"), [(0, True), (3, True), (4, False), (None, False)])
def test_how_many_members_there_were(then: int | None, said: bool) -> None:
    alert, context = fall()
    text = render_alert(alert, replace(context, traded_then=then), (), "en").plain
    assert (f"{then} of today's 4 members then" in text) is said


def test_nobody_weighed_on_it() -> None:
    alert, context = fall()
    rose = tuple(replace(one, contribution=0.01) for one in context.members)
    assert "Largest parts" not in render_alert(alert, replace(context, members=rose), (), "en").plain


def test_the_first_line_is_complete_by_itself() -> None:
    alert, context = fall()
    first = render_alert(alert, context, (), "en").lines[0]
    assert first == "🟠 Memory −21.6 % in two sessions: worst in 3 years"


def headline(events: tuple[NamedEvent, ...] = (), traded_then: int = 4, **shown: Any) -> tuple[str, str]:
    """The claim of the first line, and the whole message, with another verdict."""
    alert, context = fall()
    (decision,) = alert.decisions
    assert decision.evidence.verdict is not None
    evidence = replace(decision.evidence, verdict=replace(decision.evidence.verdict, **shown))
    changed = replace(alert, decisions=(replace(decision, evidence=evidence),))
    message = render_alert(changed, replace(context, traded_then=traded_then), events, "en")
    return message.lines[0].partition(" in two sessions")[2], message.plain


SHOCK = NamedEvent("shock", (("en", "shock"),), date(2019, 4, 1), date(2019, 4, 5))
LONG = {"worst_since": date(2019, 4, 5), "worst_in_years": 4, "sessions_since_worst": 1000}
RECORD = {"record": True, "worst_since": None, "worst_in_years": None, "sessions_since_worst": None}


@pytest.mark.parametrize(
    ("shown", "claim"),
    [
        pytest.param(LONG, ": worst in 4 years", id="years"),
        pytest.param(LONG | {"worst_in_years": 1}, ": worst in a year", id="a year"),
        pytest.param(LONG | {"worst_in_years": None}, ": worst since 5 Apr 2019", id="too little history for years"),
        pytest.param({"worst_since": date(2022, 5, 14)}, ": worst in 11 months", id="eleven months to the day"),
        pytest.param({"worst_since": date(2023, 3, 14)}, ": worst in a month", id="a month"),
        pytest.param({"worst_since": date(2023, 3, 15)}, ": worst since 15 Mar 2023", id="a day less"),
        pytest.param({"worst_since": date(2022, 4, 14)}, ": worst since 14 Apr 2022", id="twelve months are no months"),
        pytest.param(RECORD, ": worst on record, 7 years of data, since 5 Jan 2016", id="record"),
        pytest.param(RECORD | {"since": date(2020, 4, 14)}, ": worst on record, 3 years of data, since 14 Apr 2020",
                     id="record of three years"),
        pytest.param(RECORD | {"since": date(2020, 4, 15)}, "", id="record of a day less"),
        pytest.param(LONG | {"sessions_since_worst": 1}, "", id="an overlapping window was as bad"),
        pytest.param(LONG | {"sessions_since_worst": 2}, ": worst in 4 years", id="one that ended before was"),
        pytest.param(LONG | {"move": 0.01}, "", id="a gain"),
        pytest.param(LONG | {"move": 0.0}, "", id="no change"),
        pytest.param(RECORD | {"move": 0.01}, "", id="a record gain"),
    ],
)  # fmt: skip
def test_the_claim(shown: dict[str, Any], claim: str) -> None:
    short = {"worst_in_years": None, "sessions_since_worst": 20}
    said, whole = headline(**(short | shown))
    assert said == claim
    assert ("last as bad" in whole or "worst before" in whole) is (
        bool(claim) or shown == RECORD | {"since": date(2020, 4, 15)}
    )


@pytest.mark.parametrize(
    ("worst_since", "claim"),
    [
        (date(2019, 3, 29), ": worst in 4 years"),
        (date(2019, 4, 1), ": worst since the shock (1 Apr 2019)"),
        (date(2019, 4, 5), ": worst since the shock (5 Apr 2019)"),
        (date(2019, 4, 8), ": worst in 4 years"),
    ],
)
def test_a_named_event_is_named_for_its_own_sessions(worst_since: date, claim: str) -> None:
    assert headline((SHOCK,), **(LONG | {"worst_since": worst_since}))[0] == claim


def test_of_a_record_nobody_asks_who_was_there_before() -> None:
    assert "members then" in headline(traded_then=3)[1]
    assert "members then" not in headline(traded_then=3, **RECORD)[1]
