from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from bot.statistics.measure import measure_basket, measure_spread
from bot.statistics.verdict import DrawdownThresholds, Verdict
from tests.property.builders import series, weekdays

MONDAY = date(2024, 1, 1)


def verdicts(returns: list[float | None], days: list[date] | None = None, window: int = 1) -> list[Verdict | None]:
    return list(
        measure_basket(series(days or weekdays(MONDAY, len(returns)), returns), window, DrawdownThresholds()).rows()
    )


def last(returns: list[float | None], days: list[date] | None = None, window: int = 1) -> Verdict:
    verdict = verdicts(returns, days, window)[-1]
    assert verdict is not None
    return verdict


def test_two_days_compound() -> None:
    verdict = last([None, -0.099, -0.092], window=2)
    assert verdict.move == (1 - 0.099) * (1 - 0.092) - 1
    assert verdict.daily_return == -0.092


def test_ties_share_a_rank_and_count_as_bad() -> None:
    verdict = last([None, -0.02, -0.01, -0.02, 0.03, -0.02])
    assert (verdict.rank, verdict.sample) == (1, 5)
    assert not verdict.record
    assert verdict.worst_since == weekdays(MONDAY, 4)[3]
    assert verdict.sessions_since_worst == 2


def test_the_latest_as_bad_is_the_answer_not_the_worst() -> None:
    verdict = last([None, -0.5, -0.03, 0.01, -0.02, -0.03])
    assert verdict.sessions_since_worst == 3
    assert verdict.rank == 2


def test_none_as_bad_is_a_record() -> None:
    verdict = last([None, -0.01, 0.02, -0.03])
    assert verdict.record
    assert (verdict.rank, verdict.worst_since, verdict.sessions_since_worst, verdict.worst_in_years) == (
        1,
        None,
        None,
        None,
    )


def test_a_missing_reading_takes_out_every_window_that_needs_it() -> None:
    found = verdicts([None, -0.01, -0.02, None, -0.03, -0.04], window=2)
    assert [one is None for one in found] == [True, True, False, True, True, False]
    assert found[5] is not None
    assert found[5].sample == 2


def test_the_gap_counts_sessions_without_a_reading() -> None:
    verdict = last([None, -0.05, None, None, -0.01, -0.02])
    assert verdict.sessions_since_worst == 4


@pytest.mark.parametrize(("windows", "known"), [(249, False), (250, True)])
def test_no_percentile_below_250_windows(windows: int, *, known: bool) -> None:
    verdict = last([None, *[0.01] * (windows - 1), -0.01])
    assert verdict.sample == windows
    assert verdict.percentile == (100 / 250 if known else None)


@pytest.mark.parametrize(
    ("begin", "as_bad", "session", "years"),
    [
        # Whole years by anniversary, rounded down.
        ("2010-01-04", "2014-04-10", "2026-07-02", 12),
        ("2010-01-04", "2014-07-02", "2026-07-02", 12),
        ("2010-01-04", "2014-07-03", "2026-07-02", 11),
        ("2010-01-04", "2025-07-02", "2026-07-02", 1),
        ("2010-01-04", "2025-07-03", "2026-07-02", None),
        # The anniversary of a 29 February is 1 March.
        ("2010-01-04", "2024-02-29", "2025-02-28", None),
        ("2010-01-04", "2024-02-29", "2025-03-03", 1),
        ("2010-01-04", "2024-02-29", "2028-02-29", 4),
        # Three years of history, or nothing is said.
        ("2010-01-04", "2011-01-05", "2013-01-03", None),
        ("2010-01-04", "2011-01-05", "2013-01-07", 2),
    ],
)
def test_worst_in_years(begin: str, as_bad: str, session: str, years: int | None) -> None:
    first, then, now = map(date.fromisoformat, (begin, as_bad, session))
    days = [first - timedelta(days=1), first, then, then + timedelta(days=1), now]
    verdict = last([None, 0.0, -0.05, 0.01, -0.04], days)
    assert verdict.worst_since == then
    assert verdict.worst_in_years == years


def test_years_are_not_counted_in_sessions() -> None:
    """Two exchanges with few common sessions: 150 of them between two dates more than a year apart."""
    days = [date(2020, 1, 1) + timedelta(days=3 * step) for step in range(600)]
    returns = [None, *[0.01] * 598, -0.02]
    returns[440] = -0.05
    verdict = last(returns, days)
    assert verdict.sessions_since_worst == 159
    assert verdict.worst_in_years == 1


def test_history_begins_with_the_first_reading() -> None:
    assert last([None, None, None, 0.01, -0.02]).since == weekdays(MONDAY, 4)[3]


@pytest.mark.parametrize("returns", [[], [None], [None, None], [None, 0.01]])
def test_too_little_for_a_move(returns: list[float | None]) -> None:
    found = measure_basket(series(weekdays(MONDAY, len(returns)), returns), 2, DrawdownThresholds())
    assert not found.defined.any()
    assert list(found.rows()) == [None] * len(returns)


def test_rows_of_a_part() -> None:
    found = measure_basket(series(weekdays(MONDAY, 5), [None, 0.01, -0.02, 0.03, -0.01]), 2, DrawdownThresholds())
    whole = list(found.rows())
    assert list(found.rows(2, 4)) == whole[2:4]
    assert list(found.rows(3)) == whole[3:]
    assert found.at(4) == whole[4]


def test_a_spread_is_a_difference_of_moves() -> None:
    days = weekdays(MONDAY, 4)
    one = series(days, [None, 0.02, 0.01, -0.03])
    other = series(days[1:], [0.01, None, 0.02])
    found = measure_spread(one, other, 1, DrawdownThresholds())
    assert found.sessions.tolist() == days[1:]
    assert found.move[[0, 2]].tolist() == [(1 + 0.02) - 1 - ((1 + 0.01) - 1), (1 - 0.03) - 1 - ((1 + 0.02) - 1)]
    assert np.isnan(found.move[1])


def test_a_spread_has_no_drawdown() -> None:
    days = weekdays(MONDAY, 30)
    falling = series(days, [None, *[-0.3] * 29])
    rising = series(days, [None, *[0.9] * 29])
    found = measure_spread(falling, rising, 2, DrawdownThresholds())
    assert (found.drawdown == 0).all()
    assert not found.state.any()


def test_coverage_of_a_spread_is_the_worse_one() -> None:
    days = weekdays(MONDAY, 3)
    one, other = (replace(series(days, [None, 0.01, 0.02]), coverage=np.full(3, share)) for share in (0.9, 0.8))
    assert measure_spread(one, other, 1, DrawdownThresholds()).coverage.tolist() == [0.8] * 3
