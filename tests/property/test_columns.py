"""The way of columns against the engine, session by session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.alerts.conditions import CONDITIONS, Evidence, highest_level, level_conditions, with_threshold
from bot.alerts.rules import Severity
from bot.alerts.targets import RuleTarget, rule_targets
from bot.backtest.replay import replayed_alerts
from bot.baskets import BasketId
from bot.pipeline import Rulebook
from bot.prices.bars import Dates
from bot.prices.table import Flags
from bot.statistics.market_stats import MarketStats
from bot.statistics.next_session import SettledHistory
from bot.tuning.fit import GRIDS, fitted_condition, times_reached
from bot.tuning.history import AlertPart, HistoricalAlert, historical_alerts, subject_series
from bot.tuning.tune import tune_basket
from bot.tuning.withdrawals import basket_low, low_moves, severities_at_low
from tests.property.worlds import any_world
from tests.world import rule

Told = tuple[date, tuple[tuple[str, str, int, int], ...]]


def by_engine(board: MarketStats, rulebook: Rulebook) -> Iterator[tuple[BasketId, str, HistoricalAlert]]:
    """The alerts of a replay, each with its basket and its rule's name."""
    standing: dict[tuple[str, str, str], int] = {}
    for alert in replayed_alerts(board, rulebook):
        words, news = [], alert.decisions[0].inhibited_severity
        for one in alert.decisions:
            episode = one.state.episode
            assert one.level is not None
            assert episode is not None
            key = (one.subject.key, episode.id, str(episode.opened))
            words.append(
                AlertPart(one.subject.member, one.reason, one.level.severity, standing.get(key, 0), episode.worst_move)
            )
            standing[key] = int(one.level.severity)
        yield alert.subject.basket, alert.rule.name, HistoricalAlert(alert.session, tuple(words), news)


def by_replay(board: MarketStats, rulebook: Rulebook, question: RuleTarget) -> list[Told]:
    """The rule is asked alone: what a fall of the basket mutes is counted all the same."""
    alone = replace(rulebook, rules=(question.rule,))
    return [
        (one.session, tuple((word.member, word.reason.value, int(word.severity), word.before) for word in one.words))
        for basket, _, one in by_engine(replace(board, _results={}), alone)
        if basket == question.basket
    ]


def by_columns(board: MarketStats, rulebook: Rulebook, question: RuleTarget) -> list[Told]:
    found = historical_alerts(question.rule, tuple(subject_series(board, question, {})), rulebook.close_after_sessions)
    return [
        (one.session, tuple((word.member, word.reason.value, int(word.severity), word.before) for word in one.words))
        for one in found
    ]


@given(st.integers(0, 10**9))
@settings(max_examples=10)
def test_columns_say_what_the_engine_says(seed: int) -> None:
    world, rulebook = any_world(seed, longest=300)
    board = world.board(rulebook)
    for question in rule_targets(board, rulebook.rules):
        assert by_columns(board, rulebook, question) == by_replay(board, rulebook, question)


def every_session(sessions: Dates) -> Flags:
    return np.ones(len(sessions), dtype=np.bool_)


@given(st.integers(0, 10**9), st.sampled_from(["percentile", "worst_in", "move", "drawdown", "day_low"]), st.booleans())
@settings(max_examples=25)
def test_a_candidate_counts_what_a_replay_of_it_counts(seed: int, key: str, members: bool) -> None:
    """With a single rung, exactly; `fit` says where it is not exact with more of them."""
    world, rulebook = any_world(seed)
    board = world.board(rulebook)
    condition = CONDITIONS[key]
    value = {"percentile": 5.0, "worst_in": 3, "move": -0.05, "drawdown": -0.05, "day_low": -0.05}[key]
    asked = rule("fall", "one", levels={"warning": {condition.field: value}}, members=members or key == "day_low")
    question = RuleTarget(asked, rulebook.baskets[0].id)
    subjects = tuple(subject_series(board, question, {}))
    grid = GRIDS[condition.unit][:: len(GRIDS[condition.unit]) // 4]
    counted = times_reached(asked, 0, condition, subjects, rulebook.close_after_sessions, every_session, grid)
    for candidate, count in zip(grid.tolist(), counted.tolist(), strict=True):
        turned = replace(asked, levels=(with_threshold(asked.levels[0], condition, candidate),))
        told = by_engine(replace(board, _results={}), replace(rulebook, rules=(turned,)))
        assert count == sum(hearing.reaches(Severity.WARNING) for *_, hearing in told)


@given(st.integers(0, 10**9))
@settings(max_examples=20)
def test_a_low_is_judged_as_if_it_were_the_close(seed: int) -> None:
    world, rulebook = any_world(seed, longest=120)
    board = world.board(rulebook)
    for question in rule_targets(board, rulebook.rules):
        asked, series = question.rule, board.series[question.basket]
        known = all(condition.basis != "drawdown" for level in asked.levels for condition in level_conditions(level))
        if asked.contrast is not None or question.about_members(board) or not known:
            continue
        (track,) = subject_series(board, question, {})
        whole = basket_low(series)
        moves = low_moves(track.verdicts, whole)
        found = severities_at_low(asked, track, moves)
        lows = series.alone[0].low if len(series.alone) == 1 else np.full(len(moves), np.nan)
        for row, (at, day) in enumerate(zip(track.positions.tolist(), track.sessions.tolist(), strict=True)):
            if at and not np.isnan(moves[at]):
                past = SettledHistory.of(
                    board.of_basket(question.basket, asked.window), at - 1, rulebook.drawdown_thresholds
                )
                then = past.next(day, float(whole[at]), 1.0)
                level = highest_level(asked, Evidence(then, None if np.isnan(lows[at]) else float(lows[at])))
                assert found[row] == (int(level.severity) if level else 0), (asked, day)


def test_every_kind_of_condition_is_fitted_or_left() -> None:
    kinds = [{"percentile": 1.0}, {"worst_in_months": 3}, {"move": -0.1}, {"day_low": -0.1}, {"record": True}]
    rungs = [rule("fall", "a", levels={"notice": kind}).levels[0] for kind in kinds]
    fitted = [fitted_condition(rung) for rung in rungs]
    assert [one.key if one else None for one in fitted] == ["percentile", "worst_in", "move", "day_low", None]


@given(st.integers(0, 10**9))
@settings(max_examples=10)
def test_what_is_sent_is_what_the_engine_sends_of_all_rules_together(seed: int) -> None:
    """After muting: the same sessions, severities and members, wherever the basket's years allow a rate."""
    world, rulebook = any_world(seed, longest=300)
    board, tables = world.board(rulebook), world.market(rulebook).tables
    told = list(by_engine(replace(board, _results={}), rulebook))
    for basket in board.series:
        found = tune_basket(tables, rulebook, basket, 4.0, {})
        if len(found) < len([one for one in rule_targets(board, rulebook.rules) if one.basket == basket]):
            continue  # a rule without a rate is not there to mute others
        for one in found:
            mine = [heard for about, name, heard in told if (about, name) == (basket, one.rule.name)]
            assert [(heard.session, heard.severity, {word.member for word in heard.words}) for heard in one.sent] == [
                (heard.session, heard.severity, {word.member for word in heard.words}) for heard in mine
            ]
