"""Loop 1: has a session ended that was not judged yet? Fetch, judge, compose, commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol, TypeVar

import numpy as np

from bot.alerts import Memory, Question, Subject, questions
from bot.baskets import BasketId, assemble
from bot.clock import Clock
from bot.delivery import Delivery, Destination, Event, address
from bot.errors import BotError, NoData, SourceUnreachable
from bot.pipeline import Rulebook, compose, judge, survey
from bot.prices import Bars, Calendar, Calendars, PriceSource, Symbol
from bot.statistics import Board

# A new question looks at this many past sessions in silence, to know of an episode that is already open.
WARM_UP_SESSIONS = 60
# Prices that were not there so many minutes after the close are looked for again a quarter of that time later.
RARER = 1.25

T = TypeVar("T")

log = logging.getLogger(__name__)


class Journal(Protocol):
    """Where the state of alerts is kept."""

    async def memories(self) -> dict[Subject, Memory]:
        """What every rule remembers."""
        ...

    async def commit(
        self, known: Mapping[Subject, Memory], happened: Sequence[Event], deliveries: Sequence[Delivery], /
    ) -> int:
        """Store all of it in one transaction, or nothing; an event whose key is known is not stored again.

        The answer is how many events were known.
        """
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """When a session is final, how long a session without a reading is waited for, and how long an alert is news."""

    settle: timedelta = timedelta(minutes=20)
    patience: timedelta = timedelta(hours=12)
    expiry: timedelta = timedelta(hours=12)


def nothing_known(_symbol: Symbol) -> None:
    """Of a source that keeps nothing."""


@dataclass(slots=True)
class Watch:
    """Judges every session of every basket's calendar once it is final, in order, whatever the clock did.

    `turn` is one look; nothing is fetched while nothing is due. `known` gives what is known of a symbol that the source
    cannot be asked about, None = nothing. `counts` counts what happened, by name.
    """

    source: PriceSource
    calendars: Calendars
    rulebook: Rulebook
    journal: Journal
    destinations: Sequence[Destination]
    languages: Sequence[str]
    clock: Clock
    timing: Timing = Timing()
    known: Callable[[Symbol], Bars | None] = nothing_known
    counts: dict[str, int] = field(default_factory=lambda: {"turns": 0, "sessions": 0, "events": 0, "errors": 0})
    _looked: datetime | None = None  # when the last look that brought prices began

    async def run(self, stop: asyncio.Event, bell: asyncio.Event) -> None:
        """One turn at the start and one at each `bell`, until `stop`. Errors are logged; the next turn tries again."""
        while not stop.is_set():
            bell.clear()
            try:
                await self.turn()
            except BotError as error:
                self.counts["errors"] += 1
                log.warning("this look came to nothing, the next one tries again: %s", error)
            except Exception:
                self.counts["errors"] += 1
                log.exception("watch failed and tries again")
            waits = [asyncio.ensure_future(one.wait()) for one in (stop, bell)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for one in waits:
                one.cancel()

    async def turn(self) -> int:
        """Judge what is due; the answer is how many sessions were."""
        self.counts["turns"] += 1
        memories = await _whole(self.journal.memories())
        now = self.clock.now()
        if not self._anything_due(memories, now):
            return 0
        bars = await self._fetch()
        self._looked = now
        until = int((now - self.timing.settle).timestamp())
        market = await asyncio.to_thread(assemble, self.rulebook.baskets, bars, self.calendars, until)
        del bars  # the tables hold what is needed of them
        for one in market.left_out:
            log.warning("basket %s is left out: no prices of %s", one.basket.id, ", ".join(one.lacking))
        rulebook = replace(self.rulebook, baskets=market.baskets)
        board = survey(market.tables, rulebook)
        speaking = frozenset(memories)
        judged = 0
        for day in self._open_days(board, memories):
            ready = frozenset(
                one for one in questions(board, rulebook.rules) if self._ready(board, one, day, memories, now)
            )
            if ready:
                memories |= await self._judge(board, rulebook, day, memories, ready, speaking)
                judged += 1
        self.counts["sessions"] += judged
        log.info("judged %s sessions of %s baskets", judged, len(market.baskets), extra=self.counts)
        return judged

    def _anything_due(self, memories: Mapping[Subject, Memory], now: datetime) -> bool:
        """Whether some question has not been asked about the latest session that is final in all of its baskets."""
        for rule in self.rulebook.rules:
            for basket in rule.contrast[:1] if rule.contrast else rule.baskets:
                question = Question(rule, basket)
                day = self._latest(question, now)
                if day is None or (memories.get(question.subject, Memory()).judged or date.min) >= day:
                    continue
                if self._worth_a_look(self._close(question, day), now):
                    return True
        return False

    def _worth_a_look(self, close: datetime, now: datetime) -> bool:
        """Whether prices of a session may have come since the last look; the later they are, the rarer are the looks.

        A look that came after all patience has done what can be done: until the next session there are no prices.
        """
        if self._looked is None or self._looked > now:
            return True
        late = self._looked - close
        return late <= max(self.timing.patience, self.timing.expiry) and now - close >= RARER * late

    def _latest(self, question: Question, now: datetime) -> date | None:
        """The latest session of the question's calendar that is final in all of its baskets."""
        calendar = self._calendar(question.basket)
        closed = int(np.searchsorted(calendar.closes, (now - self.timing.settle).timestamp(), side="right"))
        # Two are enough: what was yesterday's session in Seoul is over everywhere when today's is over there.
        days: list[date] = calendar.sessions[max(closed - 2, 0) : closed].tolist()
        return next((day for day in reversed(days) if self._is_final(question, day, now)), None)

    def _is_final(self, question: Question, day: date, now: datetime) -> bool:
        return self._close(question, day) + self.timing.settle <= now

    def _calendar(self, basket: BasketId) -> Calendar:
        return self.calendars.get(next(one.calendar for one in self.rulebook.baskets if one.id == basket))

    async def _fetch(self) -> dict[Symbol, Bars]:
        """One symbol after the other, off the event loop; of what cannot be asked now, the past counts all the same."""
        bars, spares = {}, {}
        symbols = dict.fromkeys(symbol for basket in self.rulebook.baskets for symbol in basket.symbols)
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

    def _open_days(self, board: Board, memories: Mapping[Subject, Memory]) -> list[date]:
        """The final sessions after the earliest one that some question was asked about."""
        days = board.sessions()
        begin = days[-WARM_UP_SESSIONS:][0] if days else date.min
        judged = [memories.get(one.subject, Memory()).judged for one in questions(board, self.rulebook.rules)]
        return [day for day in days if day > min((one or begin for one in judged), default=begin)]

    def _ready(
        self, board: Board, question: Question, day: date, memories: Mapping[Subject, Memory], now: datetime
    ) -> bool:
        """Whether the question is to be asked about `day` now: it is final and next, and its baskets have a reading.

        Without a reading it waits, and with it the later sessions; `patience` after the close it is asked all the same.
        """
        position = board.position(question.basket, day)
        if position is None or not self._is_final(question, day, now):
            return False
        judged = memories.get(question.subject, Memory()).judged
        if judged is None:
            return True
        sessions = board.series[question.basket].sessions
        if judged >= day or (position and judged < sessions[position - 1].item()):
            return False
        complete = all(_has_reading(board, one, day) for one in self._closes(question, day))
        return complete or now - self._close(question, day) > self.timing.patience

    def _closes(self, question: Question, day: date) -> dict[BasketId, datetime]:
        """When the session of `day` closes for each of the question's baskets; without those whose exchange is shut."""
        found, label = {}, np.datetime64(day, "D")
        for basket in question.baskets:
            calendar = self._calendar(basket)
            at = int(np.searchsorted(calendar.sessions, label))
            if (calendar.sessions[at : at + 1] == label).any():
                found[basket] = datetime.fromtimestamp(int(calendar.closes[at]), UTC)
        return found

    def _close(self, question: Question, day: date) -> datetime:
        """When the last of the question's baskets closes; `day` is a session of the first one."""
        return max(self._closes(question, day).values())

    async def _judge(
        self,
        board: Board,
        rulebook: Rulebook,
        day: date,
        memories: Mapping[Subject, Memory],
        ready: frozenset[Question],
        speaking: frozenset[Subject],
    ) -> dict[Subject, Memory]:
        """Ask the questions that are ready about one session, and store answers and messages in one transaction.

        A question that was never asked before learns the past in silence: it speaks only of what is still news.
        `speaking` are the subjects that were known when this turn began.
        """
        now = self.clock.now()
        judgement = judge(board, rulebook, day, memories, only=ready)
        events = []
        for alert in judgement.alerts:
            question = Question(alert.rule, alert.subject.basket)
            close = self._close(question, day)
            due, expires = close + self.timing.settle, close + self.timing.expiry
            if question.subject in speaking or now < expires:
                events.append(compose(board, rulebook, alert, self.languages, due, expires))
        changed = dict(judgement.memories)
        for question in ready:
            known = changed.get(question.subject) or memories.get(question.subject, Memory())
            changed[question.subject] = replace(known, judged=day)
        deliveries = [one for event in events for one in address(event, self.destinations)]
        self.counts["events"] += len(events) - await _whole(self.journal.commit(changed, events, deliveries))
        return changed


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is done to the end even when we are cancelled: half a transaction keeps its lock."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _has_reading(board: Board, basket: BasketId, day: date) -> bool:
    position = board.position(basket, day)
    return position is not None and not np.isnan(board.series[basket].daily_return[position])
