from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.engine.small_world import rulebook, world
from tests.unit.engine.tape import Notebook, Stage, Tape
from tests.virtual import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2025, 1, 1, tzinfo=UTC))


@pytest.fixture
def tape(clock: VirtualClock) -> Tape:
    return Tape(world(), clock)


@pytest.fixture
def stage(tape: Tape) -> Stage:
    return Stage(tape, rulebook(), Notebook(tape.clock))
