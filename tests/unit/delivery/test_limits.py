from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.model import ChatKind
from bot.delivery.rate_limits import RateLimits


def departures(count, lateness):
    """When messages to `count` private chats leave, if a timer wakes as late as `lateness` says."""
    limits, now, left = RateLimits(), 0.0, []
    for late in lateness[:count]:
        now += limits.wait(now) + late
        limits.began(f"{now}", ChatKind.PRIVATE, now)
        left.append(now)
    return left


@given(st.lists(st.floats(0, 0.2), min_size=60, max_size=200))
def test_at_most_29_leave_in_any_second_however_late_timers_are(lateness):
    left = departures(len(lateness), lateness)
    assert all(bisect_left(left, at + 1 - 1e-9) - i <= 29 for i, at in enumerate(left))


def test_lateness_now_and_then_costs_no_speed():
    left = departures(1000, [0.03, 0.002, 0.02, 0.002] * 250)
    assert 28.5 < (len(left) - 1) / (left[-1] - left[0]) < 28.7


def test_no_burst_after_silence():
    limits = RateLimits()
    now, left = 1000.0, []
    for _ in range(10):
        now += limits.wait(now)
        limits.began(f"{now}", ChatKind.PRIVATE, now)
        left.append(now)
    assert min(later - earlier for earlier, later in pairwise(left)) > 0.0199
    assert left[-1] - left[0] > 0.2


@pytest.mark.parametrize(("kind", "seconds"), [(ChatKind.PRIVATE, 1.0), (ChatKind.GROUP, 3.0), (ChatKind.CHANNEL, 3.0)])
def test_a_chat_rests_from_the_answer_on(kind, seconds):
    limits = RateLimits()
    limits.began("a", kind, 10.0)
    limits.ended("a", kind, 12.0)
    assert limits.resting(12.0 + seconds - 0.01) == {"a"}
    assert limits.resting(12.0 + seconds) == frozenset()


def test_a_terminal_has_no_limit():
    limits = RateLimits()
    limits.began("tty", ChatKind.TERMINAL, 10.0)
    limits.ended("tty", ChatKind.TERMINAL, 10.0)
    assert (limits.wait(10.0), limits.resting(10.0)) == (0.0, frozenset())


def test_one_flooded_chat_leaves_the_others_alone():
    limits = RateLimits()
    limits.flood("a", 35, 10.0)
    assert (limits.resting(44.9), limits.wait(10.0)) == ({"a"}, 0.0)
    assert limits.resting(45.0) == frozenset()


def test_a_shorter_rest_does_not_end_a_longer_one():
    limits = RateLimits()
    limits.flood("a", 35, 10.0)
    limits.ended("a", ChatKind.PRIVATE, 11.0)
    assert limits.resting(40.0) == {"a"}


def test_several_floods_at_once_stop_everybody_for_the_longest():
    limits = RateLimits()
    for chat, seconds in (("a", 5), ("b", 40), ("c", 3), ("d", 3), ("e", 3)):
        limits.flood(chat, seconds, 10.0)
    assert limits.wait(10.0) == 0.0  # a stall on the way may do that: those few wait alone
    limits.flood("f", 3, 11.0)
    assert limits.wait(11.0) == 39.0


def test_several_floods_of_one_chat_or_long_apart_stop_nobody():
    limits = RateLimits()
    for now in range(6):
        limits.flood("a", 5, 10 + now / 10)
    assert limits.wait(11.0) == 0.0
    for at, chat in enumerate("bcdefgh"):
        limits.flood(chat, 5, 20.0 + at)
    assert limits.wait(26.0) == 0.0


def test_topics_of_one_group_rest_together() -> None:
    limits = RateLimits()
    for topic in ("-1001/5", "-1001/6", "-1002/5"):
        limits.began(topic, ChatKind.GROUP, 0.0)
        limits.ended(topic, ChatKind.GROUP, 0.0)
    limits.began("-1001/5", ChatKind.GROUP, 10.0)
    assert limits.resting(10.0) == {"-1001", "-1001/5", "-1001/6"}
    limits.ended("-1001/5", ChatKind.GROUP, 11.0)
    assert "-1001/6" in limits.resting(13.9)
    assert not limits.resting(14.1)
