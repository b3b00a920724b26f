"""What does each subject of a question show, session by session, as columns?"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bot.alerts import Question, Rule, Subject
from bot.prices import Dates, Floats
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


Shelf = dict[tuple[Hashable, ...], Track]  # members of many baskets of the same tables, by what they depend on


def tracks(board: Board, question: Question, shelf: Shelf) -> Iterator[Track]:
    """The subjects that `question` is asked about, in the engine's order; members are measured once a `shelf`."""
    rule, series = question.rule, board.series[question.basket]
    every = np.arange(len(series.sessions))
    if rule.contrast is not None:
        one, other = rule.contrast
        columns = board.of_spread(one, other, rule.window)
        turned = board.of_spread(other, one, rule.window) if rule.upward else columns
        ended = np.searchsorted(columns.sessions, series.sessions[: series.final_sessions][-1:], side="right")
        yield Track(question.subject, columns, turned, _rows(columns, slice(0, int(ended.sum())), every))
    elif question.about_members(board):
        for column, member in enumerate(series.basket.members):
            subject = Subject(rule.name, question.basket, member.symbol)
            key = rule.name, series.basket.calendar, series.basket.prices, replace(member, weight=1.0)
            if key not in shelf:
                columns = board.measure_member(question.basket, member.symbol, rule.window)
                # The member's own returns stand in the table, too: kept from there, they take no memory.
                columns = replace(_asked(rule, columns), daily_return=series.alone[column].daily)
                belongs = series.rows[column]
                rows = _rows(columns, slice(belongs.start, min(belongs.stop, series.final_sessions)), every)
                shelf[key] = Track(subject, columns, columns, rows, series.alone[column].low)
            yield replace(shelf[key], subject=subject)
    else:
        columns = board.of_basket(question.basket, rule.window)
        low = series.alone[0].low if len(series.basket.members) == 1 else None
        rows = _rows(columns, slice(0, series.final_sessions), every)
        yield Track(question.subject, columns, columns, rows, low)


def _rows(columns: Verdicts, among: slice, every: Ints) -> Ints:
    """The positions that have a reading; where they are one piece, as nearly always, a part of `every`: no memory."""
    rows: Ints = columns.defined[among].nonzero()[0] + among.start
    if len(rows) and rows[-1] - rows[0] < len(rows):
        return every[rows[0] : rows[-1] + 1]
    return rows


def _asked(rule: Rule, columns: Verdicts) -> Verdicts:
    """The columns that the rungs ask for; the others are empty, and take no memory."""
    unasked = {"coverage", "rank", "sample", "worst_in_years", "drawdown", "peak_at", "holes"}
    if not rule.asks("percentile"):
        unasked.add("percentile")
    if not rule.asks("worst_in_months") and not any(rung.record for rung in rule.rungs):
        unasked.add("worst_at")
    unasked |= {name for name, asked in (("state", "state"), ("entered", "enters")) if not rule.asks(asked)}
    empty: dict[str, Any] = {name: np.broadcast_to(np.int8(0), columns.move.shape) for name in unasked}
    return replace(columns, **empty)
