"""Loop 1, the scheduled price check: decide what is due, fetch, evaluate, commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, astuple, dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain

from bot.alerts.episodes import Subject, SubjectState, SubjectStates
from bot.baskets import BasketId
from bot.clock import Clock
from bot.engine.confirmation import Debounce
from bot.engine.corrections import Corrections
from bot.engine.enrichment import ChartRenderer, HeadlineRequest, HeadlineService, with_charts
from bot.engine.evaluation import Changes, EngineConfig, Evaluation, last_evaluated, market_stats
from bot.engine.fetching import Failure, Failures, RecentRows, fetch_bars, is_outage, no_history, outage_detail
from bot.engine.incidents import (
    Incident,
    IncidentKind,
    OpenIncidents,
    OperatorNotice,
    UnevaluatedSessions,
    find_incidents,
    update_incidents,
)
from bot.engine.schedule import Schedule
from bot.engine.store import AlertStore, CheckSummary, commit, run_to_completion
from bot.errors import BotError, ClockJumped, LeaseLost, NoData, SourceUnreachable, short_message
from bot.pipeline import add_notes
from bot.prices.bars import Bars, PriceSource, Symbol
from bot.prices.calendars import CalendarProvider
from bot.prices.quality_filter import FilteredPrices, QualityFilter
from bot.prices.revisions import ClosesBySession, with_rescale_factor
from bot.statistics.market_stats import MarketStats

COUNTS = ("turns", "sessions", "events", "amended", "errors")

log = logging.getLogger(__name__)


async def log_notices(notices: Sequence[OperatorNotice]) -> None:
    """Write notices to the log alone."""
    for notice in notices:
        log.warning("for the operators: %s", notice)


@dataclass(slots=True)
class Engine:
    """The scheduled price check. Evaluates each final session of each basket's calendar once and in order.

    This also holds after downtime or a clock change. Errors of the source and the store are logged and retried;
    LeaseLost ends the loop.

    `load_history` returns the stored history of an unavailable symbol (None = there is none). Without a
    `quality_filter` all prices are accepted, without a `renderer` there are no charts. `notify` must store notices
    about incidents durably. While the clock has jumped (`clock_jump`), nothing is checked.

    `stats` are the statistics of the last check without suspect prices, `price_times` the times of its prices.
    `last_error` is why the last check failed ("" = it did not), and `internal_error` that the source is not to blame.
    `completed_at` is when a check was last complete and `progressed_at` when the loop last made progress, both
    monotonic; while it is `idle`, it waits for the bell.
    """

    source: PriceSource
    calendars: CalendarProvider
    config: EngineConfig
    store: AlertStore
    clock: Clock
    _: KW_ONLY
    load_history: Callable[[Symbol], Bars | None] = no_history
    quality_filter: QualityFilter | None = None
    headlines: HeadlineService = field(default_factory=HeadlineService)
    notify: Callable[[Sequence[OperatorNotice]], Awaitable[None]] = log_notices
    renderer: ChartRenderer | None = None
    clock_jump: Callable[[], timedelta] = timedelta  # none: of a clock that does not jump
    on_complete: Callable[[], None] = lambda: None
    stats: MarketStats | None = field(default=None, init=False)
    price_times: Mapping[Symbol, datetime] = field(default_factory=dict, init=False)
    checked_at: datetime | None = field(default=None, init=False)
    last_error: str = field(default="", init=False)
    internal_error: bool = field(default=False, init=False)
    completed_at: float | None = field(default=None, init=False)
    progressed_at: float | None = field(default=None, init=False)
    idle: bool = field(default=False, init=False)
    last_check: CheckSummary | None = field(default=None, init=False)
    evaluated_until: Mapping[BasketId, date] = field(default_factory=dict, init=False)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0), init=False)
    # As the store has them (None = not read yet): nobody else writes there while this process holds the lease.
    _states: dict[Subject, SubjectState] | None = field(default=None, init=False)
    _closes: dict[Symbol, ClosesBySession] = field(default_factory=dict, init=False)
    _incidents: OpenIncidents | None = field(default=None, init=False)
    _final_check: datetime | None = field(default=None, init=False)  # when the last one with final prices began
    _debounce: Debounce = field(default_factory=Debounce, init=False)
    _recent_rows: RecentRows = field(init=False)
    _summary: CheckSummary = field(default_factory=lambda: CheckSummary(0.0), init=False)
    _unconfirmed: frozenset[str] = field(default=frozenset(), init=False)  # keys of open sessions' notices

    def __post_init__(self) -> None:
        self._recent_rows = RecentRows(self.load_history)

    async def run(self, stop: asyncio.Event, bell: asyncio.Event) -> None:
        """Check prices at the start and at each `bell`, until `stop`. Errors are logged; the next check tries again."""
        try:
            while not stop.is_set():
                bell.clear()
                await self._try_check()
                self._mark_progress(idle=True)
                waits = [asyncio.ensure_future(event.wait()) for event in (stop, bell)]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
        finally:
            await self.headlines.close()

    async def _try_check(self) -> None:
        try:
            await self.check_prices()
        except LeaseLost:
            raise
        except Exception as error:
            self.counts["errors"] += 1
            self.last_error, self.internal_error = (
                short_message(error),
                not isinstance(error, SourceUnreachable | NoData),
            )
            if isinstance(error, BotError):
                facts = self._summary.facts()
                log.warning("this look came to nothing, the next one tries again: %s", error, extra=facts)
            else:
                log.exception("watch failed and tries again", extra=self._summary.facts())
        else:
            self.last_error, self.internal_error, self.completed_at = "", False, self.clock.monotonic()
            self.on_complete()
            log.info("look complete", extra=self._summary.facts())

    async def check_prices(self) -> int:
        """One check: evaluate what is due, and the open sessions. Return how many final sessions were evaluated."""
        self.counts["turns"] += 1
        summary = self._summary = CheckSummary(self.clock.monotonic(), config=self.config.config)
        self._mark_progress()
        try:
            if jump := self.clock_jump():
                raise ClockJumped(jump)
            await self._check()
        finally:
            if self.stats is not None:
                self.stats.forget()  # the next check needs the memory; whoever asks for figures waits a moment longer
            summary.seconds = self.clock.monotonic() - summary.began
            self.counts["sessions"] += summary.sessions
            self.counts["events"] += summary.notifications
            self.last_check = summary
        return summary.sessions

    async def _check(self) -> None:
        config, summary, now = self.config, self._summary, self.clock.now()
        states, incidents = await self._load()
        summary.incidents = len(incidents)
        schedule = Schedule(config.rulebook, self.calendars, config.timing, now)
        final, is_open = schedule.is_due(states, self._final_check), bool(schedule.open_baskets())
        first = config.subscribers_of is not None and self.stats is None
        summary.due = [name for name, due in (("final", final), ("open", is_open), ("first", first)) if due]
        summary.next = schedule.next()
        if not summary.due:
            self.evaluated_until = last_evaluated(states)
            return
        self._states = None  # if this check fails, the next one reads what was really stored
        if self.renderer is not None and config.charts and (final or self._debounce.is_pending):
            self.renderer.warm_up()
        bars, failures = await self._fetch(schedule, states, incidents)
        prices = await self._filter(schedule, bars)
        # At once in the place of the earlier statistics: those with suspect prices take as much memory again.
        self.stats, self.checked_at = await asyncio.to_thread(market_stats, schedule, prices.excluded), now
        evaluation = await asyncio.to_thread(Evaluation.of, config, schedule, self.stats, prices, self._closes, states)
        self.price_times = evaluation.price_times
        self._mark_progress()
        if evaluation.closes.revisions:
            states |= await self._correct(evaluation, states)
        stats = evaluation.suspect.stats if evaluation.suspect else evaluation.stats
        current = find_incidents(schedule, stats, failures, prices.suspects, incidents)
        has_new_times = prices.has_new_times
        del bars, prices  # the histories take much memory
        discontinued = evaluation.discontinued(states)
        await self._publish(evaluation, discontinued)
        states |= discontinued.states
        await self._evaluate_final(evaluation, states)
        if final and not (evaluation.suspect and evaluation.suspect.pending):
            self._final_check = now
        if is_open and has_new_times:
            states |= await self._evaluate_open(evaluation, states)
        await self._update_incidents(incidents, current, now)
        self._states = states

    async def _load(self) -> tuple[dict[Subject, SubjectState], OpenIncidents]:
        if self._states is None:
            self._states = await run_to_completion(self.store.subject_states())
            self._closes = await run_to_completion(self.store.evaluated_closes())
        if self._incidents is None:
            stored = await run_to_completion(self.store.open_incidents())
            self._incidents = {key: stored[key] for key in stored if key.kind is not IncidentKind.UNHEALTHY}
        return self._states, self._incidents

    async def _fetch(
        self, schedule: Schedule, states: SubjectStates, incidents: OpenIncidents
    ) -> tuple[dict[Symbol, Bars], Failures]:
        """The histories of all symbols, fetched where they may have changed, and what could not be fetched.

        The stored history of an unavailable symbol counts all the same: a delisted symbol costs coverage until it is
        configured. Raises SourceUnreachable if nothing could be fetched.
        """
        watched = schedule.rulebook.symbols
        due = schedule.symbols_to_fetch(states, self._recent_rows.fetched_at)
        kept = await self._recent_rows.histories([symbol for symbol in watched if symbol not in due])
        wanted = [symbol for symbol in watched if symbol not in kept]
        results: dict[Symbol, Bars | Failure] = {}
        for symbol in wanted:
            results[symbol] = await fetch_bars(self.source, symbol)
            self._mark_progress()
        bars = {symbol: result for symbol, result in results.items() if isinstance(result, Bars)}
        failures = {symbol: result for symbol, result in results.items() if not isinstance(result, Bars)}
        self._summary.symbols, self._summary.missing = len(wanted), len(failures)
        all_unknown = all(isinstance(error, NoData) for error in failures.values())
        if not bars and (is_outage(failures, len(watched)) or not kept or not all_unknown):
            unexamined = {incident: notice.detail for incident, notice in incidents.items()}  # these stay open
            outage = {Incident(IncidentKind.OUTAGE): outage_detail(failures, len(watched))}
            await self._update_incidents(incidents, unexamined | outage, self.clock.now())
            raise SourceUnreachable(f"none of {len(wanted)} symbols could be had; nothing was judged, nothing is lost")
        self._recent_rows.keep(bars, schedule.now)
        for symbol in failures:
            if (stored := await asyncio.to_thread(self.load_history, symbol)) is not None:
                bars[symbol] = stored
        return kept | bars, failures

    async def _filter(self, schedule: Schedule, bars: Mapping[Symbol, Bars]) -> FilteredPrices:
        prices = FilteredPrices(bars, bars)
        if self.quality_filter is not None:
            rescaled = with_rescale_factor(self._closes, bars, schedule.calendars, schedule.now)
            groups = [basket.symbols for basket in schedule.rulebook.baskets]
            work = partial(self.quality_filter.filter, rescaled, groups, schedule.calendars, schedule.now)
            prices = await asyncio.to_thread(work)
        for suspect in prices.new_suspects:
            log.warning("a price is not believed: %s", suspect)
        self._summary.suspects = len(prices.suspects)
        self._mark_progress()
        return prices

    async def _correct(self, evaluation: Evaluation, states: SubjectStates) -> SubjectStates:
        """Correct what was posted before closes were revised; return the states that change."""
        revisions = evaluation.closes.revisions
        for revision in chain.from_iterable(revisions.values()):
            log.info("the close of %s on %s was corrected: %s, now %s", *astuple(revision))
        results = await run_to_completion(self.store.session_results())
        changes = Corrections(evaluation, results, states).changes()
        await self._store(evaluation.config, changes)
        return changes.states

    async def _evaluate_final(self, evaluation: Evaluation, states: dict[Subject, SubjectState]) -> None:
        """Evaluate every session that is ready, in order, and update `states`.

        Operators are notified before anything is stored: a crash in between notifies them twice, not never.
        """
        evaluated: list[Changes] = []
        incomplete: list[tuple[BasketId, date]] = []
        for day in evaluation.days_to_evaluate(states):
            if ready := evaluation.ready(day, states):
                changes = await _evaluate(evaluation, partial(evaluation.evaluate_final, day, states, ready))
                evaluated.append(changes)
                states |= changes.states
                incomplete += [(basket, day) for basket in sorted(changes.incomplete)]
        if incomplete:
            await run_to_completion(self.notify([UnevaluatedSessions(tuple(incomplete))]))
        for changes in evaluated:
            await self._publish(evaluation, changes)
            self._summary.sessions += bool(changes.states)
        self.evaluated_until = last_evaluated(states)

    async def _evaluate_open(self, evaluation: Evaluation, states: SubjectStates) -> SubjectStates:
        """Evaluate the open sessions; return the states that change. An unconfirmed alert is notified once."""
        changes = await _evaluate(evaluation, partial(evaluation.evaluate_open, states, self._debounce))
        new = tuple(notice for notice in changes.unconfirmed if notice.notification.key not in self._unconfirmed)
        self._unconfirmed = frozenset(notice.notification.key for notice in changes.unconfirmed)
        before = self._summary.notifications
        await self._publish(evaluation, replace(changes, unconfirmed=new))
        self._summary.provisional += self._summary.notifications - before
        return changes.states

    async def _publish(self, evaluation: Evaluation, changes: Changes) -> None:
        """Store the changes, and only then search for headlines."""
        stored = await self._store(evaluation.config, changes)
        if self.headlines.sources:
            requests = evaluation.headline_requests(stored)
            self.headlines.start(self._add_headlines(evaluation.config, requests, self.clock.now()))

    async def _add_headlines(self, config: EngineConfig, requests: Sequence[HeadlineRequest], now: datetime) -> None:
        """Search in the background, and edit the notifications for which headlines are found."""
        try:
            if changed := await self.headlines.search(requests, now):
                self.counts["amended"] += len(changed) - await commit(self.store, config, Changes({}, tuple(changed)))
        except BotError as error:
            log.warning("headlines were not added: %s", error)
        except Exception:
            log.exception("headlines were not added, for a reason nobody foresaw")

    async def _store(self, config: EngineConfig, changes: Changes) -> Changes:
        """Store the changes with charts and known headlines in one transaction.

        Return them with the operators' notes, but without headlines.
        """
        if changes.unconfirmed:  # before the states are stored: these sessions are not evaluated again
            self._summary.unconfirmed += len(changes.unconfirmed)
            await run_to_completion(self.notify(changes.unconfirmed))
        notes = await run_to_completion(self.store.notes(self.clock.now())) if changes.notifications else ()
        notifications = tuple(add_notes(notification, notes) for notification in changes.notifications)
        closes = {symbol: new for symbol, new in changes.closes.items() if new != self._closes.get(symbol)}
        if changes.states or notifications or closes or changes.results:
            enriched = tuple(map(self.headlines.with_earlier, notifications))
            if self.renderer is not None:
                enriched = await with_charts(enriched, self.renderer)
            already_stored = await commit(self.store, config, replace(changes, notifications=enriched, closes=closes))
            self._closes |= closes
            self._summary.notifications += len(notifications) - already_stored
            self._summary.already_stored += already_stored
            self._mark_progress()
        return replace(changes, notifications=notifications)

    async def _update_incidents(self, before: OpenIncidents, current: Mapping[Incident, str], now: datetime) -> None:
        """Notify the operators of incidents that began or ended."""
        incidents, notices = update_incidents(before, current, now)
        if notices:
            await run_to_completion(self.notify(notices))
        self._incidents, self._summary.incidents = incidents, len(incidents)

    def _mark_progress(self, *, idle: bool = False) -> None:
        self.progressed_at, self.idle = self.clock.monotonic(), idle


async def _evaluate(evaluation: Evaluation, work: Callable[[], Changes]) -> Changes:
    """In a thread where halves of the suspect prices are measured: that takes too long for the event loop."""
    slow = evaluation.suspect is not None and evaluation.suspect.halves
    return await asyncio.to_thread(work) if slow else work()
