from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.model import DeliveryState
from tests.campaigns.invariants import INVARIANTS, Copy, Evidence, Row, broken
from tests.virtual import NOON

SOON, EXPIRY = NOON + timedelta(seconds=1), NOON + timedelta(hours=6)
FIRST = Row("fall", "3001", 1, severe=True, state=DeliveryState.SENT, created=NOON, expires=EXPIRY)
NEXT = replace(FIRST, event="next", number=2)
CLEAN = Evidence(
    copies=(Copy("fall", "3001", SOON), Copy("next", "3001", SOON)),
    rows=(FIRST, NEXT),
    keys=("fall", "next"),
    wanted=frozenset({("fall", "3001"), ("next", "3001")}),
    written=b"delivery sent",
    secrets=(b"canary",),
)
TWICE = (*CLEAN.copies, replace(CLEAN.copies[1], repeated=True))
MAY_HAVE_TWO = (FIRST, replace(NEXT, unconfirmed=1))


def numbers(evidence):
    return {fault.partition(":")[0] for fault in broken(evidence)}


def test_nothing_is_wrong_with_clean_evidence():
    assert broken(CLEAN) == []
    assert (CLEAN.lost, CLEAN.duplicates) == ([], 0)


def test_a_repeat_that_is_counted_and_marked_is_in_order():
    evidence = replace(CLEAN, rows=MAY_HAVE_TWO, copies=TWICE)
    assert broken(evidence) == []
    assert evidence.duplicates == 1


@pytest.mark.parametrize(
    ("number", "evidence"),
    [
        ("I1", replace(CLEAN, keys=("fall", "next", "fall"))),
        ("I1", replace(CLEAN, rows=(FIRST, NEXT, NEXT), copies=(*CLEAN.copies, CLEAN.copies[1]))),
        ("I2", replace(CLEAN, wanted=CLEAN.wanted | {("fall", "3002")})),
        ("I2", replace(CLEAN, rows=(FIRST, replace(NEXT, state=DeliveryState.SENDING, unconfirmed=1)))),
        ("I3", replace(CLEAN, copies=CLEAN.copies[:1])),
        ("I3", replace(CLEAN, copies=TWICE)),
        ("I3", replace(CLEAN, rows=MAY_HAVE_TWO, copies=(*CLEAN.copies, CLEAN.copies[1]))),
        ("I3", replace(CLEAN, copies=(*CLEAN.copies, Copy("fall", "9", SOON)))),
        ("I4", replace(CLEAN, too_fast=1)),
        ("I5", replace(CLEAN, copies=CLEAN.copies[::-1])),
        ("I6", replace(CLEAN, copies=(CLEAN.copies[0], replace(CLEAN.copies[1], date=NOON + timedelta(minutes=11))))),
        (
            "I6",
            replace(CLEAN, copies=(CLEAN.copies[0], Copy("next", "3001", EXPIRY + timedelta(seconds=1), late=True))),
        ),
        ("I7", replace(CLEAN, stopped={"3001": 1})),
        ("I8", replace(CLEAN, written=b"sent to canary")),
        ("I10", replace(CLEAN, rows=(FIRST, replace(NEXT, waiting=True)))),
    ],
)
def test_each_invariant_can_be_broken(number, evidence):
    assert number in numbers(evidence)


def test_a_severe_message_may_pass_a_minor_one():
    minor = replace(FIRST, severe=False)
    assert broken(replace(CLEAN, rows=(minor, NEXT), copies=CLEAN.copies[::-1])) == []


def test_a_late_message_that_says_so_is_in_order():
    late = replace(CLEAN.copies[1], date=NOON + timedelta(minutes=11), late=True)
    assert broken(replace(CLEAN, copies=(CLEAN.copies[0], late))) == []


def test_what_nobody_has_read_is_lost_unless_a_reason_is_listed():
    unread = replace(CLEAN, copies=CLEAN.copies[:1])
    assert unread.lost == [("next", "3001")]
    told = replace(NEXT, state=DeliveryState.FAILED, reason="kicked")
    assert replace(unread, rows=(FIRST, told)).lost == []


def test_all_are_asked():
    assert set(INVARIANTS) == {"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I10"}
