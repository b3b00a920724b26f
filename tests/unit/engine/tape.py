"""A market that is told as time goes by, and a journal in which the power can fail."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from bot.alerts.episodes import Subject, SubjectState
from bot.delivery.model import ChatKind, Delivery, Destination, Note, Notification
from bot.engine.evaluation import EngineConfig
from bot.engine.incidents import Incident, IncidentNotice
from bot.engine.loop import Engine
from bot.engine.results import ResultKey, Results, SessionResult
from bot.engine.schedule import EvaluationTiming
from bot.errors import NoData, SourceUnreachable
from bot.pipeline import Rulebook
from bot.prices.bars import Bars, Symbol
from bot.prices.calendars import Calendar, CalendarCode, exchange_of
from bot.prices.revisions import ClosesBySession
from tests.virtual import VirtualClock
from tests.world import NEW_YORK, World

CHAT = Destination("telegram", "-1001", ChatKind.CHANNEL)
SETTLE = EvaluationTiming().settle


@dataclass
class Tape:
    """What can be known of `world` at the clock's time; it is a PriceSource and a Calendars.

    A row appears when its session opens, and is `live` times what it will be until the session closes. `late` names
    when a close comes that is late, `short` the sessions that close three hours early. Symbols of `down` cannot be had.
    """

    world: World
    clock: VirtualClock
    live: dict[tuple[str, date], float] = field(default_factory=dict)
    late: dict[tuple[str, date], datetime] = field(default_factory=dict)
    short: set[date] = field(default_factory=set)
    down: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    calendars: dict[CalendarCode, Calendar] = field(default_factory=dict)

    def get(self, code: CalendarCode) -> Calendar:
        if code not in self.calendars:
            whole = self.world.get(code)
            early = np.isin(whole.sessions, np.array(sorted(self.short), dtype="datetime64[D]"))
            self.calendars[code] = replace(whole, closes=whole.closes - 3 * 3600 * early)
        return self.calendars[code]

    def close(self, day: date, code: CalendarCode = NEW_YORK) -> datetime:
        """When the session of `day` closes; it must be one."""
        calendar = self.get(code)
        (at,) = np.flatnonzero(calendar.sessions == np.datetime64(day, "D"))
        return datetime.fromtimestamp(int(calendar.closes[at]), UTC)

    def bars(self, symbol: Symbol) -> Bars:
        self.asked.append(symbol)
        if symbol in self.down:
            raise SourceUnreachable(f"{symbol} cannot be asked")
        calendar, now = self.get(exchange_of(symbol)), self.clock.now()
        opened = calendar.sessions[calendar.opens <= now.timestamp()]
        if not len(opened):
            raise NoData(f"{symbol} has not begun")
        whole = self.world.until(opened[-1].item()).bars(symbol)
        price = whole.close.copy()
        for (late, day), then in self.late.items():
            if late == symbol and now < then:
                price[whole.dates == np.datetime64(day, "D")] = math.nan
        newest, high, low = opened[-1].item(), whole.high.copy(), whole.low.copy()
        if now < self.close(newest, calendar.code) and whole.dates[-1] == opened[-1]:
            for prices in (price, high, low):
                prices[-1] *= self.live.get((symbol, newest), 1.0)
        return replace(whole, close=price, adjusted=price, high=high, low=low)


class PowerFailure(Exception):
    """The process is gone."""


@dataclass
class Notebook:
    """A journal in memory. `fails_at` counts commits; with `kept` the power fails after the commit, else before.

    `made` is when each event was stored.
    """

    clock: VirtualClock
    known: dict[Subject, SubjectState] = field(default_factory=dict)
    judged_on: dict[Symbol, ClosesBySession] = field(default_factory=dict)
    results: dict[ResultKey, SessionResult] = field(default_factory=dict)
    events: dict[str, Notification] = field(default_factory=dict)
    made: dict[str, datetime] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    commits: list[Mapping[Subject, SubjectState]] = field(default_factory=list)
    written: list[Note] = field(default_factory=list)
    going_on: dict[Incident, IncidentNotice] = field(default_factory=dict)
    fails_at: int | None = None
    kept: bool = False

    async def session_results(self) -> dict[ResultKey, SessionResult]:
        return dict(self.results)

    async def notes(self, now: datetime) -> list[Note]:
        return [one for one in self.written if one.written <= now < one.until]

    async def open_incidents(self) -> dict[Incident, IncidentNotice]:
        return dict(self.going_on)

    async def evaluated_closes(self) -> dict[Symbol, ClosesBySession]:
        return dict(self.judged_on)

    async def subject_states(self) -> dict[Subject, SubjectState]:
        return dict(self.known)

    async def commit(
        self,
        known: Mapping[Subject, SubjectState],
        happened: Sequence[Notification],
        deliveries: Sequence[Delivery],
        subscribers_of: str | None,
        closes: Mapping[Symbol, ClosesBySession],
        results: Results,
    ) -> int:
        fails = self.fails_at == len(self.commits)
        if fails:
            self.fails_at = None
        if fails and not self.kept:
            raise PowerFailure
        new = [one for one in happened if one.key not in self.events]
        self.known |= known
        self.judged_on |= closes
        self.results |= results
        self.commits.append(known)
        self.events |= {one.key: one for one in new}
        self.made |= {one.key: self.clock.now() for one in new}
        self.deliveries += [one for one in deliveries if one.event in {event.key for event in new}]
        if fails:
            raise PowerFailure
        return len(happened) - len(new)

    def judged(self, basket: str, rule: str = "fall") -> list[date]:
        """The sessions on which a rule was asked about a basket, in the order of the commits."""
        return [
            memory.last_session
            for known in self.commits
            for subject, memory in known.items()
            if (subject.rule, subject.basket, subject.member) == (rule, basket, "") and memory.last_session
        ]

    def said(self, *, news: bool = False) -> list[tuple[date, str, str]]:
        """(session, baskets, severity) of every event in the order of their making; `news` leaves out the expired."""
        return [
            (one.session, "/".join(one.baskets), one.severity.word)
            for one in self.events.values()
            if not news or self.made[one.key] < one.expires
        ]


@dataclass
class Stage:
    """A watch in its world; `restart` makes a new one that knows only what the journal holds."""

    tape: Tape
    book: Rulebook
    journal: Notebook
    timing: EvaluationTiming = field(default_factory=lambda: EvaluationTiming(provisional=False))

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, **changed: object) -> None:
        for name, value in changed.items():
            setattr(self, name, value)
        setup = EngineConfig(self.book, (CHAT,), ("en",), self.timing)
        self.engine = Engine(self.tape, self.tape, setup, self.journal, self.tape.clock)

    def at(self, when: datetime) -> None:
        self.tape.clock.seconds = (when - self.tape.clock.start).total_seconds()

    async def look(self, when: datetime) -> int:
        """One turn at that time."""
        self.at(when)
        return await self.engine.check_prices()

    async def after(self, day: date, code: CalendarCode = NEW_YORK, wait: timedelta = SETTLE) -> int:
        """One turn when the session of `day` has become final."""
        return await self.look(self.tape.close(day, code) + wait)

    async def every(self, step: timedelta, start: datetime, stop: datetime) -> int:
        """Turns from `start` to `stop`; the answer is how many sessions were judged."""
        judged = 0
        while start <= stop:
            judged += await self.look(start)
            start += step
        return judged
