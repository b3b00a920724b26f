"""Which sessions are to be judged now, by the exchanges' own hours?"""

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

# Prices that were not there so many minutes after the close are looked for again a quarter of that time later.
RARER = 1.25


@dataclass(frozen=True, slots=True)
class Timing:
    """When a session is final, how long one without a reading is waited for, and how long an alert is news.

    With `provisional` a session that is not over is looked at too.
    """

    settle: timedelta = timedelta(minutes=20)
    patience: timedelta = timedelta(hours=12)
    expiry: timedelta = timedelta(hours=12)
    provisional: bool = True


@dataclass(frozen=True, slots=True)
class Due:
    """What is due of a rulebook's questions at the moment `now`."""

    rulebook: Rulebook
    calendars: CalendarProvider
    timing: Timing
    now: datetime

    def anything(self, memories: Mapping[Subject, SubjectState], looked: datetime | None) -> bool:
        """Whether some question has not been asked about the latest session that is final in all of its baskets.

        `looked` is when the last look that brought prices began.
        """
        return any(self._worth_a_look(self.close(*one), looked) for one in self._unjudged(memories))

    def open_baskets(self) -> frozenset[BasketId]:
        """The baskets whose exchange is open, and has been for long enough to say anything."""
        if not self.timing.provisional:
            return frozenset()
        moment = self._seconds(self.now)
        open_ = set()
        for code in dict.fromkeys(basket.calendar for basket in self.rulebook.baskets):
            calendar = self.calendars.get(code)
            at = int(np.searchsorted(calendar.opens, moment, side="right")) - 1
            if at >= 0 and self.now.timestamp() < calendar.closes[at]:
                open_.add(code)
        return frozenset(basket.id for basket in self.rulebook.baskets if basket.calendar in open_)

    def wanted(self, memories: Mapping[Subject, SubjectState], asked: Mapping[Symbol, datetime]) -> Sequence[Symbol]:
        """The symbols to be asked about at this look; `asked` says when each was had last.

        They are those of baskets whose exchange is open, whose final session is not judged, or has ended since.
        """
        baskets = {one for question, _ in self._unjudged(memories) for one in question.baskets} | self.open_baskets()
        found = {
            symbol: None
            for basket in self.rulebook.baskets
            for symbol in basket.symbols
            if symbol not in asked or basket.id in baskets or self._ended_since(asked[symbol], basket.calendar)
        }
        return tuple(found)

    def next(self) -> datetime | None:
        """When the next session becomes final, or can be looked at while it is open."""
        moment = self._seconds(self.now)
        found = []
        for code in dict.fromkeys(basket.calendar for basket in self.rulebook.baskets):
            calendar = self.calendars.get(code)
            for times in (calendar.closes, *([calendar.opens] if self.timing.provisional else [])):
                found += times[np.searchsorted(times, moment, side="right") :][:1].tolist()
        return datetime.fromtimestamp(min(found), UTC) + self.timing.settle if found else None

    def lacking(self, board: MarketStats, question: RuleTarget, day: date) -> list[BasketId]:
        """Those of the question's baskets whose exchange is open on `day`, and which have no reading."""
        return [one for one in self._closes(question, day) if not has_reading(board, one, day)]

    def ready(
        self, board: MarketStats, question: RuleTarget, day: date, memories: Mapping[Subject, SubjectState]
    ) -> bool:
        """Whether the question is to be asked about `day` now: it is final and next, and its baskets have a reading.

        Without a reading it waits, and with it the later sessions; `patience` after the close it is asked all the same.
        """
        position = board.position(question.basket, day)
        if position is None or not self.is_final(question, day):
            return False
        judged = memories.get(question.subject, SubjectState()).judged
        if judged is None:
            return True
        sessions = board.series[question.basket].sessions
        if judged >= day or (position and judged < sessions[position - 1].item()):
            return False
        return not self.lacking(board, question, day) or self.now - self.close(question, day) > self.timing.patience

    def under_way(
        self, board: MarketStats, question: RuleTarget, memories: Mapping[Subject, SubjectState]
    ) -> date | None:
        """The session that is not over, if the question has been asked about the one before and there is a reading."""
        sessions = board.series[question.basket].sessions
        if len(sessions) < 2:
            return None
        before, day = sessions[-2:].tolist()
        caught_up = memories.get(question.subject, SubjectState()).judged == before
        if not caught_up or self.now >= self.close(question, day):
            return None
        return None if self.lacking(board, question, day) else day

    def final_session(self, basket: BasketId) -> date | None:
        """The latest session of the basket's calendar that is final."""
        calendar = self._calendar(basket)
        closed = int(np.searchsorted(calendar.closes, self._seconds(self.now), side="right"))
        return calendar.sessions[closed - 1].item() if closed else None

    def is_final(self, question: RuleTarget, day: date) -> bool:
        return self.close(question, day) + self.timing.settle <= self.now

    def close(self, question: RuleTarget, day: date) -> datetime:
        """When the last of the question's baskets closes; `day` is a session of the first one."""
        return max(self._closes(question, day).values())

    def begin(self, basket: BasketId, day: date, window: int) -> datetime:
        """When a window of so many sessions that ends with `day` began: at the close before its first one."""
        calendar = self._calendar(basket)
        at = int(np.searchsorted(calendar.sessions, np.datetime64(day, "D")))
        return datetime.fromtimestamp(int(calendar.closes[max(at - window, 0)]), UTC)

    def asks(self, subject: Subject) -> bool:
        """Whether there is a question that a subject belongs to."""
        return any(one.covers(subject) for one in self._questions())

    def _questions(self) -> Iterator[RuleTarget]:
        for rule in self.rulebook.rules:
            for basket in rule.contrast[:1] if rule.contrast else rule.baskets:
                yield RuleTarget(rule, basket)

    def _unjudged(self, memories: Mapping[Subject, SubjectState]) -> Iterator[tuple[RuleTarget, date]]:
        """The questions that were not asked about their latest final session, with that session."""
        for question in self._questions():
            day = self._latest(question)
            if day is not None and (memories.get(question.subject, SubjectState()).judged or date.min) < day:
                yield question, day

    def _ended_since(self, then: datetime, code: CalendarCode) -> bool:
        """Whether another session is the latest final one than was `then`."""
        moments = [self._seconds(one) for one in (then, self.now)]
        before, after = np.searchsorted(self.calendars.get(code).closes, moments, side="right").tolist()
        return bool(before != after)

    def _worth_a_look(self, close: datetime, looked: datetime | None) -> bool:
        """Whether prices of a session may have come since the last look; the later they are, the rarer are the looks.

        A look that came after all patience has done what can be done: until the next session there are no prices.
        """
        if looked is None or looked > self.now:
            return True
        late = looked - close
        return late <= max(self.timing.patience, self.timing.expiry) and self.now - close >= RARER * late

    def _seconds(self, moment: datetime) -> int:
        """Who closed by then is final at `moment`, in seconds since 1970: whole ones, else numpy copies all closes."""
        return int((moment - self.timing.settle).timestamp())

    def _latest(self, question: RuleTarget) -> date | None:
        """The latest session of the question's calendar that is final in all of its baskets."""
        calendar = self._calendar(question.basket)
        closed = int(np.searchsorted(calendar.closes, self._seconds(self.now), side="right"))
        # Two are enough: what was yesterday's session in Seoul is over everywhere when today's is over there.
        days: list[date] = calendar.sessions[max(closed - 2, 0) : closed].tolist()
        return next((day for day in reversed(days) if self.is_final(question, day)), None)

    def _calendar(self, basket: BasketId) -> Calendar:
        return self.calendars.get(next(one.calendar for one in self.rulebook.baskets if one.id == basket))

    def _closes(self, question: RuleTarget, day: date) -> dict[BasketId, datetime]:
        """When the session of `day` closes for each of the question's baskets; without those whose exchange is shut."""
        found, label = {}, np.datetime64(day, "D")
        for basket in question.baskets:
            calendar = self._calendar(basket)
            at = int(np.searchsorted(calendar.sessions, label))
            if (calendar.sessions[at : at + 1] == label).any():
                found[basket] = datetime.fromtimestamp(int(calendar.closes[at]), UTC)
        return found


def as_of(basket: Basket, prices: Mapping[Symbol, datetime], calendars: CalendarProvider, now: datetime) -> datetime:
    """When the latest prices of a basket are from, in its exchange's zone: the oldest of those that trade there.

    `prices` holds the times that the source told; where it told none, it is `now`.
    """
    calendar = calendars.get(basket.calendar)
    home = [prices[one] for one in basket.symbols if one in prices and exchange_of(one) == basket.calendar]
    return min(home, default=now).astimezone(ZoneInfo(calendar.zone))


def has_reading(board: MarketStats, basket: BasketId, day: date) -> bool:
    position = board.position(basket, day)
    return position is not None and not np.isnan(board.series[basket].daily_return[position])
