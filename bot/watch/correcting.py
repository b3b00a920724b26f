"""What was published of sessions whose closes were corrected since, and how does it read now?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bot.alerts import Alert, Memory, Severity, Subject, questions
from bot.delivery import Event, EventKey, Manner
from bot.messages import corrected, revoked
from bot.pipeline import compose, judge, picture
from bot.statistics import Board
from bot.watch.due import Due
from bot.watch.loop import Watch
from bot.watch.turn import WARM_UP_SESSIONS, Findings, Setup

RECENT = 10  # sessions of which a sentence is corrected


async def correct(watch: Watch, before: Board, after: Board) -> None:
    """Correct what was published, in its place; `before` and `after` are the market as it was read, and as it is."""
    due = Due(watch.setup.rulebook, watch.calendars, watch.setup.timing, watch.clock.now())
    rereading = Rereading(watch.setup, due, before, after)
    then = rereading.told(before)
    published = await watch.journal.published(list(then))
    standing = {key: alert for key, alert in then.items() if key in published}
    if standing:
        await watch.store(watch.setup, Findings({}, tuple(rereading.events(standing))))


@dataclass(frozen=True, slots=True)
class Rereading:
    """The latest sessions judged anew, on the prices as they were and as they are now."""

    setup: Setup
    due: Due
    before: Board
    after: Board

    def told(self, board: Board) -> dict[str, Alert]:
        """The alerts of the latest sessions, by key; what is remembered of earlier ones is learned first."""
        days, asked = board.sessions(), frozenset(questions(board, self.setup.rulebook.rules))
        memories: dict[Subject, Memory] = {}
        found: dict[str, Alert] = {}
        for day in days[-(RECENT + WARM_UP_SESSIONS) :]:
            judgement = judge(board, self.setup.rulebook, day, memories, only=asked)
            memories |= judgement.memories
            if day in days[-RECENT:]:
                found |= {alert.key: alert for alert in judgement.alerts}
        board.forget()  # the figures of two markets at once would take too much
        return found

    def events(self, published: Mapping[str, Alert]) -> list[Event]:
        """Each published alert (by key, as the old prices gave it) that reads otherwise now, in its place."""
        old = [(self._composed(self.before, alert), alert, key) for key, alert in published.items()]
        now = self.told(self.after)
        return [event for then, alert, key in old for event in self._corrections(then, alert, now.get(key))]

    def _corrections(self, old: Event, alert: Alert, still: Alert | None) -> Iterator[Event]:
        new = self._composed(self.after, still) if still is not None else None
        if new is not None and new.messages == old.messages:
            return
        said = new.messages if new is not None else old.messages
        make = revoked if new is None else corrected
        window, subjects = alert.rule.window, (still or alert).subjects
        event = replace(
            new or old,
            key=EventKey(f"{old.key}/corrected/{self.due.now:%Y%m%d%H%M}"),
            messages=tuple(make(one, was) for one, was in zip(said, old.messages, strict=True)),
            manner=Manner.EDIT,
            original=old.key,
            withdraws=new is None,
            chart=picture(self.after, subjects, window, alert.session) if self.setup.charts else None,
        )
        yield event
        if old.severity >= Severity.SEVERE:
            short = tuple(replace(one, lines=one.lines[:2]) for one in event.messages)
            key = EventKey(f"{event.key}/announced")
            yield replace(event, key=key, manner=Manner.REPLY, messages=short, chart=None)

    def _composed(self, board: Board, alert: Alert) -> Event:
        now, setup = self.due.now, self.setup
        event = compose(board, setup.rulebook, alert, setup.languages, now, now + setup.timing.expiry)
        board.forget()  # as above
        return event
