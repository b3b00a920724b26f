"""What would have been said, had the bot been running all along?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.alerts import Alert, Memory, Subject, agenda
from bot.pipeline import Judgement, Rulebook, judge
from bot.statistics import Board

SILENCE = Judgement((), {}, ())


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a replay, judged, and the open episodes after it."""

    day: date
    judgement: Judgement
    memories: Mapping[Subject, Memory]


def replay(board: Board, rulebook: Rulebook, sessions: Sequence[date] | None = None) -> Iterator[Session]:
    """Judge session after session as the live bot does, from the first one of the data.

    Episodes need their past, so the first session is always the data's own; who wants a stretch drops what is before.
    """
    memories: dict[Subject, Memory] = {}
    loud = agenda(board, rulebook.rules)
    for day in board.sessions() if sessions is None else sessions:
        judgement = judge(board, rulebook, day, memories) if memories or day in loud else SILENCE
        memories = {**memories, **judgement.memories}
        for subject, memory in judgement.memories.items():
            if memory.episode is None:
                del memories[subject]
        yield Session(day, judgement, memories)


def alerts(
    board: Board,
    rulebook: Rulebook,
    start: date | None = None,
    stop: date | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Alert]:
    """The alerts of the sessions from `start` to `stop` (both included), in the order the bot would send them."""
    days = [day for day in board.sessions() if stop is None or day <= stop]
    for done, session in enumerate(replay(board, rulebook, days)):
        if progress is not None:
            progress(done, len(days))
        if start is None or session.day >= start:
            yield from session.judgement.alerts
