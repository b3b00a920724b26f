"""`explain` against the engine: for every session of a replay."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.alerts.episodes import DecisionReason, Subject, SubjectState
from bot.backtest.replay import explain_session, replay_sessions
from bot.cli.explain import decision_lines
from tests import told
from tests.property.worlds import any_world


@given(st.integers(0, 10**9))
@settings(max_examples=4)
def test_explain_agrees_with_the_engine_on_every_session(seed: int) -> None:
    """The same reasons, rungs and memories, and of what the engine passes over only silence without an episode."""
    world, rulebook = any_world(seed, longest=150)
    board = world.board(rulebook)
    rng = random.Random(seed)
    before: dict[Subject, SubjectState] = {}
    for session in replay_sessions(board, rulebook):
        # Where something is said every basket is asked about, on every second quiet session one.
        spoken = [
            one.subject for one in session.result.decisions if one.fires or one.reason is DecisionReason.INHIBITED
        ]
        asked = set(board.series) if spoken and rng.random() < 0.3 else {rng.choice(list(board.series))}
        if not spoken and rng.random() < 0.5:
            asked = set()
        judged = {
            one.subject: one for one in session.result.decisions if asked & {one.subject.basket, one.subject.against}
        }
        explained = {
            answer.decision.subject: answer
            for basket in asked
            for answer in explain_session(board, rulebook, basket, session.day)
        }
        assert set(judged) <= set(explained)
        assert {one for one in explained if explained[one].decision.fires} == {
            one.subject for one in judged.values() if one.fires
        }
        for subject, answer in explained.items():
            assert answer.before.episode == before.get(subject, SubjectState()).episode
            if subject in judged:
                engine = judged[subject]
                assert (answer.decision.reason, answer.decision.level) == (engine.reason, engine.level)
                assert answer.decision.state == engine.state
            else:
                assert answer.decision.reason in (DecisionReason.BELOW_THRESHOLD, DecisionReason.INSUFFICIENT_DATA)
                assert answer.before.episode is None
        before = dict(session.states)


def test_the_worlds_have_every_rule_speak_and_every_reason() -> None:
    """Else the agreement above would be about less than it says."""
    spoke, reasons = set(), set()
    for seed in range(12):
        world, rulebook = any_world(seed, longest=150)
        for session in replay_sessions(world.board(rulebook), rulebook):
            for one in session.result.decisions:
                reasons.add(one.reason)
                if one.fires:
                    spoke.add((one.subject.rule, bool(one.subject.member)))
    assert spoke >= {
        ("falls", False), ("members", True), ("enters", True), ("enters", False), ("plunges", True), ("gap", False),
        ("gap abroad", False),
    }  # fmt: skip
    assert reasons >= {
        DecisionReason.FIRST,
        DecisionReason.ESCALATED,
        DecisionReason.DEEPENED,
        DecisionReason.CLOSED,
        DecisionReason.SAME_LEVEL,
        DecisionReason.INHIBITED,
        DecisionReason.BELOW_THRESHOLD,
        DecisionReason.INSUFFICIENT_DATA,
    }


@given(st.integers(0, 10**9))
@settings(max_examples=6)
def test_what_explain_prints_is_what_it_found(seed: int) -> None:
    """The line about a rule gives the reason, and each rung is printed as met exactly if all its conditions are."""
    world, rulebook = any_world(seed, longest=300)
    opened = told.opened(world.market(rulebook), rulebook)
    rng = random.Random(seed)
    spoke = [one.day for one in replay_sessions(opened.board, opened.rulebook) if one.result.alerts]
    for day in rng.sample(spoke, min(3, len(spoke))):
        for basket in opened.board.series:
            for answer in explain_session(opened.board, opened.rulebook, basket, day):
                lines = list(decision_lines(opened, answer.decision, answer.before))
                assert lines[0].endswith(f": {answer.decision.reason.value}")
                met = [line.split()[0] for line in lines[1:] if line.endswith(" met") and "not met" not in line]
                rung = answer.decision.level
                assert (met[-1] if met else None) == (rung.severity.word if rung else None)
