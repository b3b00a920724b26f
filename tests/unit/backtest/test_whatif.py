"""What if: every answer is held against a history in which it happened."""

from __future__ import annotations

from typing import Any

import pytest

from bot.alerts.conditions import Evidence, highest_level
from bot.backtest.replay import worst_final_moves
from bot.backtest.whatif import evaluate_move, level_distances
from bot.baskets import BasketId
from bot.errors import NoData
from bot.languages import languages
from bot.messages.history_text import render_whatif
from bot.pipeline import Rulebook
from bot.statistics.verdict import DrawdownState, Verdict
from tests import hindsight
from tests.property import builders
from tests.world import World, basket, book, falling, rule, weekdays

COUNT = 1500
DAYS = weekdays(COUNT + 1)
MEMORY = BasketId("memory")
FALLS = {300: -0.08, 301: -0.05, 700: -0.12, 1100: -0.04, 1101: -0.05, -1: -0.01}


def history(seed: int = 0, **last: float) -> World:
    """One symbol up to the last session but one, or with that session's return."""
    returns = falling(COUNT - 1, FALLS, seed, size=0.01)
    return World(DAYS).trade("MU", [*returns, *last.values()])


def rulebook(**more: Any) -> Rulebook:
    entering = rule("bear market", "memory", levels={"severe": {"enters": DrawdownState.BEAR}})
    return book([basket("memory", "MU", zh="存储板块")], rule("two-session fall", "memory"), entering, **more)


def happened(daily: float, window: int = 2) -> Verdict:
    """The verdict of a history that ends with such a session."""
    columns = history(last=daily).board(rulebook()).of_basket(MEMORY, window)
    found = columns.at(COUNT)
    assert found is not None
    return found


@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("move", [-0.5, -0.21, -0.125, -0.09, -0.042, -0.0123, 0.0, 0.03])
def test_it_is_what_a_history_with_such_a_session_says(move: float, window: int) -> None:
    found = evaluate_move(history().board(rulebook()), rulebook(), MEMORY, move, window)
    assert found.verdict.session == DAYS[COUNT]
    assert found.verdict.move == pytest.approx(move, abs=1e-12)
    there = happened(found.verdict.daily_return, window)
    for name in ("rank", "sample", "percentile", "worst_since", "worst_in_years", "record", "state", "entered_state"):
        assert getattr(found.verdict, name) == getattr(there, name), name


@pytest.mark.parametrize("move", [-0.2, -0.125, -0.09, -0.03, 0.01])
def test_the_rung_and_the_least_further_fall_to_the_next(move: float) -> None:
    found = evaluate_move(history().board(rulebook()), rulebook(), MEMORY, move)
    assert [one.rule.name for one in found.forecasts] == ["two-session fall", "bear market"]
    for reach in found.forecasts:

        def severity(daily: float, of: Any = reach.rule) -> int:
            rung = highest_level(of, Evidence(happened(daily)))
            return 0 if rung is None else rung.severity

        daily = found.verdict.daily_return
        now = 0 if reach.level is None else reach.level.severity
        assert now == severity(daily)
        if reach.further is None:
            assert severity(-0.999) == now
            continue
        assert reach.next_level is not None
        further = reach.further.fraction
        assert severity((1 + daily) * (1 + further) - 1) == reach.next_level.severity > now
        assert severity((1 + daily) * (1 + further + 0.001) - 1) == now


def test_the_next_claim_further_down() -> None:
    found = evaluate_move(history().board(rulebook()), rulebook(), MEMORY, -0.09)
    assert found.further is not None
    daily = found.verdict.daily_return
    there = happened((1 + daily) * (1 + found.further.fraction) - 1)
    before = happened((1 + daily) * (1 + found.further.fraction + 0.001) - 1)
    years = found.verdict.worst_in_years or 0
    assert there.record or (there.worst_in_years or 0) > years
    assert not before.record
    assert (before.worst_in_years or 0) == years


