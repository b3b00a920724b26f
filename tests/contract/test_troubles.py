"""Do operators hear of a trouble once when it begins and once when it ends, whatever restarts in between?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.database.database import Database
from bot.app.monitor import OperatorNotifier
from bot.engine.incidents import Incident, IncidentKind, IncidentNotice
from bot.errors import LeaseLost
from tests.specimens import event
from tests.unit.engine.small_world import DAYS, TECH, WARNED, rulebook, world
from tests.unit.engine.tape import SETTLE, Stage, Tape
from tests.virtual import NOON, VirtualClock

OUTAGE, STALE = Incident(IncidentKind.OUTAGE), Incident(IncidentKind.STALE, "XNYS")
BEGAN, LATER = (
    IncidentNotice(OUTAGE, NOON, "9 of 9 symbols"),
    IncidentNotice(STALE, NOON + timedelta(hours=1), "since noon"),
)
OVER = IncidentNotice(OUTAGE, NOON, "9 of 9 symbols", NOON + timedelta(hours=2))


async def test_what_has_begun_is_kept_until_it_ends(store, url):
    await store.commit({}, [], [], notices=[LATER, BEGAN])
    again = await Database.open(url)
    assert list((await again.open_incidents()).items()) == [(OUTAGE, BEGAN), (STALE, LATER)]
    await again.close()
    await store.commit({}, [], [], notices=[OVER])
    assert await store.open_incidents() == {STALE: LATER}


async def test_a_notice_and_what_is_known_of_it_are_stored_together_or_not_at_all(store, url):
    assert await store.acquire(await store.read(), "one")
    other = await Database.open(url)
    assert await other.acquire(await other.read(), "other")
    with pytest.raises(LeaseLost):
        await store.commit({}, [event()], [], notices=[BEGAN])
    assert await other.open_incidents() == {}
    assert await other.told_of("FALL", 1) == []
    await other.close()


async def told(store: Database, tape: Tape, when: datetime) -> list[str]:
    """A new process looks once; the answer is everything that an operator has heard of no reading until now."""
    stage = Stage(tape, rulebook(), store)
    stage.engine.notify = OperatorNotifier(store, tape.clock, "telegram", [9001]).notify
    await stage.look(when)
    heard = [one.message.lines[0] for one in reversed(await store.received("telegram", "9001", 99))]
    return [one for one in heard if "no reading" in one or "judged" in one]


async def test_a_restart_tells_nothing_twice_and_the_end_of_what_ended_meanwhile(store):
    tape = Tape(world(), VirtualClock(datetime(2025, 1, 1, tzinfo=UTC)))
    close = tape.close(DAYS[WARNED])
    await told(store, tape, tape.close(DAYS[WARNED - 1]) + SETTLE)
    tape.late = {(symbol, DAYS[WARNED]): close + timedelta(hours=2) for symbol in TECH[:2]}
    began = f"⚙️ no reading tech: session {DAYS[WARNED]}"
    assert await told(store, tape, close + SETTLE) == [began]
    assert await told(store, tape, close + 2 * SETTLE) == [began]
    ended = "⚙️ no reading tech is over after 2:00:00"
    assert await told(store, tape, close + SETTLE + timedelta(hours=2)) == [began, ended]
    assert await told(store, tape, close + SETTLE + timedelta(hours=4)) == [began, ended]


async def test_a_session_whose_prices_never_come_is_named_in_the_end(store):
    tape = Tape(world(), VirtualClock(datetime(2025, 1, 1, tzinfo=UTC)))
    close = tape.close(DAYS[WARNED])
    await told(store, tape, tape.close(DAYS[WARNED - 1]) + SETTLE)
    tape.late = {(symbol, DAYS[WARNED]): close + timedelta(days=30) for symbol in TECH[:2]}
    began = f"⚙️ no reading tech: session {DAYS[WARNED]}"
    never = f"⚙️ could not be judged, too few prices: {DAYS[WARNED]} (tech)"
    assert await told(store, tape, close + timedelta(hours=1)) == [began]
    assert await told(store, tape, close + timedelta(hours=13)) == [began, never]
    assert await told(store, tape, close + timedelta(hours=17)) == [began, never]
