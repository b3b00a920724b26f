from __future__ import annotations

from datetime import date

import pytest

from bot.statistics.measure import measure_basket
from bot.statistics.verdict import DrawdownState, DrawdownThresholds, Verdict
from tests.property.builders import series, weekdays

NONE, PULLBACK, CORRECTION, BEAR, CRASH = DrawdownState
DAYS = weekdays(date(2024, 1, 1), 400)


def on_levels(levels: list[float | None], lines: DrawdownThresholds = DrawdownThresholds()) -> list[Verdict | None]:
    """The verdicts of a series that begins at 100 and closes at these levels; None = no close."""
    returns: list[float | None] = [None]
    before: float | None = 100.0
    for level in levels:
        returns.append(None if level is None or before is None else level / before - 1)
        before = level
    return list(measure_basket(series(DAYS[: len(returns)], returns), 1, lines).rows())[1:]


def states(levels: list[float | None], lines: DrawdownThresholds = DrawdownThresholds()) -> list[DrawdownState]:
    return [one.state for one in on_levels(levels, lines) if one is not None]


def entries(levels: list[float | None]) -> list[DrawdownState]:
    return [one.entered_state for one in on_levels(levels) if one is not None]


def test_the_close_before_the_first_return_can_be_the_peak() -> None:
    first = on_levels([94])[0]
    assert first is not None
    assert first.drawdown == pytest.approx(-0.06)
    assert first.peak_session == DAYS[0]
    assert first.state is PULLBACK


def test_the_peak_is_no_session_before_the_first_close() -> None:
    """The table may begin years before the basket."""
    returns = [None] * 300 + [-0.06, -0.01]
    verdict = measure_basket(series(DAYS[:302], returns), 2, DrawdownThresholds()).at(301)
    assert verdict is not None
    assert verdict.peak_session == DAYS[299]


def test_a_look_back_does_not_reach_before_the_first_close_either() -> None:
    returns = [None] * 300 + [-0.06, -0.01]
    verdict = measure_basket(series(DAYS[:302], returns), 2, DrawdownThresholds(lookback=252)).at(301)
    assert verdict is not None
    assert verdict.peak_session == DAYS[299]


def test_the_earliest_of_equal_peaks_counts() -> None:
    last = on_levels([120, 110, 120, 119])[-1]
    assert last is not None
    assert last.peak_session == DAYS[1]


@pytest.mark.parametrize(
    ("level", "state"),
    [(95.5, NONE), (94.5, PULLBACK), (89.5, CORRECTION), (79.5, BEAR), (64.5, CRASH), (1, CRASH)],
)
def test_each_line_enters_its_state(level: float, state: DrawdownState) -> None:
    assert states([level]) == [state]
    assert entries([level]) == [state]


def test_pullback_and_correction_are_left_when_half_is_recovered() -> None:
    assert states([89, 94, 95.5, 97, 98]) == [CORRECTION, CORRECTION, PULLBACK, PULLBACK, NONE]


def test_lines_and_half_lines_are_met_exactly() -> None:
    lines = DrawdownThresholds(-0.25, -0.5, -0.75, -0.875)
    assert states([75, 87.5, 50, 75, 25, 30], lines) == [PULLBACK, NONE, CORRECTION, PULLBACK, BEAR, CORRECTION]


def test_a_state_is_entered_once_however_often_its_line_is_crossed() -> None:
    assert entries([94, 95.5, 94, 96, 94]) == [PULLBACK, NONE, NONE, NONE, NONE]


def test_a_bear_market_is_left_after_a_rise_of_a_fifth_from_its_trough() -> None:
    assert states([79, 60.01, 70, 72, 72.1]) == [BEAR, CRASH, CRASH, CRASH, CORRECTION]


def test_a_bear_market_left_below_its_line_comes_back_below_its_trough() -> None:
    assert states([60, 50, 60.5, 55, 50.5, 49]) == [CRASH, CRASH, CORRECTION, CORRECTION, CORRECTION, CRASH]


def test_nor_does_a_long_time_make_a_difference() -> None:
    levels = [60, 50, 60.5, *[55] * 100, *[50.5] * 100, 49]
    assert states(levels)[-2:] == [CORRECTION, CRASH]


def test_a_bear_market_that_was_left_does_not_come_back_by_drifting_across_its_line() -> None:
    assert states([75, 70, 84.5, 81, 79, 71]) == [BEAR, BEAR, CORRECTION, CORRECTION, CORRECTION, CORRECTION]


def test_a_bear_market_that_was_left_comes_back_a_fifth_below_the_highest_close_since() -> None:
    assert states([75, 70, 84.5, 94, 79, 75.1]) == [BEAR, BEAR, CORRECTION, CORRECTION, CORRECTION, BEAR]


def test_a_new_peak_ends_everything() -> None:
    assert states([79, 101]) == [BEAR, NONE]


def test_a_shallower_state_stays_when_a_deeper_one_is_left() -> None:
    assert states([79, 95])[-1] is PULLBACK


def test_sessions_without_a_reading_leave_the_level_and_are_counted() -> None:
    found = on_levels([94, None, 94, 93])  # two sessions have no reading: the one without a close, and the next
    last = found[-1]
    assert found[1] is found[2] is None
    assert last is not None
    assert last.missing_sessions == 2
    assert last.drawdown == pytest.approx(0.94 * 93 / 94 - 1)


def test_holes_before_the_peak_do_not_count() -> None:
    last = on_levels([94, None, 94, 120, 119])[-1]
    assert last is not None
    assert last.missing_sessions == 0


def test_the_peak_of_a_look_back_moves_on() -> None:
    lines = DrawdownThresholds(lookback=3)
    found = [one for one in on_levels([200, 100, 90, 95], lines) if one is not None]
    assert [one.peak_session for one in found] == [DAYS[1], DAYS[1], DAYS[1], DAYS[2]]
    assert found[-1].drawdown == pytest.approx(-0.05)


def test_a_level_that_falls_to_nothing_has_an_end() -> None:
    days, returns = DAYS[:40], [None, *[-1.0] * 39]
    assert measure_basket(series(days, returns), 1, DrawdownThresholds()).state[-1] >= CORRECTION
