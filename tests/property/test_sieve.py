"""The sessions that are passed over would not have fired: evaluated on all of them, the rules decide the same."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from math import isnan

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.alerts.conditions import CONDITIONS, Evidence, candidate_sessions, highest_level
from bot.alerts.episodes import DecisionReason, Subject, SubjectState
from bot.alerts.rules import Level, Rule
from bot.alerts.targets import contrast_verdict, rule_targets
from bot.baskets import BasketId
from bot.pipeline import EvaluationResult, evaluate
from bot.prices.bars import Floats, Symbol
from bot.statistics.measure import VerdictColumns
from tests import oracle
from tests.property.worlds import any_world
from tests.world import rule

seeds = st.integers(0, 10**9)


@given(seeds)
@settings(max_examples=15)
def test_candidates_are_the_sessions_on_which_a_level_holds(seed: int) -> None:
    world, rulebook = any_world(seed)
    board = world.board(rulebook)
    for asked in (one for one in rulebook.rules if one.contrast is None):
        for name in asked.baskets:
            lows = board.series[name].day_lows()[:, 0]
            for columns in (board.of_basket(name, asked.window), board.of_member(name, Symbol("AAA"), asked.window)):
                check(asked, columns, lows)


@given(seeds)
@settings(max_examples=8)
def test_a_session_exactly_at_the_threshold_is_a_candidate(seed: int) -> None:
    world, rulebook = any_world(seed)
    board = world.board(rulebook)
    columns, lows = board.of_basket(BasketId("one"), 2), board.series[BasketId("one")].day_lows()[:, 0]
    for at in range(0, len(lows), 7):
        seen = columns.at(at)
        exact = [{"day_low": lows.item(at)}]
        if seen is not None:
            exact += [{"move": seen.move}, {"percentile": seen.percentile}, {"state": seen.state}]
        for condition in exact:
            check(rule("line", "one", levels={"warning": condition}), columns, lows)


def check(asked: Rule, columns: VerdictColumns, lows: Floats) -> None:
    candidates = candidate_sessions(asked, columns, lows)
    for at, low in enumerate(lows.tolist()):
        evidence = Evidence(columns.at(at), None if isnan(low) else low)
        level = highest_level(asked, evidence)
        assert level == plain_level(asked, evidence), (asked, evidence)
        assert candidates[at] == (level is not None), (asked, evidence)


def plain_level(asked: Rule, evidence: Evidence) -> Level | None:
    """The highest level by the oracle's conditions."""
    if evidence.verdict is None:
        return None
    shown = {column.name: getattr(evidence.verdict, column.name) for column in fields(evidence.verdict)}
    highest = None
    for level in asked.levels:
        values = {key: getattr(level, condition.field) for key, condition in CONDITIONS.items()}
        if all(
            oracle.condition_holds(key, value, shown, evidence.day_low, asked.upward)
            for key, value in values.items()
            if value is not None and value is not False
        ):
            highest = level
    return highest


@given(seeds)
@settings(max_examples=15)
def test_every_session_on_which_a_gap_stands_out_is_on_the_agenda(seed: int) -> None:
    world, rulebook = any_world(seed)
    board = world.board(rulebook)
    asked = rule_targets(board, rulebook.rules)
    for question in asked:
        if question.rule.contrast is None:
            continue
        for day in board.sessions():
            evidence = Evidence(contrast_verdict(board, question.rule, day))
            level = highest_level(question.rule, evidence)
            assert level == plain_level(question.rule, evidence), (question.rule, day)
            assert (day in question.candidates(board)) == (level is not None), (question.rule, day)


def answers(judgement: EvaluationResult) -> set[tuple[object, ...]]:
    return {(one.subject, one.reason, one.level, one.state) for one in judgement.decisions}


@given(seeds)
@settings(max_examples=6)
def test_asked_about_everything_the_rules_answer_the_same(seed: int) -> None:
    world, rulebook = any_world(seed, longest=270)
    board = world.board(rulebook)
    some: dict[Subject, SubjectState] = {}
    all_: dict[Subject, SubjectState] = {}
    for day in board.sessions():
        sifted, whole = evaluate(board, rulebook, day, some), evaluate(board, rulebook, day, all_, every=True)
        assert sifted.alerts == whole.alerts
        assert sifted.states == whole.states
        assert answers(sifted) <= answers(whole)
        some |= sifted.states
        all_ |= whole.states


def news(judgement: EvaluationResult) -> set[tuple[object, ...]]:
    """What is told, by itself or in another message: which, depends on what is asked at the same time."""
    return {
        (one.subject, one.level) for one in judgement.decisions if one.fires or one.reason is DecisionReason.INHIBITED
    }


@given(seeds, st.data())
@settings(max_examples=6)
def test_questions_asked_one_by_one_get_the_same_answers(seed: int, data: st.DataObject) -> None:
    world, rulebook = any_world(seed, longest=60)
    board = world.board(rulebook)
    memories: dict[Subject, SubjectState] = {}
    asked = rule_targets(board, rulebook.rules)
    for day in board.sessions():
        together = evaluate(board, rulebook, day, memories)
        first = frozenset(data.draw(st.sets(st.sampled_from(asked))))
        apart = [evaluate(board, rulebook, day, memories, only=only) for only in (first, frozenset(asked) - first)]
        assert together.states == {**apart[0].states, **apart[1].states}
        assert news(together) == news(apart[0]) | news(apart[1])
        memories |= together.states


def test_a_day_without_a_session_asks_nothing() -> None:
    world, rulebook = any_world(1)
    judgement = evaluate(world.board(rulebook), rulebook, date(1999, 1, 1), {}, every=True)
    assert judgement == replace(judgement, decisions=(), states={}, alerts=())
