"""What a session was judged on is remembered, whichever question is asked about it later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.prices.bars import Symbol
from bot.watch.grounds import Grounds
from tests.world import NEW_YORK, calendar, weekdays

AA = Symbol("AA")
DAYS = weekdays(5)


class Hours:
    """New York alone."""

    def get(self, _code: str) -> object:
        return calendar(NEW_YORK, DAYS)


def test_a_question_that_is_behind_forgets_no_close_that_another_has_judged() -> None:
    judged = dict.fromkeys(DAYS, 100.0)
    grounds = Grounds(before={AA: judged}, now={AA: {**judged, DAYS[-1]: 99.0}})
    behind = datetime.combine(DAYS[-2], datetime.min.time(), UTC) + timedelta(hours=23)
    assert grounds.judged({AA: behind}, Hours()) == {AA: judged}
    assert grounds.judged({AA: behind + timedelta(days=1)}, Hours()) == {AA: {**judged, DAYS[-1]: 99.0}}
