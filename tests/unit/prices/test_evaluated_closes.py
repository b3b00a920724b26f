"""What a session was judged on is remembered, whichever question is asked about it later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.prices.bars import Symbol
from bot.prices.revisions import EvaluatedCloses
from tests.world import NEW_YORK, calendar, weekdays

AA = Symbol("AA")
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
