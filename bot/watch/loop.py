"""Loop 1: has a session ended that was not judged yet, and how is the open one? Fetch, judge, compose, commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from bot.alerts import Memory, Subject
from bot.baskets import assemble
from bot.clock import Clock
from bot.delivery import Delivery, Event, Note, address
from bot.errors import BotError, LeaseLost, NoData, SourceUnreachable
from bot.pipeline import Rulebook, survey
from bot.prices import Bars, Calendars, PriceSource, Symbol
from bot.statistics import Board
from bot.watch.due import Due
from bot.watch.live import Twice
from bot.watch.turn import Findings, Setup, Turn

T = TypeVar("T")

log = logging.getLogger(__name__)


class Journal(Protocol):
    """Where the state of alerts is kept."""

    async def memories(self) -> dict[Subject, Memory]:
        """What every rule remembers."""
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


@dataclass(slots=True)
class Watch:
    """Judges every session of every basket's calendar once it is final, in order, whatever the clock did.

    `turn` is one look; nothing is fetched while nothing is due and no exchange is open. `known` gives what is known of
    a symbol that the source cannot be asked about, None = nothing. `board` is the market as it was at the last look,
    `stamps` when its prices are from.
    `trouble` says why the last look came to nothing ("" = it did not). `counts` counts what happened, by name.
    """

    source: PriceSource
    calendars: Calendars
    setup: Setup
    journal: Journal
    clock: Clock
    known: Callable[[Symbol], Bars | None] = nothing_known
    board: Board | None = None
    stamps: Mapping[Symbol, datetime] = field(default_factory=dict)
    looked: datetime | None = None
    trouble: str = ""
    counts: dict[str, int] = field(default_factory=lambda: {"turns": 0, "sessions": 0, "events": 0, "errors": 0})
    _looked_final: datetime | None = None  # when the last look at final sessions that brought prices began
    _twice: Twice = field(default_factory=Twice)

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
        board = await self._fetched(setup, due)
        self.board, self.looked = board, now
        notes = await _whole(self.journal.notes(now))
        turn = Turn(setup, due, board, self.stamps, frozenset(memories), notes)
        judged = 0
        for day in turn.open_days(memories):
            if ready := turn.ready(day, memories):
                memories |= await self._store(setup, turn.judged(day, memories, ready))
                judged += 1
        if final:
            self._looked_final = now
        if open_:
            await self._store(setup, turn.under_way(memories, self._twice))
        self.counts["sessions"] += judged
        log.info("judged %s sessions of %s baskets", judged, len(turn.board.series), extra=self.counts)
        return judged

    async def _fetched(self, setup: Setup, due: Due) -> Board:
        """The market as it is now; baskets of which too little can be had are left out."""
        bars = await self._fetch(setup.rulebook)
        self.stamps = {symbol: one.as_of for symbol, one in bars.items() if one.as_of is not None}
        until = int((due.now - setup.timing.settle).timestamp())
        market = await asyncio.to_thread(assemble, setup.rulebook.baskets, bars, self.calendars, until)
        for one in market.left_out:
            log.warning("basket %s is left out: no prices of %s", one.basket.id, ", ".join(one.lacking))
        return survey(market.tables, replace(setup.rulebook, baskets=market.baskets))

    async def _fetch(self, rulebook: Rulebook) -> dict[Symbol, Bars]:
        """One symbol after the other, off the event loop; of what cannot be asked now, the past counts all the same."""
        bars, spares = {}, {}
        symbols = dict.fromkeys(symbol for basket in rulebook.baskets for symbol in basket.symbols)
        for symbol in symbols:
            try:
                bars[symbol] = await asyncio.to_thread(self.source.bars, symbol)
            except NoData as error:
                log.warning("no prices of %s: %s", symbol, error)
            except SourceUnreachable as error:
                log.warning("no new prices of %s: %s", symbol, error)
                if (known := await asyncio.to_thread(self.known, symbol)) is not None:
                    spares[symbol] = known
        if not bars:
            raise SourceUnreachable(f"none of {len(symbols)} symbols could be had; nothing was judged, nothing is lost")
        return bars | spares

    async def _store(self, setup: Setup, found: Findings) -> Mapping[Subject, Memory]:
        """Answers and messages in one transaction; the answer is what is remembered now."""
        if found.known or found.events:
            deliveries = [one for event in found.events for one in address(event, setup.destinations)]
            commit = self.journal.commit(found.known, found.events, deliveries, setup.subscribers_of)
            self.counts["events"] += len(found.events) - await _whole(commit)
        return found.known


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is done to the end even when we are cancelled: half a transaction keeps its lock."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
