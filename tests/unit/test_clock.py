"""What time is it for us, when the machine's clock is set?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import JUMP, SteadyClock, SystemClock, since_boot
from tests.virtual import NOON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Machine:
    """Its clock is wrong by `error`; while it sleeps, nothing is counted in `awake`."""

    true: float = 0.0
    error: float = 0.0
    awake: float = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.true + self.error)

    def monotonic(self) -> float:
        return 5000.0 + self.awake

    def goes(self, seconds: float) -> None:
        self.true += seconds
        self.awake += seconds

    def sleeps(self, seconds: float) -> None:
        self.true += seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def steady(machine: Machine) -> SteadyClock:
    return SteadyClock(machine, machine.monotonic)


def test_the_machines_own_clock_is_believed() -> None:
    machine = SystemClock()
    steady = SteadyClock(machine, since_boot)
    assert not steady.check_jump()
    assert abs(steady.now() - machine.now()) < timedelta(seconds=JUMP)


@pytest.mark.parametrize("jump", [DAY, -DAY, -HOUR, timedelta(seconds=61)], ids=str)
def test_a_jump_that_is_over_before_the_next_look_is_never_believed(
    machine: Machine, steady: SteadyClock, jump: timedelta
) -> None:
    machine.error = jump.total_seconds()
    assert steady.check_jump() == jump
    machine.goes(200)
    assert steady.now() == NOON + timedelta(seconds=200)
    machine.error = 0.0
    assert not steady.check_jump()
    assert steady.now() == NOON + timedelta(seconds=200)


def test_a_jump_is_believed_when_two_looks_agree(machine: Machine, steady: SteadyClock) -> None:
    machine.sleeps(6 * 3600)
    assert steady.check_jump() == 6 * HOUR
    assert steady.now() == NOON
    machine.goes(300)
    assert not steady.check_jump()
    assert steady.now() == NOON + 6 * HOUR + timedelta(seconds=300)


def test_a_clock_that_is_put_right_bit_by_bit_is_followed(machine: Machine, steady: SteadyClock) -> None:
    for _ in range(100):
        machine.goes(300)
        machine.error += 50
        assert steady.now() == machine.now()
        assert not steady.check_jump()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("goes"), st.integers(0, 4000)),
        st.tuples(st.just("sleeps"), st.integers(0, 40000)),
        st.tuples(st.just("set"), st.one_of(st.integers(-70, 70), st.integers(-100000, 100000))),
        st.tuples(st.just("look"), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_is_set_and_slept_two_looks_decide(steps: list[tuple[str, int]]) -> None:
    """Beside it stands the list of all looks: believed is the latest that is near to the one before, or to belief."""
    machine = Machine()
    steady = SteadyClock(machine, machine.monotonic)
    shifts = [0.0]  # of every look: what the clock shows beyond the time awake

    def believed() -> float:
        belief = shifts[0]
        for before, one in pairwise(shifts):
            belief = one if min(abs(one - before), abs(one - belief)) <= JUMP else belief
        return belief

    for what, amount in steps:
        if what == "look":
            shifts.append(machine.true + machine.error - machine.awake)
            assert bool(steady.check_jump()) == (believed() != shifts[-1])
        elif what == "set":
            machine.error = float(amount)
        else:
            getattr(machine, what)(amount)
        shift = machine.true + machine.error - machine.awake
        expected = shift if abs(shift - believed()) <= JUMP else believed()
        assert abs((steady.now() - NOON).total_seconds() - machine.awake - expected) < 1e-3
        assert steady.monotonic() == machine.monotonic()
