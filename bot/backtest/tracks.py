"""What does each subject of a question show, session by session, as columns?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from bot.alerts import Question, Subject
from bot.prices import Dates, Flags, Floats
from bot.statistics import Board, Verdicts
from bot.statistics.kernel import Ints


@dataclass(frozen=True, slots=True)
class Track:
    """One subject on the sessions that the engine has a reading of it, n of them.

    `at` holds their positions in the columns of `verdicts`; `turned` are the columns that tell records and "worst
    since" (the same, or for a spread that opens upwards those of the spread turned over). `day_low` has the columns'
    shape (None = the subject has no day's low). Sessions that are not final are left out.
    """

    subject: Subject
    verdicts: Verdicts
    turned: Verdicts
    at: Ints
    day_low: Floats | None = None

    @property
    def sessions(self) -> Dates:
        return self.verdicts.sessions[self.at]

    def day(self, row: int) -> date:
        """The label of one of the n sessions."""
        return self.verdicts.day(int(self.at[row]))


def tracks(board: Board, question: Question) -> Iterator[Track]:
    """The subjects that `question` is asked about, in the engine's order."""
    rule, series = question.rule, board.series[question.basket]
    final = np.arange(len(series.sessions)) < series.final_sessions
    if rule.contrast is not None:
        one, other = rule.contrast
        columns = board.of_spread(one, other, rule.window)
        turned = board.of_spread(other, one, rule.window) if rule.upward else columns
        last = series.sessions[: series.final_sessions][-1:]
        yield Track(question.subject, columns, turned, _rows(columns, columns.sessions <= last))
    elif question.about_members(board):
        for column, member in enumerate(series.basket.members):
            columns = board.of_member(question.basket, member.symbol, rule.window)
            subject = Subject(rule.name, question.basket, member.symbol)
            at = _rows(columns, final & series.listed[:, column])
            yield Track(subject, columns, columns, at, series.day_lows[:, column])
    else:
        columns = board.of_basket(question.basket, rule.window)
        alone = len(series.basket.members) == 1
        yield Track(question.subject, columns, columns, _rows(columns, final), series.day_lows[:, 0] if alone else None)


def _rows(columns: Verdicts, judged: Flags) -> Ints:
    return (columns.defined & judged).nonzero()[0]
