"""What does each subject of a question show, session by session, as columns?"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np

from bot.alerts import Question, Rule, Subject
from bot.baskets import BasketSeries
from bot.prices import Dates, Flags, Floats
from bot.statistics import Board, Verdicts
from bot.statistics.kernel import Ints


@dataclass(frozen=True, slots=True)
class Track:
    """One subject on the sessions that the engine has a reading of it, n of them.

    `at` holds their positions in the columns of `verdicts`; `turned` are the columns that tell records and "worst
    since" (the same, or for a spread that opens upwards those of the spread turned over). `day_low` has the columns'
    shape (None = the subject has no day's low). Sessions that are not final are left out. `notes` keeps
    what was found.
    """

    subject: Subject
    verdicts: Verdicts
    turned: Verdicts
    at: Ints
    day_low: Floats | None = None
    notes: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def sessions(self) -> Dates:
        return self.verdicts.sessions[self.at]

    def day(self, row: int) -> date:
        """The label of one of the n sessions."""
        return self.verdicts.day(int(self.at[row]))


Shelf = dict[tuple[Hashable, ...], Track]  # members of many baskets of the same tables, by what they depend on


def tracks(board: Board, question: Question, shelf: Shelf | None = None) -> Iterator[Track]:
    """The subjects that `question` is asked about, in the engine's order; members are measured once a `shelf`."""
    rule, series = question.rule, board.series[question.basket]
    if rule.contrast is not None:
        one, other = rule.contrast
        columns = board.of_spread(one, other, rule.window)
        turned = board.of_spread(other, one, rule.window) if rule.upward else columns
        last = series.sessions[: series.final_sessions][-1:]
        yield Track(question.subject, columns, turned, _rows(columns, columns.sessions <= last))
    elif question.about_members(board):
        for column, member in enumerate(series.basket.members):
            subject = Subject(rule.name, question.basket, member.symbol)
            if shelf is None:
                columns = board.of_member(question.basket, member.symbol, rule.window)
                yield _of_member(subject, series, column, columns)
                continue
            key = rule.name, series.basket.calendar, series.basket.prices, replace(member, weight=1.0)
            if key not in shelf:
                columns = _asked(rule, board.measure_member(question.basket, member.symbol, rule.window))
                track = _of_member(subject, series, column, columns)
                shelf[key] = track if rule.asks("day_low") else replace(track, day_low=None)
            yield replace(shelf[key], subject=subject)
    else:
        columns = board.of_basket(question.basket, rule.window)
        final = np.arange(len(series.sessions)) < series.final_sessions
        alone = len(series.basket.members) == 1
        low = _day_low(series, 0) if alone else None
        yield Track(question.subject, columns, columns, _rows(columns, final), low)


def _of_member(subject: Subject, series: BasketSeries, column: int, columns: Verdicts) -> Track:
    listed = np.zeros(len(series.sessions), dtype=np.bool_)
    rows, *_ = series.member(column)
    listed[rows] = True
    listed[series.final_sessions :] = False
    return Track(subject, columns, columns, _rows(columns, listed), _day_low(series, column))


def _day_low(series: BasketSeries, column: int) -> Floats:
    whole = np.full(len(series.sessions), np.nan)
    rows, _, whole[rows] = series.member(column)
    return whole


def _asked(rule: Rule, columns: Verdicts) -> Verdicts:
    """The columns that the rungs ask for; the others are empty, and take no memory."""
    unasked = {"coverage", "rank", "sample", "worst_in_years", "drawdown", "peak_at", "holes"}
    if not rule.asks("percentile"):
        unasked.add("percentile")
    if not rule.asks("worst_in_months") and not any(rung.record for rung in rule.rungs):
        unasked.add("worst_at")
    if all(rung.state is not None or rung.enters is not None for rung in rule.rungs):
        unasked.add("daily_return")  # of those no low tells anything
    unasked |= {name for name, asked in (("state", "state"), ("entered", "enters")) if not rule.asks(asked)}
    empty: dict[str, Any] = {name: np.broadcast_to(np.int8(0), columns.move.shape) for name in unasked}
    return replace(columns, **empty)


def _rows(columns: Verdicts, judged: Flags) -> Ints:
    return (columns.defined & judged).nonzero()[0]
