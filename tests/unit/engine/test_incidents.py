"""Is every trouble told once when it begins and once when it ends?"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.baskets import BasketId
from bot.engine.incidents import Incident, IncidentKind, IncidentNotice, UnevaluatedSessions, update_incidents

START = datetime(2026, 7, 2, tzinfo=UTC)
OUTAGE, DOUBT = Incident(IncidentKind.OUTAGE), Incident(IncidentKind.SUSPECT, "AA")


@given(st.lists(st.sets(st.sampled_from([OUTAGE, DOUBT, Incident(IncidentKind.STALE, "XNYS")]))))
def test_begins_and_ends_take_turns(looks: list[set[Incident]]) -> None:
    troubles: dict[Incident, IncidentNotice] = {}
    told: list[IncidentNotice] = []
    for number, found in enumerate(looks):
        now = START + number * timedelta(minutes=5)
        troubles, notices = update_incidents(troubles, dict.fromkeys(found, "seen"), now)
        told += notices
        for one in notices:
            assert (one.ended or one.since) == now
    for trouble in {one.incident for one in told}:
        ends = [one.ended is not None for one in told if one.incident == trouble]
        assert ends == [number % 2 == 1 for number in range(len(ends))]
        there = [trouble in found for found in looks]
        changes = sum(now != before for before, now in zip([False, *there], there, strict=False))
        assert len(ends) == changes


def test_a_notice_says_what_and_how_long() -> None:
    assert str(IncidentNotice(OUTAGE, START, "9 of 9 symbols")) == "outage: 9 of 9 symbols"
    over = IncidentNotice(DOUBT, START, "far", START + timedelta(minutes=35))
    assert str(over) == "doubtful AA is over after 0:35:00"


def test_sessions_that_could_not_be_judged_are_named_by_day_and_not_without_end() -> None:
    tech, oil = BasketId("tech"), BasketId("oil")
    day = date(2026, 7, 2)
    assert (
        str(UnevaluatedSessions(((tech, day), (oil, day))))
        == "could not be judged, too few prices: 2026-07-02 (oil, tech)"
    )
    many = tuple((tech, day + timedelta(days=number)) for number in range(12))
    named = str(UnevaluatedSessions(many))
    assert named.startswith("could not be judged, too few prices: 2026-07-13 (tech); 2026-07-12 (tech); ")
    assert named.endswith("; 2026-07-04 (tech); and 2 earlier sessions")