def test_in_words() -> None:
    found = evaluate_move(history().board(rulebook()), rulebook(), MEMORY, -0.09)
    english, chinese = (render_whatif(found, (), language).lines for language in languages())
    assert english == (
        "If Memory closes −8.1 % on 1 Oct 2020, it has moved −9.0 % in two sessions: worst in 3 years",
        "Rank 4 of 1,499 two-session moves since 2015 (overlapping) · worst 0.27 %",
        "Another −4.2 % would make it the worst on record, since 2 Jan 2015",
        "Rule “two-session fall”: warning; extreme with another −4.2 %",
        "Rule “bear market”: nothing to say; severe with another −12.1 %",
    )
    assert chinese[0] == "若存储板块2020年10月1日涨跌幅为 −8.1%，两日累计为 −9.0%，创 3 年来最差两日表现"
    assert chinese[2:4] == (
        "若再跌 4.2%，将为有记录以来最差（始于 2015年1月2日）",
        "规则“two-session fall”：警告；再跌 4.2% 即为极端",
    )
    deep = evaluate_move(history().board(rulebook()), rulebook(), MEMORY, -0.21)
    assert "Memory would enter a bear market: −21.0 % from its high" in render_whatif(deep, (), "en").plain


def test_rules_about_members_lows_and_other_baskets_have_no_answer() -> None:
    baskets = [basket("memory", "MU", "WDC"), basket("other", "MU")]
    asked = rulebook().rules[0]
    rules = [
        rule("members", "memory", members=True),
        rule("plunge", "memory", levels={"warning": {"day_low": -0.1}}),
        rule("elsewhere", "other"),
        asked,
    ]
    world = history().trade("WDC", falling(COUNT - 1, {}, 3))
    made = book(baskets, *rules)
    assert [one.rule for one in evaluate_move(world.board(made), made, MEMORY, -0.1).forecasts] == [asked]


def test_without_a_reading_before_it_there_is_nothing_to_suppose() -> None:
    world = World(DAYS).trade("MU", [*falling(COUNT - 2, {}), None])
    with pytest.raises(NoData, match="no reading"):
        evaluate_move(world.board(rulebook()), rulebook(), MEMORY, -0.1)


def test_at_the_end_of_the_calendar_there_is_no_next_session() -> None:
    with pytest.raises(NoData, match="calendar ahead"):
        evaluate_move(history(last=0.0).board(rulebook()), rulebook(), MEMORY, -0.1)


def test_the_worst_moves() -> None:
    board = history().board(rulebook())
    moves = builders.numbers(board.of_basket(MEMORY, 2).move)
    there = [at for at, one in enumerate(moves) if one is not None]
    expected = sorted(hindsight.apart(moves, there, 2), key=lambda at: moves[at])[:5]
    assert [(one.session, one.move) for one in worst_final_moves(board, MEMORY, 5)] == [
        (DAYS[at], moves[at]) for at in expected
    ]


@pytest.mark.parametrize("daily", [-0.05, -0.021, 0.01])
def test_the_distance_on_a_session_is_what_was_foretold_the_day_before(daily: float) -> None:
    then = evaluate_move(history().board(rulebook()), rulebook(), MEMORY, happened(daily).move)
    now = level_distances(history(last=daily).board(rulebook()), rulebook(), MEMORY, DAYS[COUNT])
    assert [(one.rule, one.level, one.next_level) for one in now] == [
        (one.rule, one.level, one.next_level) for one in then.forecasts
    ]
    for here, there in zip(now, then.forecasts, strict=True):
        fractions = [one.further and one.further.fraction for one in (here, there)]
        assert fractions[0] == pytest.approx(fractions[1], abs=1e-9)


def test_without_a_reading_there_is_no_distance() -> None:
    board = history(last=float("nan")).board(rulebook())
    assert level_distances(board, rulebook(), MEMORY, DAYS[0]) == ()
    assert level_distances(board, rulebook(), MEMORY, DAYS[COUNT]) == ()
