"""Session-by-session replay, explanation of one session, worst moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.alerts.episodes import Alert, Decision, Subject, SubjectState
from bot.alerts.targets import rule_targets
from bot.baskets import BasketId
from bot.pipeline import FORGOTTEN, EvaluationResult, Rulebook, evaluate
from bot.statistics.market_stats import MarketStats
from bot.statistics.precedents import DatedMove, worst_moves

SILENCE = EvaluationResult((), {}, ())


@dataclass(frozen=True, slots=True)
class ReplayedSession:
    """One evaluated session of a replay, and the subjects with an open episode after it."""

    day: date
    result: EvaluationResult
    states: Mapping[Subject, SubjectState]


def replay_sessions(
    stats: MarketStats, rulebook: Rulebook, sessions: Sequence[date] | None = None
) -> Iterator[ReplayedSession]:
    """The sessions evaluated by the live rule engine, in order; None = all sessions of the data.

    Episodes depend on the past: a replay of a stretch starts at the first session of the data, and drops the sessions
    before the stretch.
    """
    states: dict[Subject, SubjectState] = {}
    candidates = {day for target in rule_targets(stats, rulebook.rules) for day in target.candidates(stats)}
    for day in stats.sessions() if sessions is None else sessions:
        result = evaluate(stats, rulebook, day, states) if states or day in candidates else SILENCE
        states = {**states, **result.states}
        for subject, state in result.states.items():
            if state.episode is None:
                del states[subject]
        yield ReplayedSession(day, result, states)


def replayed_alerts(
    stats: MarketStats,
    rulebook: Rulebook,
    start: date | None = None,
    stop: date | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Alert]:
    """The alerts of the sessions from `start` to `stop` (both included), in the order of sending."""
    days = [day for day in stats.sessions() if stop is None or day <= stop]
    for done, session in enumerate(replay_sessions(stats, rulebook, days)):
        if progress is not None:
            progress(done, len(days))
        if start is None or session.day >= start:
            yield from session.result.alerts


@dataclass(frozen=True, slots=True)
class ExplainedDecision:
    """One decision, fired or not, and the state of its subject before the session."""

    decision: Decision
    before: SubjectState


def explain_session(
    stats: MarketStats, rulebook: Rulebook, basket: BasketId, day: date, warm_up: int | None = None
) -> Iterator[ExplainedDecision]:
    """The decisions of every rule about `basket` on `day`, fired or not, after a replay of the sessions before.

    `warm_up`: the number of replayed sessions (None = all); older episodes are unknown.
    """
    states: Mapping[Subject, SubjectState] = {}
    before = [earlier for earlier in stats.sessions(final=False) if earlier < day]
    for session in replay_sessions(stats, rulebook, before if warm_up is None else before[-warm_up:]):
        states = session.states
    for decision in evaluate(stats, rulebook, day, states, every=True).decisions:
        if basket in (decision.subject.basket, decision.subject.against):
            yield ExplainedDecision(decision, states.get(decision.subject, FORGOTTEN))


def worst_final_moves(stats: MarketStats, basket: BasketId, n: int, window: int = 2) -> tuple[DatedMove, ...]:
    """The `n` worst `window`-session moves up to the last final session, worst first; no two windows overlap."""
    position = stats.series[basket].final_sessions - 1
    return worst_moves(stats.of_basket(basket, window), position, n) if position >= 0 else ()
