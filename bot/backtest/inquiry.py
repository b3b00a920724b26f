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


def inquire(
    board: Board, rulebook: Rulebook, basket: BasketId, day: date, warm_up: int | None = None
) -> Iterator[Answer]:
    """Replay up to `day` and ask every rule about `basket` on it, the quiet ones too.

    `warm_up` is how many sessions before `day` are replayed (None = all); episodes that are older are not known.
    """
    memories: Mapping[Subject, Memory] = {}
    before = [session for session in board.sessions(final=False) if session < day]
    for one in replay(board, rulebook, before if warm_up is None else before[-warm_up:]):
        memories = one.memories
    for decision in judge(board, rulebook, day, memories, every=True).decisions:
        if basket in (decision.subject.basket, decision.subject.against):
            yield Answer(decision, memories.get(decision.subject, FORGOTTEN))
