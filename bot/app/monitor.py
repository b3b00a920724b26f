"""How do the loops stand, as it is shown to those who look, and told to the operators when it changes?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.adapters.database.database import Database
from bot.app.office import Office
from bot.clock import Clock
from bot.errors import StoreError
from bot.health import Health, Report, Sign, Standing, Vitals, examine
from bot.lease import LeaderLease
from bot.settings.load import Settings
from bot.watch.loop import Telling
from bot.watch.troubles import State, Trouble, Troubles

PATIENCE = 3.0  # seconds that the database is given for an answer
EVERY = 10.0  # seconds between looks at the vital signs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """What only the database knows; `trouble` says why it did not tell ("" = it did)."""

    trouble: str = ""
    epoch: int | None = None
    waiting: int | None = None
    oldest: datetime | None = None
    troubles: Troubles = field(default_factory=Troubles)


class Monitor:
    """Reads the vital signs of whatever runs: the loops of an office, or nothing while another process works.

    `settings` are those of the start: the pace of the loops does not change before the next one.
    """

    def __init__(self, settings: Settings, clock: Clock, database: Database, tenancy: LeaderLease) -> None:
        self._settings = settings
        self._clock = clock
        self._database = database
        self._tenancy = tenancy
        self._asking: asyncio.Task[Stored] | None = None
        self._known: Troubles | None = None
        self.begin(None)

    def begin(self, office: Office | None) -> None:
        """From now on these loops are looked after; None = this process stands by."""
        self._office, self._since = office, self._clock.monotonic()
        self._known = None

    async def close(self) -> None:
        """Wait for what was asked of the database."""
        if self._asking is not None:
            await asyncio.wait([self._asking])

    def vitals(self) -> Vitals:
        office, failing = self._office, [self._tenancy.trouble]
        if office is None:
            return Vitals(self._since, works=False, failing=tuple(filter(None, failing)))
        watch, dispatch, converse = office.watch, office.dispatch, office.converse
        failing += [dispatch.trouble, watch.trouble if watch.broken else ""]
        return Vitals(
            since=self._since,
            works=True,
            poll=60.0 * self._settings.schedule.poll_minutes,
            request=self._settings.source.deadline_seconds,
            evaluated=watch.evaluated,
            moved=watch.moved,
            resting=watch.resting,
            trouble=watch.trouble,
            listens=converse is not None,
            heard=converse.listened if converse is not None else None,
            failing=tuple(filter(None, failing)),
        )

    def health(self) -> Health:
        return examine(self.vitals(), self._clock.monotonic())

    async def report(self) -> Report:
        """Everything that may be shown; the database is asked once at a time and not waited for long."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait([self._asking], timeout=PATIENCE)
        stored = self._asking.result() if done else Stored(f"the database has not answered for {PATIENCE:g} s")
        health, vitals, office = self.health(), self.vitals(), self._office
        if stored.trouble:
            health = replace(health, wrong={Sign.WORK: stored.trouble, **health.wrong})
        report = Report(
            now=self._clock.now(),
            health=health,
            since=self._when(vitals.since),
            epoch=stored.epoch,
            evaluated=None if vitals.evaluated is None else self._when(vitals.evaluated),
            listens=vitals.listens,
            heard=None if vitals.heard is None else self._when(vitals.heard),
            troubles=tuple(stored.troubles.known.values()),
            waiting=stored.waiting,
            oldest=stored.oldest,
        )
        return report if office is None else _with_loops(report, office)

    async def run(self, stop: asyncio.Event, tell: Callable[[Sequence[Telling]], Awaitable[None]]) -> None:
        """Tell the operators once when a vital sign is missed, and once when it is back, until `stop`."""
        ended = asyncio.ensure_future(stop.wait())
        while not (await asyncio.wait([ended], timeout=EVERY))[0]:
            try:
                await self.look(tell)
            except StoreError as error:
                log.info("the operators cannot be told how the bot is, the next look tries again: %s", error)

    async def look(self, tell: Callable[[Sequence[Telling]], Awaitable[None]]) -> None:
        """One look at the vital signs; raises StoreError, and then the next one tells all of it."""
        if self._known is None:
            self._known = Troubles(await self._database.troubles()).of_the_bot
        health = self.health()
        found = {Trouble(State.UNWELL, sign): said for sign, said in health.wrong.items()}
        if health.starting:  # what was wrong before the start may be so still
            found = {one: was.detail for one, was in self._known.known.items()} | found
        known, told = self._known.after(found, self._clock.now())
        if told:
            await tell(told)
        self._known = known

    async def _ask(self) -> Stored:
        try:
            lease = await self._database.read()
            waiting, oldest = None, None
            if self._office is not None:
                waiting, oldest = await self._database.waiting(self._office.dispatch.transport_name)
            known = Troubles(await self._database.troubles())
        except StoreError as error:
            return Stored(str(error))
        return Stored("", lease.epoch if lease else None, waiting, oldest, known)

    def _when(self, moment: float) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic() - moment)


def _with_loops(report: Report, office: Office) -> Report:
    watch, converse = office.watch, office.converse
    baskets = watch.setup.rulebook.baskets
    counted = {"watch": watch.counts, "dispatch": office.dispatch.counts}
    if converse is not None:
        counted["converse"] = converse.counts
    return replace(
        report,
        look=watch.last,
        baskets=tuple(Standing(one.id, one.name("en"), watch.judged.get(one.id)) for one in baskets),
        counts={loop: dict(counts) for loop, counts in counted.items()},  # others read them while we go on
    )
