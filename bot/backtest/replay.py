"""Session-by-session replay; one session explained; worst moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.alerts.episodes import Alert, Decision, Subject, SubjectState
from bot.alerts.targets import candidates_by_session
from bot.baskets import BasketId
from bot.pipeline import FORGOTTEN, EvaluationResult, Rulebook, evaluate
from bot.statistics.market_stats import MarketStats
from bot.statistics.precedents import DatedMove, worst_moves

SILENCE = EvaluationResult((), {}, ())


@dataclass(frozen=True, slots=True)
class ReplayedSession:
    """One session of a replay, judged, and the open episodes after it."""

    day: date
    judgement: EvaluationResult
    memories: Mapping[Subject, SubjectState]


def replay_sessions(
    board: MarketStats, rulebook: Rulebook, sessions: Sequence[date] | None = None
) -> Iterator[ReplayedSession]:
    """Judge session after session as the live bot does, from the first one of the data.

    Episodes need their past, so the first session is always the data's own; who wants a stretch drops what is before.
    """
    memories: dict[Subject, SubjectState] = {}
    loud = candidates_by_session(board, rulebook.rules)
    for day in board.sessions() if sessions is None else sessions:
        judgement = evaluate(board, rulebook, day, memories) if memories or day in loud else SILENCE
        memories = {**memories, **judgement.memories}
        for subject, memory in judgement.memories.items():
            if memory.episode is None:
                del memories[subject]
        yield ReplayedSession(day, judgement, memories)


def replayed_alerts(
    board: MarketStats,
    rulebook: Rulebook,
    start: date | None = None,
    stop: date | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Alert]:
    """The alerts of the sessions from `start` to `stop` (both included), in the order the bot would send them."""
    days = [day for day in board.sessions() if stop is None or day <= stop]
    for done, session in enumerate(replay_sessions(board, rulebook, days)):
        if progress is not None:
            progress(done, len(days))
        if start is None or session.day >= start:
            yield from session.judgement.alerts


@dataclass(frozen=True, slots=True)
class ExplainedDecision:
    """One evaluation, silence too, and the memory of the sessions before it."""

    decision: Decision
    before: SubjectState


def explain_session(
    board: MarketStats, rulebook: Rulebook, basket: BasketId, day: date, warm_up: int | None = None
) -> Iterator[ExplainedDecision]:
    """Replay up to `day` and ask every rule about `basket` on it, the quiet ones too.

    `warm_up` is how many sessions before `day` are replayed (None = all); episodes that are older are not known.
    """
    memories: Mapping[Subject, SubjectState] = {}
    before = [session for session in board.sessions(final=False) if session < day]
    for one in replay_sessions(board, rulebook, before if warm_up is None else before[-warm_up:]):
        memories = one.memories
    for decision in evaluate(board, rulebook, day, memories, every=True).decisions:
        if basket in (decision.subject.basket, decision.subject.against):
            yield ExplainedDecision(decision, memories.get(decision.subject, FORGOTTEN))


def worst_final_moves(board: MarketStats, basket: BasketId, n: int, window: int = 2) -> tuple[DatedMove, ...]:
    """The `n` worst `window`-session moves up to the last final session, worst first; no two windows overlap."""
    position = board.series[basket].final_sessions - 1
    return worst_moves(board.of_basket(basket, window), position, n) if position >= 0 else ()
