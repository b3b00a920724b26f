"""What did every rule answer on one session, and what did it remember then?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from bot.alerts import Decision, Memory, Subject
from bot.backtest.replay import replay
from bot.baskets import BasketId
from bot.pipeline import FORGOTTEN, Rulebook, judge
from bot.statistics import Board


@dataclass(frozen=True, slots=True)
class Answer:
    """One evaluation, silence too, and the memory of the sessions before it."""

    decision: Decision
    before: Memory


def inquire(board: Board, rulebook: Rulebook, basket: BasketId, day: date) -> Iterator[Answer]:
    """Replay up to `day` and ask every rule about `basket` on it, the quiet ones too."""
    memories: Mapping[Subject, Memory] = {}
    for one in replay(board, rulebook, [session for session in board.sessions() if session < day]):
        memories = one.memories
    for decision in judge(board, rulebook, day, memories, every=True).decisions:
        if basket in (decision.subject.basket, decision.subject.against):
            yield Answer(decision, memories.get(decision.subject, FORGOTTEN))
