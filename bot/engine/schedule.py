"""Schedule of evaluations: the sessions that are due, by the exchanges' hours and the settle delay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from bot.alerts.episodes import Subject, SubjectState
from bot.alerts.targets import RuleTarget
from bot.baskets import Basket, BasketId
from bot.pipeline import Rulebook
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

    def is_due(self, states: Mapping[Subject, SubjectState], last_check: datetime | None) -> bool:
        """True if a target is not evaluated on the latest session that is final in all of its baskets.

        `last_check` is when the last check that fetched final prices began (None = none did).
        """
        return any(self._worth_checking(self.close(*pending), last_check) for pending in self._pending(states))

    def open_baskets(self) -> frozenset[BasketId]:
        """The baskets whose exchange has been open for longer than the settle delay."""
        if not self.timing.provisional:
            return frozenset()
        settled, open_codes = self._settled(self.now), set()
        for code in self._codes():
            calendar = self.calendars.get(code)
            index = int(np.searchsorted(calendar.opens, settled, side="right")) - 1
            if index >= 0 and self.now.timestamp() < calendar.closes[index]:
                open_codes.add(code)
        return frozenset(basket.id for basket in self.rulebook.baskets if basket.calendar in open_codes)

    def symbols_to_fetch(
        self, states: Mapping[Subject, SubjectState], fetched_at: Mapping[Symbol, datetime]
    ) -> Sequence[Symbol]:
        """The symbols never fetched, of open baskets, of unevaluated sessions, or with a session ended since."""
        due = {basket for target, _ in self._pending(states) for basket in target.baskets} | self.open_baskets()
        symbols = {
            symbol: None
            for basket in self.rulebook.baskets
            for symbol in basket.symbols
            if symbol not in fetched_at or basket.id in due or self._ended_since(fetched_at[symbol], basket.calendar)
        }
        return tuple(symbols)

    def next(self) -> datetime | None:
        """When the next session becomes final, or can be evaluated while it is open."""
        settled, moments = self._settled(self.now), []
        for code in self._codes():
            calendar = self.calendars.get(code)
            for times in (calendar.closes, *([calendar.opens] if self.timing.provisional else [])):
                moments += times[np.searchsorted(times, settled, side="right") :][:1].tolist()
        return datetime.fromtimestamp(min(moments), UTC) + self.timing.settle if moments else None

    def incomplete_baskets(self, stats: MarketStats, target: RuleTarget, day: date) -> list[BasketId]:
        """The target's baskets whose exchange is open on `day`, and which have insufficient data."""
        return [basket for basket in self._closes(target, day) if not has_reading(stats, basket, day)]

    def ready(self, stats: MarketStats, target: RuleTarget, day: date, states: Mapping[Subject, SubjectState]) -> bool:
        """True if `day` is final and the target's next session, and its baskets have sufficient data.

        With insufficient data it waits, and with it the later sessions, until `max_wait` after the close.
        """
        position = stats.position(target.basket, day)
        if position is None or not self.is_final(target, day):
            return False
        evaluated = states.get(target.subject, SubjectState()).last_session
        if evaluated is None:
            return True
        sessions = stats.series[target.basket].sessions
        if evaluated >= day or (position and evaluated < sessions[position - 1].item()):
            return False
        waited = self.now - self.close(target, day)
        return not self.incomplete_baskets(stats, target, day) or waited > self.timing.max_wait

    def open_session(
        self, stats: MarketStats, target: RuleTarget, states: Mapping[Subject, SubjectState]
    ) -> date | None:
        """The open session, if the target is evaluated on the one before and there is sufficient data."""
        sessions = stats.series[target.basket].sessions
        if len(sessions) < 2:
            return None
        before, day = sessions[-2:].tolist()
        if states.get(target.subject, SubjectState()).last_session != before or self.now >= self.close(target, day):
            return None
        return None if self.incomplete_baskets(stats, target, day) else day

    def final_session(self, basket: BasketId) -> date | None:
        """The latest session of the basket's calendar that is final."""
        calendar = self._calendar(basket)
        closed = int(np.searchsorted(calendar.closes, self._settled(self.now), side="right"))
        return calendar.sessions[closed - 1].item() if closed else None

    def is_final(self, target: RuleTarget, day: date) -> bool:
        return self.close(target, day) + self.timing.settle <= self.now

    def close(self, target: RuleTarget, day: date) -> datetime:
        """When the last of the target's baskets closes; `day` is a session of the first one."""
        return max(self._closes(target, day).values())

    def window_start(self, basket: BasketId, day: date, window: int) -> datetime:
        """The close before the first of the `window` sessions that end with `day`."""
        calendar = self._calendar(basket)
        index = int(np.searchsorted(calendar.sessions, np.datetime64(day, "D")))
        return datetime.fromtimestamp(int(calendar.closes[max(index - window, 0)]), UTC)

    def covers(self, subject: Subject) -> bool:
        """True if a target of the rulebook covers the subject."""
        return any(target.covers(subject) for target in self._targets())

    def _codes(self) -> Iterator[CalendarCode]:
        yield from dict.fromkeys(basket.calendar for basket in self.rulebook.baskets)

    def _targets(self) -> Iterator[RuleTarget]:
        for rule in self.rulebook.rules:
            for basket in rule.contrast[:1] if rule.contrast else rule.baskets:
                yield RuleTarget(rule, basket)

    def _pending(self, states: Mapping[Subject, SubjectState]) -> Iterator[tuple[RuleTarget, date]]:
        """The targets that are not evaluated on their latest final session, with that session."""
        for target in self._targets():
            day = self._latest(target)
            if day is not None and (states.get(target.subject, SubjectState()).last_session or date.min) < day:
                yield target, day

    def _ended_since(self, moment: datetime, code: CalendarCode) -> bool:
        """True if a session has become final since `moment`."""
        settled = [self._settled(when) for when in (moment, self.now)]
        before, after = np.searchsorted(self.calendars.get(code).closes, settled, side="right").tolist()
        return bool(before != after)

    def _worth_checking(self, close: datetime, last_check: datetime | None) -> bool:
        """True if prices may have come since `last_check`: the later they are, the rarer are the checks.

        After a check beyond all waiting nothing is expected before the next session.
        """
        if last_check is None or last_check > self.now:
            return True
        late = last_check - close
        return late <= max(self.timing.max_wait, self.timing.expiry) and self.now - close >= BACKOFF_FACTOR * late

    def _settled(self, moment: datetime) -> int:
        """Sessions that closed by then are final at `moment`; in whole seconds, else numpy copies all closes."""
        return int((moment - self.timing.settle).timestamp())

    def _latest(self, target: RuleTarget) -> date | None:
        """The latest session of the target's calendar that is final in all of its baskets."""
        calendar = self._calendar(target.basket)
        closed = int(np.searchsorted(calendar.closes, self._settled(self.now), side="right"))
        # Two are enough: what was yesterday's session in Seoul is over everywhere when today's is over there.
        days: list[date] = calendar.sessions[max(closed - 2, 0) : closed].tolist()
        return next((day for day in reversed(days) if self.is_final(target, day)), None)

    def _calendar(self, basket_id: BasketId) -> Calendar:
        return self.calendars.get(next(basket.calendar for basket in self.rulebook.baskets if basket.id == basket_id))

    def _closes(self, target: RuleTarget, day: date) -> dict[BasketId, datetime]:
        """The close of the session `day` of each of the target's baskets whose exchange is open then."""
        closes, label = {}, np.datetime64(day, "D")
        for basket in target.baskets:
            calendar = self._calendar(basket)
            index = int(np.searchsorted(calendar.sessions, label))
            if (calendar.sessions[index : index + 1] == label).any():
                closes[basket] = datetime.fromtimestamp(int(calendar.closes[index]), UTC)
        return closes


def oldest_price_time(
    basket: Basket, price_times: Mapping[Symbol, datetime], calendars: CalendarProvider, now: datetime
) -> datetime:
    """The time of the oldest latest price among the basket's members of its own exchange, in that exchange's zone.

    Without any time from the source it is `now`.
    """
    calendar = calendars.get(basket.calendar)
    home = (symbol for symbol in basket.symbols if exchange_of(symbol) == basket.calendar)
    times = (price_times[symbol] for symbol in home if symbol in price_times)
    return min(times, default=now).astimezone(ZoneInfo(calendar.zone))


def has_reading(stats: MarketStats, basket: BasketId, day: date) -> bool:
    """True if the basket has sufficient data on `day`."""
    position = stats.position(basket, day)
    return position is not None and not np.isnan(stats.series[basket].daily_return[position])
