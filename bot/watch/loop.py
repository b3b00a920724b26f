"""Loop 1: has a session ended that was not judged yet, and how is the open one? Fetch, judge, compose, commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeVar

from bot.alerts import Memory, Subject
from bot.baskets import assemble
from bot.clock import Clock
from bot.delivery import Delivery, Event, Note, address
from bot.errors import BotError, LeaseLost, NoData, SourceUnreachable
from bot.pipeline import Rulebook, survey
from bot.prices import Bars, Calendars, Kind, PriceSource, Symbol, exchange_of, undone
from bot.statistics import Board
from bot.watch.agreement import Doubted
from bot.watch.due import Due, has_reading
from bot.watch.gate import Gate, Screened
from bot.watch.illustrating import Studio, illustrated
from bot.watch.live import Twice
from bot.watch.troubles import Notice, State, Trouble, Troubles, Unsure
from bot.watch.turn import Findings, Setup, Turn

T = TypeVar("T")
Telling = Notice | Unsure

# More symbols missing at once are an outage of the source, whatever it says of each.
OUTAGE_SHARE = 0.2

log = logging.getLogger(__name__)


class Journal(Protocol):
    """Where the state of alerts is kept."""

    async def memories(self) -> dict[Subject, Memory]:
        """What every rule remembers."""
        ...

    async def published(self, keys: Collection[str], /) -> Collection[str]:
        """Those of `keys` whose events are stored."""
        ...

    async def notes(self, now: datetime, /) -> Sequence[Note]:
        """What the operator wants to stand beside alerts at `now`."""
        ...

    async def commit(
        self,
        known: Mapping[Subject, Memory],
        happened: Sequence[Event],
        deliveries: Sequence[Delivery],
        subscribers_of: str | None = None,
        /,
    ) -> int:
        """Store all of it in one transaction, or nothing; an event whose key is known is not stored again.

        Events go to `deliveries` and to everybody who subscribed with the transport `subscribers_of`. The answer is
        how many events were known.
        """
        ...


def nothing_known(_symbol: Symbol) -> None:
    """Of a source that keeps nothing."""


async def log_only(told: Sequence[Telling]) -> None:
    """Of a bot whose operators read the log."""
    for one in told:
        log.warning("for the operators: %s", one)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the source gave, or what is known from before; `missing` could not be had now, each with the reason."""

    bars: Mapping[Symbol, Bars]
    missing: Mapping[Symbol, str]
    asked: int

    @property
    def outage(self) -> bool:
        return len(self.missing) > max(1, OUTAGE_SHARE * self.asked)


