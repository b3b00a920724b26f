"""What a session was judged on is remembered, whichever question is asked about it later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from bot.prices.bars import Symbol
from bot.prices.revisions import EvaluatedCloses
from tests.world import NEW_YORK, calendar, weekdays

AA, BB = Symbol("AA"), Symbol("BB")
DAYS = weekdays(5)


class Hours:
    """New York alone."""

    def get(self, _code: str) -> object:
        return calendar(NEW_YORK, DAYS)


def test_a_question_that_is_behind_forgets_no_close_that_another_has_judged() -> None:
    judged = dict.fromkeys(DAYS, 100.0)
    grounds = EvaluatedCloses(evaluated={AA: judged}, current={AA: {**judged, DAYS[-1]: 99.0}})
    behind = datetime.combine(DAYS[-2], datetime.min.time(), UTC) + timedelta(hours=23)
    assert grounds.after_evaluation({AA: behind}, Hours()) == {AA: judged}
    assert grounds.after_evaluation({AA: behind + timedelta(days=1)}, Hours()) == {AA: {**judged, DAYS[-1]: 99.0}}


def test_closes_are_missing_from_the_first_that_is_not_there_any_more() -> None:
    evaluated = {AA: {**dict.fromkeys(DAYS, 100.0), DAYS[1]: None}, BB: dict.fromkeys(DAYS[1:], 50.0)}
    recent = dict.fromkeys(DAYS[1:], 101.0)  # the first session is no recent one any more
    closes = EvaluatedCloses(evaluated, {AA: {**recent, DAYS[1]: None}})
    assert closes.missing_since([AA]) == date.max
    assert EvaluatedCloses(evaluated, {AA: {**recent, DAYS[3]: None}}).missing_since([AA]) == DAYS[3]
    assert closes.missing_since([AA, BB]) == DAYS[1]  # BB cannot be had
