"""Schedule of evaluations: the sessions that are due, by the exchanges' hours and the settle delay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from bot.alerts.episodes import SubjectStates
from bot.alerts.targets import RuleTarget
from bot.baskets import Basket, BasketId
from bot.pipeline import FORGOTTEN, Rulebook
from bot.prices.bars import Symbol
from bot.prices.calendars import Calendar, CalendarCode, CalendarProvider, exchange_of
from bot.statistics.market_stats import MarketStats

# Prices that are missing so many minutes after the close are fetched again a quarter of that time later.
BACKOFF_FACTOR = 1.25


@dataclass(frozen=True, slots=True)
class EvaluationTiming:
    """`settle`: after a close it is final. `max_wait`: so long a session without data is waited for.

    `expiry`: after the close an alert expires. With `provisional` open sessions are evaluated too.
    """

    settle: timedelta = timedelta(minutes=20)
    max_wait: timedelta = timedelta(hours=12)
    expiry: timedelta = timedelta(hours=12)
    provisional: bool = True


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is due of a rulebook's targets at the moment `now`."""

    rulebook: Rulebook
    calendars: CalendarProvider
    timing: EvaluationTiming
    now: datetime

    def is_due(self, states: SubjectStates, last_check: datetime | None) -> bool:
        """True if a target is not evaluated on its latest final session, and prices may have come since `last_check`.

        `last_check` is when the last check that fetched final prices began (None = none did). The later prices are, the
        rarer are the checks; after a check beyond all waiting nothing is expected before the next session.
        """
        closes = [self.close(*pending) for pending in self.pending(states)]
        if last_check is None or last_check > self.now:
            return bool(closes)
        longest = max(self.timing.max_wait, self.timing.expiry)
        return any(
            last_check - close <= longest and self.now - close >= BACKOFF_FACTOR * (last_check - close)
            for close in closes
        )

    def open_baskets(self) -> frozenset[BasketId]:
        """The baskets whose exchange has been open for longer than the settle delay; none without `provisional`."""
        baskets = set()
        for basket in self.rulebook.baskets if self.timing.provisional else ():
            calendar = self.calendars.get(basket.calendar)
            opened = int(np.searchsorted(calendar.opens, self._settled(self.now), side="right"))
            if opened and self.now.timestamp() < calendar.closes[opened - 1]:
                baskets.add(basket.id)
        return frozenset(baskets)

    def symbols_to_fetch(self, states: SubjectStates, fetched_at: Mapping[Symbol, datetime]) -> Sequence[Symbol]:
        """The symbols never fetched, of open baskets, of unevaluated sessions, or with a session ended since."""
        due = {basket for target, _ in self.pending(states) for basket in target.baskets} | self.open_baskets()
        symbols = {
            symbol: None
            for basket in self.rulebook.baskets
            for symbol in basket.symbols
            if symbol not in fetched_at
            or basket.id in due
            or self.final_sessions(basket.calendar, fetched_at[symbol]) != self.final_sessions(basket.calendar)
        }
        return tuple(symbols)

    def next(self) -> datetime | None:
        """When the next session becomes final, or can be evaluated while it is open."""
        settled, moments = self._settled(self.now), []
        for code in dict.fromkeys(basket.calendar for basket in self.rulebook.baskets):
            calendar = self.calendars.get(code)
            for times in (calendar.closes, calendar.opens) if self.timing.provisional else (calendar.closes,):
                moments += times[np.searchsorted(times, settled, side="right") :][:1].tolist()
        return datetime.fromtimestamp(min(moments), UTC) + self.timing.settle if moments else None

    def incomplete_baskets(self, stats: MarketStats, target: RuleTarget, day: date) -> list[BasketId]:
        """The target's baskets whose exchange is open on `day`, and which have insufficient data."""
        return [basket for basket in self.closes(target, day) if not has_sufficient_data(stats, basket, day)]

    def ready(self, stats: MarketStats, target: RuleTarget, day: date, states: SubjectStates) -> bool:
        """True if `day` is final and the target's next session, and its baskets have sufficient data.

        With insufficient data it waits, and with it the later sessions, until `max_wait` after the close.
        """
        position = stats.position(target.basket, day)
        if position is None or self.final_at(target, day) > self.now:
            return False
        evaluated = states.get(target.subject, FORGOTTEN).last_session
        if evaluated is None:
            return True
        sessions = stats.series[target.basket].sessions
        if evaluated >= day or (position and evaluated < sessions[position - 1].item()):
            return False
        waited = self.now - self.close(target, day)
        return not self.incomplete_baskets(stats, target, day) or waited > self.timing.max_wait

    def open_session(self, stats: MarketStats, target: RuleTarget, states: SubjectStates) -> date | None:
        """The open session, if the target is evaluated on the session before and there is sufficient data."""
        sessions = stats.series[target.basket].sessions
        if len(sessions) < 2:
            return None
        before, day = sessions[-2:].tolist()
        if states.get(target.subject, FORGOTTEN).last_session != before or self.now >= self.close(target, day):
            return None
        return None if self.incomplete_baskets(stats, target, day) else day

    def final_session(self, basket: BasketId) -> date | None:
        """The latest session of the basket's calendar that is final."""
        calendar = self.calendar(basket)
        final = self.final_sessions(calendar.code)
        return calendar.sessions[final - 1].item() if final else None

    def final_at(self, target: RuleTarget, day: date) -> datetime:
        """When the session is final in all of the target's baskets."""
        return self.close(target, day) + self.timing.settle

    def expires(self, target: RuleTarget, day: date) -> datetime:
        """When an alert about the session expires."""
        return self.close(target, day) + self.timing.expiry

    def close(self, target: RuleTarget, day: date) -> datetime:
        """When the last of the target's baskets closes; `day` is a session of the first basket."""
        return max(self.closes(target, day).values())

    def closes(self, target: RuleTarget, day: date) -> dict[BasketId, datetime]:
        """The close of the session `day` of each of the target's baskets whose exchange is open then."""
        closes, label = {}, np.datetime64(day, "D")
        for basket in target.baskets:
            calendar = self.calendar(basket)
            index = int(np.searchsorted(calendar.sessions, label))
            if (calendar.sessions[index : index + 1] == label).any():
                closes[basket] = datetime.fromtimestamp(int(calendar.closes[index]), UTC)
        return closes

    def window_start(self, basket: BasketId, day: date, window: int) -> datetime:
        """The close before the first of the `window` sessions that end with `day`."""
        calendar = self.calendar(basket)
        index = int(np.searchsorted(calendar.sessions, np.datetime64(day, "D")))
        return datetime.fromtimestamp(int(calendar.closes[max(index - window, 0)]), UTC)

    def targets(self) -> Iterator[RuleTarget]:
        """All targets of the rulebook."""
        for rule in self.rulebook.rules:
            for basket in rule.contrast[:1] if rule.contrast else rule.baskets:
                yield RuleTarget(rule, basket)

    def pending(self, states: SubjectStates) -> Iterator[tuple[RuleTarget, date]]:
        """The targets that are not evaluated on the latest session final in all of their baskets, with that session."""
        for target in self.targets():
            calendar = self.calendar(target.basket)
            final = self.final_sessions(calendar.code)
            # Two are enough: what was yesterday's session in Seoul is over everywhere when today's is over there.
            days: list[date] = calendar.sessions[max(final - 2, 0) : final].tolist()
            day = next((day for day in reversed(days) if self.final_at(target, day) <= self.now), None)
            if day is not None and (states.get(target.subject, FORGOTTEN).last_session or date.min) < day:
                yield target, day

    def final_sessions(self, code: CalendarCode, moment: datetime | None = None) -> int:
        """How many sessions of the calendar are final at `moment` (None = now)."""
        settled = self._settled(self.now if moment is None else moment)
        return int(np.searchsorted(self.calendars.get(code).closes, settled, side="right"))

    def calendar(self, basket_id: BasketId) -> Calendar:
        return self.calendars.get(next(basket.calendar for basket in self.rulebook.baskets if basket.id == basket_id))

    def _settled(self, moment: datetime) -> int:
        """Sessions that closed by then are final at `moment`; in whole seconds, else numpy copies all closes."""
        return int((moment - self.timing.settle).timestamp())


def oldest_price_time(
    basket: Basket, price_times: Mapping[Symbol, datetime], calendars: CalendarProvider, now: datetime
) -> datetime:
    """The time of the oldest latest price among the basket's members of its own exchange, in that exchange's zone.

    Without any time from the source it is `now`.
    """
    home = (symbol for symbol in basket.symbols if exchange_of(symbol) == basket.calendar)
    times = (price_times[symbol] for symbol in home if symbol in price_times)
    return min(times, default=now).astimezone(ZoneInfo(calendars.get(basket.calendar).zone))


def has_sufficient_data(stats: MarketStats, basket: BasketId, day: date) -> bool:
    """True if the basket has a return on `day`."""
    position = stats.position(basket, day) if basket in stats.series else None
    return position is not None and not np.isnan(stats.series[basket].daily_return[position])