@dataclass(slots=True)
class Watch:
    """Judges every session of every basket's calendar once it is final, in order, whatever the clock did.

    `turn` is one look; nothing is fetched while nothing is due and no exchange is open. `known` gives what is known of
    a symbol that the source cannot be asked about, None = nothing. `gate` doubts prices (None = all are believed), and
    `second` is asked about a doubtful one. `tell` carries to the operators what is for them alone; `revised` hears of
    corrected closes: the market as it was read before, and as it is read now. `studio` draws the alerts' charts
    (None = there are none).

    `board` is the market as it was at the last look, without what was doubtful, `stamps` when its prices are from.
    `trouble` says why the last look came to nothing ("" = it did not). `counts` counts what happened, by name.
    """

    source: PriceSource
    calendars: Calendars
    setup: Setup
    journal: Journal
    clock: Clock
    known: Callable[[Symbol], Bars | None] = nothing_known
    gate: Gate | None = None
    second: Callable[[Symbol], Bars | None] | None = None
    tell: Callable[[Sequence[Telling]], Awaitable[None]] = log_only
    revised: Callable[[Board, Board], Awaitable[None]] | None = None
    studio: Studio | None = None
    board: Board | None = None
    stamps: Mapping[Symbol, datetime] = field(default_factory=dict)
    looked: datetime | None = None
    trouble: str = ""
    counts: dict[str, int] = field(default_factory=lambda: {"turns": 0, "sessions": 0, "events": 0, "errors": 0})
    _looked_final: datetime | None = None  # when the last look at final sessions that brought prices began
    _twice: Twice = field(default_factory=Twice)
    _troubles: Troubles = field(default_factory=Troubles)
    _unsure: frozenset[str] = frozenset()  # keys of what was told as unconfirmed of sessions under way

    async def run(self, stop: asyncio.Event, bell: asyncio.Event) -> None:
        """One turn at the start and one at each `bell`, until `stop`. Errors are logged; the next turn tries again."""
        while not stop.is_set():
            bell.clear()
            try:
                await self.turn()
                self.trouble = ""
            except LeaseLost:
                raise
            except BotError as error:
                self.counts["errors"] += 1
                self.trouble = str(error)
                log.warning("this look came to nothing, the next one tries again: %s", error)
            except Exception as error:
                self.counts["errors"] += 1
                self.trouble = f"{type(error).__name__}: our bug"
                log.exception("watch failed and tries again")
            waits = [asyncio.ensure_future(one.wait()) for one in (stop, bell)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for one in waits:
                one.cancel()

    async def turn(self) -> int:
        """Judge what is due, and look at what is open; the answer is how many sessions were judged as final."""
        self.counts["turns"] += 1
        setup, now = self.setup, self.clock.now()
        memories = await _whole(self.journal.memories())
        due = Due(setup.rulebook, self.calendars, setup.timing, now)
        final, open_ = due.anything(memories, self._looked_final), setup.timing.provisional and due.anything_open()
        if not (final or open_ or (setup.subscribers_of and self.board is None)):
            return 0
        if self.studio is not None and setup.charts and (final or self._twice.waits):
            self.studio.open()
        turn, fresh, troubles = await self._look(due, frozenset(memories))
        judged = 0
        for day in turn.open_days(memories):
            if ready := turn.ready(day, memories):
                known = await self.store(setup, turn.judged(day, memories, ready))
                memories |= known
                judged += bool(known)
        if final and not (turn.doubted and turn.doubted.waiting):
            self._looked_final = now
        if open_ and fresh:
            await self._provisional(turn, memories)
        await self._notice(troubles, now)
        self.counts["sessions"] += judged
        log.info("judged %s sessions of %s baskets", judged, len(turn.board.series), extra=self.counts)
        return judged

    async def _provisional(self, turn: Turn, memories: Mapping[Subject, Memory]) -> None:
        """Look at the sessions that are not over; what is unconfirmed there is told once, not at every look."""
        found = turn.under_way(memories, self._twice)
        new = tuple(one for one in found.unsure if one.event.key not in self._unsure)
        self._unsure = frozenset(one.event.key for one in found.unsure)
        await self.store(turn.setup, replace(found, unsure=new))

    async def _revise(self, due: Due, bars: Mapping[Symbol, Bars], after: Board) -> None:
        """Say which closes were corrected; nobody else does so again."""
        changes = [change for one in bars.values() for change in one.revised]
        for change in changes:
            log.info("the close of %s on %s was corrected: %s, now %s", *astuple(change))
        if changes and self.revised is not None:
            before = {symbol: undone(one, one.revised) for symbol, one in bars.items()}
            await _whole(self.revised(await self._surveyed(due, before), after))

    async def _look(self, due: Due, speaking: frozenset[Subject]) -> tuple[Turn, bool, Mapping[Trouble, str]]:
        """The market as it is now, twice if some of it is doubtful; whether it is fresh; and what is wrong with it.

        The bars end here: together they are half as large as the figures that judging brings.
        """
        fetched = await self._fetch(due.rulebook)
        notes = await _whole(self.journal.notes(due.now))
        screened = Screened(fetched.bars, fetched.bars)
        if self.gate is not None:
            circles = [basket.symbols for basket in self.setup.rulebook.baskets]
            look = self.gate.look
            screened = await asyncio.to_thread(look, fetched.bars, circles, self.calendars, due.now, self.second)
        for doubt in screened.new:
            log.warning("a price is not believed: %s", doubt)
        self.stamps = {symbol: one.as_of for symbol, one in fetched.bars.items() if one.as_of is not None}
        board = await self._surveyed(due, screened.excluded)
        doubted = None
        if screened.doubtful:
            whole = await self._surveyed(due, screened.included)
            doubted = Doubted(whole, screened.doubtful, screened.waiting & screened.doubtful)
        self.board, self.looked = board, due.now
        await self._revise(due, screened.excluded, board)
        turn = Turn(self.setup, due, board, self.stamps, speaking, notes, doubted)
        return turn, screened.fresh, _troubles(due, turn, fetched, screened)

    async def _surveyed(self, due: Due, bars: Mapping[Symbol, Bars]) -> Board:
        """The figures of all baskets; those of which too little can be had are left out."""
        until = int((due.now - self.setup.timing.settle).timestamp())
        market = await asyncio.to_thread(assemble, due.rulebook.baskets, bars, self.calendars, until)
        for one in market.left_out:
            log.warning("basket %s is left out: no prices of %s", one.basket.id, ", ".join(one.lacking))
        return survey(market.tables, replace(due.rulebook, baskets=market.baskets))

    async def _notice(self, found: Mapping[Trouble, str], now: datetime) -> None:
        """Tell the operators of troubles that began or ended."""
        self._troubles, told = self._troubles.after(found, now)
        if told:
            await _whole(self.tell(told))

    async def _fetch(self, rulebook: Rulebook) -> Fetched:
        """One symbol after the other, off the event loop; of what cannot be asked now, the past counts all the same.

        That a symbol is unknown is believed of a few symbols only: of many at once it means that the source is down.
        """
        bars, missing, unknown = {}, {}, set()
        symbols = dict.fromkeys(symbol for basket in rulebook.baskets for symbol in basket.symbols)
        for symbol in symbols:
            try:
                bars[symbol] = await asyncio.to_thread(self.source.bars, symbol)
            except NoData as error:
                log.warning("no prices of %s: %s", symbol, error)
                missing[symbol] = str(error)
                unknown.add(symbol)
            except SourceUnreachable as error:
                log.warning("no new prices of %s: %s", symbol, error)
                missing[symbol] = str(error)
        fetched = Fetched(bars, missing, len(symbols))
        if not bars:
            await self._notice({Trouble(State.OUTAGE): _seen(fetched)}, self.clock.now())
            raise SourceUnreachable(f"none of {len(symbols)} symbols could be had; nothing was judged, nothing is lost")
        spares = missing if fetched.outage else [one for one in missing if one not in unknown]
        for symbol in spares:
            if (known := await asyncio.to_thread(self.known, symbol)) is not None:
                bars[symbol] = known
        return fetched

    async def store(self, setup: Setup, found: Findings) -> Mapping[Subject, Memory]:
        """Answers and messages, with their pictures, in one transaction; the answer is what is remembered now."""
        if found.known or found.events:
            events = found.events if self.studio is None else await illustrated(found.events, self.studio)
            deliveries = [one for event in events for one in address(event, setup.destinations)]
            commit = self.journal.commit(found.known, events, deliveries, setup.subscribers_of)
            self.counts["events"] += len(events) - await _whole(commit)
        if found.unsure:
            await _whole(self.tell(found.unsure))
        return found.known


def _troubles(due: Due, turn: Turn, fetched: Fetched, screened: Screened) -> dict[Trouble, str]:
    """Everything that is wrong at a look, each with what was seen of it."""
    found = {Trouble(State.OUTAGE): _seen(fetched)} if fetched.outage else {}
    for doubt in screened.open:
        stale = doubt.kind is Kind.STALE
        about = exchange_of(doubt.symbol) if stale else doubt.symbol
        found.setdefault(Trouble(State.STALE if stale else State.DOUBTFUL, about), str(doubt))
    for basket in due.rulebook.baskets:
        day = due.final_session(basket.id)
        board = turn.doubted.board if turn.doubted else turn.board
        if day is not None and not (basket.id in board.series and has_reading(board, basket.id, day)):
            found[Trouble(State.NO_READING, basket.id)] = f"session {day}"
    return found


def _seen(fetched: Fetched) -> str:
    first = next(iter(fetched.missing.values()))
    return f"{len(fetched.missing)} of {fetched.asked} symbols cannot be had: {first}"


async def _whole(work: Awaitable[T]) -> T:
    """The result of `work`, which is done to the end even when we are cancelled: half a transaction keeps its lock."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
