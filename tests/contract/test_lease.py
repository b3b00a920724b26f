"""Which process writes, when several run?"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from bot.adapters.database.database import Database
from bot.delivery.attempts import Sent
from bot.errors import LeaseLost, StoreError
from bot.lease import LeaderLease, Lease
from tests.specimens import CHANNEL, subscriber
from tests.stored import answer, claim, put
from tests.virtual import NOON, VirtualClock


@pytest.fixture
async def other(store, url):
    database = await Database.open(url)
    yield database
    await database.close()


async def test_to_rehearse_changes_nothing(store):
    await store.acquire(await store.read(), "a")
    before = await store.read()
    await store.rehearse()
    assert await store.read() == before


class Time(VirtualClock):
    """Several sleep at once: the time goes on when nobody works, to when the first of them wakes."""

    def __init__(self, *databases: Database) -> None:
        super().__init__()
        self.databases = databases
        self.sleepers: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self.sleepers.append((self.seconds + seconds, woken))
        await woken.wait()

    async def go(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.seconds + seconds
        await self.settle()
        while due := sorted((one for one in self.sleepers if one[0] <= end), key=lambda one: one[0])[:1]:
            self.sleepers.remove(due[0])
            self.seconds = due[0][0]
            due[0][1].set()
            await self.settle()
        self.seconds = end

    async def settle(self) -> None:
        """Until nobody is at a database any more: they work on other threads, and take their time."""
        quiet = 0
        while quiet < 50:
            await asyncio.sleep(0)
            busy = any(one._turn.locked() for one in self.databases)
            quiet = 0 if busy else quiet + 1
            if busy:
                await asyncio.sleep(0.001)


class Process:
    """One that holds the lease or stands by, as an application does."""

    def __init__(self, database, clock: Time) -> None:
        self.tenancy = LeaderLease(database, clock, clock.sleep)
        self.stop = asyncio.Event()
        self.works = self.lost = False
        self.end = asyncio.Event()
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        async with self.tenancy.held(self.stop) as lost:
            self.works = lost is not None
            if lost is not None:
                waits = [asyncio.ensure_future(one.wait()) for one in (lost, self.end)]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for one in waits:
                    one.cancel()
                self.lost = lost.is_set()
        self.works = False


@asynccontextmanager
async def processes(clock, *databases):
    made = [Process(one, clock) for one in databases]
    try:
        await clock.go(0)
        yield made
    finally:
        for one in made:
            one.stop.set()
            one.end.set()
        await clock.go(60)
        await asyncio.gather(*(one.task for one in made))


async def test_who_comes_first_works_and_the_other_stands_by(store, other):
    clock = Time(store, other)
    async with processes(clock, store) as (first,), processes(clock, other) as (second,):
        await clock.go(60)
        assert (first.works, second.works) == (True, False)
        await put(store, CHANNEL)


async def test_a_holder_that_ends_hands_over_at_once(store, other):
    clock = Time(store, other)
    async with processes(clock, store) as (first,), processes(clock, other) as (second,):
        await clock.go(7)
        first.end.set()
        await clock.go(1)
        assert (first.works, second.works) == (False, True)
        with pytest.raises(LeaseLost):
            await put(store, CHANNEL)
        assert await put(other, CHANNEL) == 0


async def test_a_holder_that_is_silent_is_replaced_after_its_patience_and_writes_nothing_more(store, other):
    clock = Time(store, other)
    await put(store, CHANNEL)
    assert await store.acquire(None, "stopped in the middle")
    (under_way,) = await claim(store)
    async with processes(clock, other) as (second,):
        await clock.go(14)
        assert not second.works
        await clock.go(2)
        assert second.works
        writes = [
            store.renew(),
            store.keep(subscriber()),
            store.erase("telegram", "-1001"),
            claim(store),
            answer(store, under_way, Sent(1)),
            put(store, CHANNEL, key="twice"),
            store.silence(None, NOON, "late"),
        ]
        for one in writes:
            with pytest.raises(LeaseLost):
                await one
        assert [one.id for one in await other.orphans("telegram")] == [under_way.id]
        assert await other.subscriber("telegram", "-1001") is None
        assert await other.told_of("TWICE", 9) == []
        await store.release()  # it is not his to give up
        await clock.go(30)
        assert second.works


async def test_a_holder_that_loses_the_lease_is_told_and_can_have_it_again(store, other):
    clock = Time(store, other)
    async with processes(clock, store) as (first,):
        assert await other.acquire(await other.read(), "another")
        await clock.go(5)
        assert first.lost
        async with processes(clock, store) as (again,):
            await other.release()
            await clock.go(1)
            assert again.works
            await put(store, CHANNEL)


async def test_a_holder_that_renews_is_never_replaced_however_its_own_clock_goes(store, other):
    clock = Time(store, other)
    assert await store.acquire(None, "holder")
    async with processes(clock, other) as (second,):
        for _ in range(10):
            await clock.go(14)
            await store.renew()
        assert not second.works


async def test_of_two_who_see_the_same_lease_one_takes_it(store, other):
    assert await store.read() is None
    assert await store.acquire(None, "first")
    assert not await other.acquire(None, "second")
    seen = await other.read()
    assert seen == Lease("first", 1, 0)
    await store.renew()
    assert not await other.acquire(seen, "second")
    assert await other.acquire(await other.read(), "second")
    assert await store.read() == Lease("second", 2, 0)


async def test_who_never_took_the_lease_writes_freely(store, other):
    assert await store.acquire(None, "holder")
    assert await put(other, CHANNEL) == 0


async def test_who_is_stopped_while_standing_by_ends_without_the_lease(store, other):
    clock = Time(store, other)
    assert await store.acquire(None, "holder")
    async with processes(clock, other) as (second,):
        second.stop.set()
        await clock.go(1)
        assert second.task.done()
        assert not second.works
    assert (await store.read()).holder == "holder"


class Failing:
    """A database that cannot be reached for a while."""

    def __init__(self, database) -> None:
        self.database = database
        self.fails = False

    def __getattr__(self, name):
        if self.fails:
            raise StoreError("database: it cannot be reached")
        return getattr(self.database, name)


async def test_a_database_that_cannot_be_reached_is_asked_again(store):
    clock, failing = Time(store), Failing(store)
    failing.fails = True
    async with processes(clock, failing) as (one,):
        await clock.go(3)
        assert not one.works
        failing.fails = False
        await clock.go(1)
        assert one.works
        failing.fails = True
        await clock.go(60)
        assert one.works
        failing.fails = False
        before = await store.read()
        await clock.go(6)
        assert (await store.read()).beat > before.beat
