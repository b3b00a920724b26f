"""Loop 1: has a session ended that was not judged yet, and how is the open one? Fetch, judge, compose, commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial

from bot.alerts.episodes import Subject, SubjectState
from bot.baskets import BasketId, assemble_market
from bot.clock import Clock
from bot.delivery.model import Notification, route
from bot.errors import BotError, ClockJumped, LeaseLost, NoData, SourceUnreachable, short_message
from bot.pipeline import add_notes, measure_market
from bot.prices.bars import Bars, PriceSource, Symbol
from bot.prices.calendars import CalendarProvider
from bot.prices.revisions import Closes, undone
from bot.statistics.market_stats import MarketStats
from bot.watch.agreement import Doubted
from bot.watch.due import Due
from bot.watch.fetching import Fetched, fetch, found_wrong
from bot.watch.gate import Gate, Screened
from bot.watch.grounds import Grounds, footed
from bot.watch.illustrating import Studio, illustrated
from bot.watch.journal import Journal, whole
from bot.watch.kept import Kept, nothing_known
from bot.watch.live import Twice
from bot.watch.look import Look
from bot.watch.press import Press
from bot.watch.troubles import Notice, State, Trouble, Troubles, Unjudged, Unsure
from bot.watch.turn import Findings, Setup, Turn, judged_until

Telling = Notice | Unsure | Unjudged

COUNTED = ("turns", "sessions", "events", "amended", "errors")

log = logging.getLogger(__name__)


async def log_only(told: Sequence[Telling]) -> None:
    """Of a bot whose operators read the log."""
    for one in told:
        log.warning("for the operators: %s", one)


@dataclass(slots=True)
class Watch:
    """Judges every session of every basket's calendar once it is final, in order, whatever the clock did.

    `turn` is one look; nothing is fetched while nothing is due and no exchange is open, and otherwise what may have
    changed. `known` gives what is known of a symbol that the source cannot be asked about, None = nothing. `gate`
    doubts prices (None = all are believed). `studio` draws the alerts' charts (None = there are none), and `press` is
    asked about what was told. `tell` carries to the operators what is for them alone, and what it is given of troubles
    must outlast a restart; `revised` hears of corrected closes: the market as it was read before, this look and what is
    remembered, and answers what is remembered otherwise now. `jumped` says before each look how far the clock has
    jumped; while it has, there is none. `completed` is called after each complete look, also one at which nothing was
    due.

    `board` is the market as it was at the last look, without what was doubtful, `stamps` when its prices are from.
    `trouble` says why the last look came to nothing ("" = it did not), `broken` that this was not the source's doing.
    `counts` counts what happened, by name. `evaluated` is when a look was last complete, `moved` when the loop last got
    on, both monotonic; while it is `resting`, it waits for the bell.
    """

    source: PriceSource
    calendars: CalendarProvider
    setup: Setup
    journal: Journal
    clock: Clock
    known: Callable[[Symbol], Bars | None] = nothing_known
    gate: Gate | None = None
    press: Press = field(default_factory=Press)
    tell: Callable[[Sequence[Telling]], Awaitable[None]] = log_only
    revised: (
        Callable[[MarketStats, Turn, Mapping[Subject, SubjectState]], Awaitable[Mapping[Subject, SubjectState]]] | None
    ) = None
    completed: Callable[[], None] = lambda: None
    jumped: Callable[[], timedelta] = timedelta  # none: of a clock that does not jump
    studio: Studio | None = None
    board: MarketStats | None = None
    stamps: Mapping[Symbol, datetime] = field(default_factory=dict)
    looked: datetime | None = None
    trouble: str = ""
    broken: bool = False
    evaluated: float | None = None
    moved: float | None = None
    resting: bool = False
    last: Look | None = None
    judged: Mapping[BasketId, date] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    _memories: dict[Subject, SubjectState] | None = (
        None  # as the journal has them: nobody else writes there while we may
    )
    _closes: dict[Symbol, Closes] = field(default_factory=dict)  # read with them
    _looked_final: datetime | None = None  # when the last look at final sessions that brought prices began
    _twice: Twice = field(default_factory=Twice)
    _kept: Kept = field(default_factory=Kept)
    _look: Look = field(default_factory=lambda: Look(0.0))
    _troubles: Troubles | None = None  # not read yet
    _unsure: frozenset[str] = frozenset()  # keys of what was told as unconfirmed of sessions under way

    async def run(self, stop: asyncio.Event, bell: asyncio.Event) -> None:
        """One turn at the start and one at each `bell`, until `stop`. Errors are logged; the next turn tries again."""
        try:
            await self._run(stop, bell)
        finally:
            await self.press.close()

    async def _run(self, stop: asyncio.Event, bell: asyncio.Event) -> None:
        while not stop.is_set():
            bell.clear()
            self.resting = False
            try:
                await self.turn()
            except LeaseLost:
                raise
            except BotError as error:
                self._failed(error, broken=not isinstance(error, SourceUnreachable | NoData))
                facts = self._look.facts()
                log.warning("this look came to nothing, the next one tries again: %s", error, extra=facts)
            except Exception as error:
                self._failed(error, broken=True)
                log.exception("watch failed and tries again", extra=self._look.facts())
            else:
                self.trouble, self.broken, self.evaluated = "", False, self.clock.monotonic()
                self.completed()
                log.info("look complete", extra=self._look.facts())
            self._move(resting=True)
            waits = [asyncio.ensure_future(one.wait()) for one in (stop, bell)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for one in waits:
                one.cancel()

    async def turn(self) -> int:
        """Judge what is due, and look at what is open; the answer is how many sessions were judged as final."""
        self.counts["turns"] += 1
        look = self._look = Look(self.clock.monotonic(), config=self.setup.config)
        self._move()
        try:
            if jump := self.jumped():
                raise ClockJumped(jump)
            await self._turn(look)
        finally:
            if self.board is not None:
                self.board.forget()  # the next look has room for its own, and whoever asks waits a moment longer
            look.seconds = self.clock.monotonic() - look.began
            self.counts["sessions"] += look.sessions
            self.counts["events"] += look.events
            self.last = look
        return look.sessions

    async def _turn(self, look: Look) -> None:
        setup, now = self.setup, self.clock.now()
        if self._memories is None:
            self._memories = await whole(self.journal.memories())
            self._closes = await whole(self.journal.closes())
        if self._troubles is None:
            self._troubles = Troubles(await whole(self.journal.troubles())).of_prices
        look.troubles = len(self._troubles.known)
        memories = self._memories
        due = Due(setup.rulebook, self.calendars, setup.timing, now)
        final, open_ = due.anything(memories, self._looked_final), bool(due.open_baskets())
        first = setup.subscribers_of is not None and self.board is None
        look.due = [name for name, holds in (("final", final), ("open", open_), ("first", first)) if holds]
        look.next = due.next()
        if not look.due:
            self.judged = judged_until(memories)
            return
        self._memories = None  # whatever breaks off this look, the next one reads what was really stored
        if self.studio is not None and setup.charts and (final or self._twice.waits):
            self.studio.open()
        turn, fresh, troubles, before = await self._survey(setup, due, memories)
        if before is not None and self.revised is not None:
            memories |= await whole(self.revised(before, turn, memories))
            before = None
        memories |= await self._publish(turn, turn.abandoned(memories))
        await self._judge(turn, memories)
        if final and not (turn.doubted and turn.doubted.waiting):
            self._looked_final = now
        if open_ and fresh:
            memories |= await self._provisional(turn, memories)
        await self._notice(troubles, now)
        self._memories = memories

    async def _judge(self, turn: Turn, memories: dict[Subject, SubjectState]) -> None:
        """Every session that is ready, in order; `memories` learns of it.

        Operators hear before anything is stored: a process that dies in between tells them again, and not never.
        """
        found: list[Findings] = []
        unread: list[tuple[BasketId, date]] = []
        for day in turn.open_days(memories):
            if ready := turn.ready(day, memories):
                found.append(await _aside(turn, partial(turn.judged, day, memories, ready)))
                memories |= found[-1].known
                unread += [(basket, day) for basket in sorted(found[-1].unread)]
        if unread:
            await whole(self.tell([Unjudged(tuple(unread))]))
        for one in found:
            await self._publish(turn, one)
            self._look.sessions += bool(one.known)
        self.judged = judged_until(memories)

    def _failed(self, error: Exception, *, broken: bool) -> None:
        self.counts["errors"] += 1
        self.trouble, self.broken = short_message(error), broken

    def _move(self, *, resting: bool = False) -> None:
        self.moved, self.resting = self.clock.monotonic(), resting

    async def _provisional(
        self, turn: Turn, memories: Mapping[Subject, SubjectState]
    ) -> Mapping[Subject, SubjectState]:
        """Look at the sessions that are not over; what is unconfirmed there is told once, not at every look.

        The answer is what is remembered now.
        """
        found = await _aside(turn, partial(turn.under_way, memories, self._twice))
        new = tuple(one for one in found.unsure if one.event.key not in self._unsure)
        self._unsure = frozenset(one.event.key for one in found.unsure)
        before = self._look.events
        known = await self._publish(turn, replace(found, unsure=new))
        self._look.provisional += self._look.events - before
        return known

    async def _publish(self, turn: Turn, found: Findings) -> Mapping[Subject, SubjectState]:
        """Store what was found, and only then ask the press; the answer is what is remembered now."""
        stored = await self.store(turn.setup, found)
        if self.press.sources:
            self.press.ask(turn.inquiries(stored), self.clock.now(), partial(self._amend, turn.setup))
        return stored.known

    async def _before(self, due: Due, bars: Mapping[Symbol, Bars], grounds: Grounds) -> MarketStats | None:
        """The market as it read when it was judged, if closes were corrected since."""
        if self.revised is None or not grounds.changes:
            return None
        for change in [change for found in grounds.changes.values() for change in found]:
            log.info("the close of %s on %s was corrected: %s, now %s", *astuple(change))
        read = dict(bars) | {symbol: undone(bars[symbol], one) for symbol, one in grounds.changes.items()}
        return await asyncio.to_thread(self._surveyed, due, read)

    async def _survey(
        self, setup: Setup, due: Due, memories: Mapping[Subject, SubjectState]
    ) -> tuple[Turn, bool, Mapping[Trouble, str], MarketStats | None]:
        """The market as it is now, twice if some of it is doubtful; whether it is fresh; what is wrong with it; and, if
        closes were corrected, the market as it read before. The bars end here: they take much room.
        """
        fetched = await self._fetch(due, memories)
        screened = Screened(fetched.bars, fetched.bars)
        if self.gate is not None:
            circles = [basket.symbols for basket in due.rulebook.baskets]
            look = self.gate.look
            bars = footed(self._closes, fetched.bars, due.calendars, due.now)
            screened = await asyncio.to_thread(look, bars, circles, due.calendars, due.now)
        self._look.doubts = len(screened.open)
        self._move()
        for doubt in screened.new:
            log.warning("a price is not believed: %s", doubt)
        self.stamps = {symbol: one.as_of for symbol, one in fetched.bars.items() if one.as_of is not None}
        self.board, self.looked = await asyncio.to_thread(self._surveyed, due, screened.excluded), due.now
        doubted = None
        if screened.doubtful:
            complete = await asyncio.to_thread(self._surveyed, due, screened.included)
            halves = tuple(partial(self._surveyed, due, one) for one in screened.halves)
            doubted = Doubted(complete, screened.doubtful, screened.waiting & screened.doubtful, halves)
        self._move()
        grounds = Grounds.of(self._closes, screened.excluded, due.calendars, due.now)
        before = await self._before(due, screened.excluded, grounds)
        turn = Turn(setup, due, self.board, self.stamps, frozenset(memories), doubted, grounds)
        return turn, screened.fresh, found_wrong(due, turn, fetched, screened, self._going_on.known), before

    def _surveyed(self, due: Due, bars: Mapping[Symbol, Bars]) -> MarketStats:
        """The figures of all baskets; those of which too little can be had are left out."""
        until = int((due.now - due.timing.settle).timestamp())
        market = assemble_market(due.rulebook.baskets, bars, due.calendars, until)
        for one in market.left_out:
            log.warning("basket %s is left out: no prices of %s", one.basket.id, ", ".join(one.lacking))
        return measure_market(market.tables, replace(due.rulebook, baskets=market.baskets))

    async def _notice(self, found: Mapping[Trouble, str], now: datetime) -> None:
        """Tell the operators of troubles that began or ended."""
        troubles, told = self._going_on.after(found, now)
        if told:
            await whole(self.tell(told))
        self._troubles, self._look.troubles = troubles, len(troubles.known)

    @property
    def _going_on(self) -> Troubles:
        assert self._troubles is not None  # a look begins with reading them
        return self._troubles

    async def _fetch(self, due: Due, memories: Mapping[Subject, SubjectState]) -> Fetched:
        """What is wanted now, one symbol after the other, off the event loop, and what was had of the others.

        Of what cannot be had now, the past counts all the same; so one that is gone costs coverage until the
        configuration says so.
        """
        watched = due.rulebook.symbols
        wanted = due.wanted(memories, self._kept.since)
        had = await self._kept.still([one for one in watched if one not in wanted], self.known)
        wanted = [one for one in watched if one not in had]
        fetched = await fetch(self.source, wanted, watched, self._move)
        bars, missing = dict(fetched.bars), fetched.missing
        self._look.symbols, self._look.missing = len(wanted), len(missing)
        if not bars and (fetched.outage or not had or len(fetched.unknown) < len(wanted)):
            # Of what else is wrong nothing was seen: it goes on.
            going_on = {one: was.detail for one, was in self._going_on.known.items()}
            await self._notice({**going_on, Trouble(State.OUTAGE): fetched.seen}, self.clock.now())
            raise SourceUnreachable(f"none of {len(wanted)} symbols could be had; nothing was judged, nothing is lost")
        self._kept.keep(bars, due.now, self.known)
        for symbol in missing:
            if (known := await asyncio.to_thread(self.known, symbol)) is not None:
                bars[symbol] = known
        return replace(fetched, bars=had | bars)

    async def store(self, setup: Setup, found: Findings) -> Findings:
        """Answers and messages, with pictures and known headlines, in one transaction.

        The answer has the operator's notes, but no headlines yet.
        """
        if found.unsure:  # before the answers are stored, which are not asked for again
            self._look.unsure += len(found.unsure)
            await whole(self.tell(found.unsure))
        notes = await whole(self.journal.notes(self.clock.now())) if found.events else ()
        events = tuple(add_notes(one, notes) for one in found.events)
        closes = {symbol: one for symbol, one in found.closes.items() if one != self._closes.get(symbol)}
        if found.known or events or closes:
            told = tuple(map(self.press.beside, events))
            told = told if self.studio is None else await illustrated(told, self.studio)
            known = await self._commit(setup, found.known, told, closes)
            self._closes |= closes
            self._look.events += len(events) - known
            self._look.known += known
            self._move()
        return replace(found, events=events)

    async def _amend(self, setup: Setup, events: Sequence[Notification]) -> None:
        self.counts["amended"] += len(events) - await self._commit(setup, {}, events, {})

    async def _commit(
        self,
        setup: Setup,
        known: Mapping[Subject, SubjectState],
        events: Sequence[Notification],
        closes: Mapping[Symbol, Closes],
    ) -> int:
        """The answer is how many of `events` were stored before."""
        events = [replace(one, config=setup.config) for one in events]
        deliveries = [one for event in events for one in route(event, setup.destinations)]
        return await whole(self.journal.commit(known, events, deliveries, setup.subscribers_of, closes))


async def _aside(turn: Turn, judge: Callable[[], Findings]) -> Findings:
    """Where half of what is doubtful is looked at, markets are made anew for it: that takes too long for the loop."""
    return await asyncio.to_thread(judge) if turn.doubted is not None and turn.doubted.halves else judge()
