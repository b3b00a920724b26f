"""The way of columns against the engine, session by session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.alerts import Evidence, Question, Severity, questions
from bot.alerts.decide import deepest_rung
from bot.backtest.fit import GRIDS, fitted_condition, reached
from bot.backtest.hearings import Hearing, Word, hearings
from bot.backtest.ladders import Condition, with_threshold
from bot.backtest.provisional import basket_low, low_moves, severities_at_low
from bot.backtest.replay import alerts
from bot.backtest.tracks import tracks
from bot.backtest.tuning import tune
from bot.baskets import BasketId
from bot.pipeline import Rulebook
from bot.prices import Dates, Flags
from bot.statistics import Board, Past
from tests.property.worlds import any_world
from tests.world import rule

Told = tuple[date, tuple[tuple[str, str, int, int], ...]]


def by_engine(board: Board, rulebook: Rulebook) -> Iterator[tuple[BasketId, str, Hearing]]:
    """The alerts of a replay, each with its basket and its rule's name."""
    standing: dict[tuple[str, str, str], int] = {}
    for alert in alerts(board, rulebook):
        words, news = [], alert.decisions[0].news
        for one in alert.decisions:
            episode = one.memory.episode
            assert one.rung is not None
            assert episode is not None
            key = (one.subject.key, episode.id, str(episode.opened))
            words.append(Word(one.subject.member, one.reason, one.rung.severity, standing.get(key, 0), episode.move))
            standing[key] = int(one.rung.severity)
        yield alert.subject.basket, alert.rule.name, Hearing(alert.session, tuple(words), news)


def by_replay(board: Board, rulebook: Rulebook, question: Question) -> list[Told]:
    """The rule is asked alone: what a fall of the basket mutes is counted all the same."""
    alone = replace(rulebook, rules=(question.rule,))
    return [
        (one.session, tuple((word.member, word.reason.value, int(word.severity), word.before) for word in one.words))
        for basket, _, one in by_engine(replace(board, _notes={}), alone)
        if basket == question.basket
    ]


def by_columns(board: Board, rulebook: Rulebook, question: Question) -> list[Told]:
    found = hearings(question.rule, tuple(tracks(board, question, {})), rulebook.close_after)
    return [
        (one.session, tuple((word.member, word.reason.value, int(word.severity), word.before) for word in one.words))
        for one in found
    ]


@given(st.integers(0, 10**9))
@settings(max_examples=10)
def test_columns_say_what_the_engine_says(seed: int) -> None:
    world, rulebook = any_world(seed, longest=300)
    board = world.board(rulebook)
    for question in questions(board, rulebook.rules):
        assert by_columns(board, rulebook, question) == by_replay(board, rulebook, question)


def every_session(sessions: Dates) -> Flags:
    return np.ones(len(sessions), dtype=np.bool_)


@given(st.integers(0, 10**9), st.sampled_from(["percentile", "worst_in_months", "move", "day_low"]), st.booleans())
@settings(max_examples=25)
def test_a_candidate_counts_what_a_replay_of_it_counts(seed: int, condition: Condition, members: bool) -> None:
    """With a single rung, exactly; `fit` says where it is not exact with more of them."""
    world, rulebook = any_world(seed)
    board = world.board(rulebook)
    value = {"percentile": 5.0, "worst_in_months": 3, "move": -0.05, "day_low": -0.05}[condition]
    asked = rule("fall", "one", rungs={"warning": {condition: value}}, members=members or condition == "day_low")
    question = Question(asked, rulebook.baskets[0].id)
    subjects = tuple(tracks(board, question, {}))
    grid = GRIDS[condition][:: len(GRIDS[condition]) // 4]
    counted = reached(asked, 0, condition, subjects, rulebook.close_after, every_session, grid)
    for candidate, count in zip(grid.tolist(), counted.tolist(), strict=True):
        turned = replace(asked, rungs=(with_threshold(asked.rungs[0], condition, candidate),))
        told = by_engine(replace(board, _notes={}), replace(rulebook, rules=(turned,)))
        assert count == sum(hearing.reaches(Severity.WARNING) for *_, hearing in told)


@given(st.integers(0, 10**9))
@settings(max_examples=20)
def test_a_low_is_judged_as_if_it_were_the_close(seed: int) -> None:
    world, rulebook = any_world(seed, longest=120)
    board = world.board(rulebook)
    for question in questions(board, rulebook.rules):
        asked, series = question.rule, board.series[question.basket]
        timeless = all(rung.state is None and rung.enters is None for rung in asked.rungs)
        if asked.contrast is not None or question.about_members(board) or not timeless:
            continue
        (track,) = tracks(board, question, {})
        whole = basket_low(series)
        moves = low_moves(track.verdicts, whole)
        found = severities_at_low(asked, track, moves)
        for row, (at, day) in enumerate(zip(track.at.tolist(), track.sessions.tolist(), strict=True)):
            if at and not np.isnan(moves[at]):
                past = Past.of(track.verdicts, at - 1, rulebook.lines)
                then = past.next(day, float(whole[at]), 1.0)
                rung = deepest_rung(asked, Evidence(then, None if track.day_low is None else float(track.day_low[at])))
                assert found[row] == (int(rung.severity) if rung else 0), (asked, day)


def test_every_kind_of_condition_is_fitted_or_left() -> None:
    kinds = [{"percentile": 1.0}, {"worst_in_months": 3}, {"move": -0.1}, {"day_low": -0.1}, {"record": True}]
    rungs = [rule("fall", "a", rungs={"notice": kind}).rungs[0] for kind in kinds]
    assert [fitted_condition(rung) for rung in rungs] == ["percentile", "worst_in_months", "move", "day_low", None]


@given(st.integers(0, 10**9))
@settings(max_examples=10)
def test_what_is_sent_is_what_the_engine_sends_of_all_rules_together(seed: int) -> None:
    """After muting: the same sessions, severities and members, wherever the basket's years allow a rate."""
    world, rulebook = any_world(seed, longest=300)
    board, tables = world.board(rulebook), world.market(rulebook).tables
    told = list(by_engine(replace(board, _notes={}), rulebook))
    for basket in board.series:
        found = tune(tables, rulebook, basket, 4.0, {})
        if len(found) < len([one for one in questions(board, rulebook.rules) if one.basket == basket]):
            continue  # a rule without a rate is not there to mute others
        for one in found:
            mine = [heard for about, name, heard in told if (about, name) == (basket, one.rule.name)]
            assert [(heard.session, heard.severity, {word.member for word in heard.words}) for heard in one.sent] == [
                (heard.session, heard.severity, {word.member for word in heard.words}) for heard in mine
            ]
