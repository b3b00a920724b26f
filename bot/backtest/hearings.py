"""What would a question have said over history? The episodes of every subject, walked along columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from bot.alerts import Reason, Rule, Severity, is_part
from bot.backtest.ladders import Ranks, depths, severities
from bot.backtest.tracks import Track


@dataclass(frozen=True, slots=True)
class Word:
    """One subject's part in an alert. `before` is the severity its episode had until then (0 = it had not begun)."""

    member: str
    reason: Reason
    severity: Severity
    before: int
    depth: float


@dataclass(frozen=True, slots=True)
class Hearing:
    """One alert: what a rule would have said about a basket on a session. `words` has one entry a subject.

    `news` is how loud the news is that it tells for other rules.
    """

    session: date
    words: tuple[Word, ...]
    news: Severity | None = None

    @property
    def reason(self) -> Reason:
        return self.words[0].reason

    @property
    def severity(self) -> Severity:
        return max(*(word.severity for word in self.words), self.news or self.words[0].severity)

    @property
    def depth(self) -> float:
        """The deepest of its subjects, a fraction."""
        return min(word.depth for word in self.words)

    def size(self, rule: Rule) -> float:
        """The move or day's low behind it, a fraction; of several subjects the deepest, of a spread the widest."""
        return -self.depth if rule.upward else self.depth

    def parts(self, rule: Rule) -> list[Word]:
        """The news that stands in a message about the basket, where there is one."""
        return [one for one in self.words if is_part(rule, one.member)]

    def beside(self, rule: Rule, tellers: Collection[Rule], loudest: Severity | None) -> Hearing | None:
        """What is left of it where `tellers` tell all `parts`, and are as loud as the loudest; None = nothing is."""
        if not tellers:
            return self
        if rule in tellers:
            return replace(self, news=loudest)
        told = self.parts(rule)
        kept = tuple(one for one in self.words if one not in told)
        return replace(self, words=kept) if kept else None

    def reaches(self, severity: Severity) -> bool:
        """Whether an episode comes to this rung, or to a deeper one, for the first time."""
        return any(word.before < severity <= word.severity for word in self.words)


def hearings(rule: Rule, subjects: tuple[Track, ...], close_after: int) -> tuple[Hearing, ...]:
    """The alerts of one question over all sessions, as a replay would give them, oldest first."""
    told: dict[int, list[Word]] = {}
    for track in subjects:
        for position, word in words(rule, track, close_after):
            told.setdefault(position, []).append(word)
    day = subjects[0].verdicts.day  # all subjects of a question stand on the same sessions
    return tuple(Hearing(day(position), tuple(words)) for position, words in sorted(told.items()))


def words(rule: Rule, track: Track, close_after: int) -> Sequence[tuple[int, Word]]:
    """When one subject speaks, by the position in its columns; worked out once for each ladder."""
    key = rule.rungs, rule.step, close_after
    if key not in track.notes:
        track.notes[key] = tuple(_words(rule, track, close_after))
    told: tuple[tuple[int, Word], ...] = track.notes[key]
    return told


def _words(rule: Rule, track: Track, close_after: int) -> Iterator[tuple[int, Word]]:
    """`decide`, reduced to the sessions on which a rung holds."""
    found = severities(rule, track)
    loud = found.nonzero()[0]
    open_, deepest, last = 0, np.inf, 0
    columns = loud, track.at[loud], found[loud], depths(rule, track)[loud]
    for row, position, severity, depth in zip(*(column.tolist() for column in columns), strict=True):
        if row - last > close_after:
            open_ = 0
        last = row
        if not open_:
            reason, deepest = Reason.FIRST, depth
        elif severity > open_:
            reason = Reason.ESCALATED
        elif severity == open_ and depth <= deepest - rule.step:
            reason = Reason.DEEPENED
        else:
            continue
        yield position, Word(track.subject.member, reason, Severity(severity), open_, depth)
        open_, deepest = severity, min(depth, deepest)


def open_before(rule: Rule, track: Track, close_after: int) -> Ranks:
    """The severity of the open episode as each session begins, 0 = none is open; shape (n,)."""
    found = severities(rule, track)
    rows = np.arange(len(found))
    latest = np.maximum.accumulate(np.where(found > 0, rows, -close_after - 1))
    before = np.concatenate(([-close_after - 1], latest[:-1]))[: len(rows)]
    deepest = np.zeros(len(found), dtype=np.int8)
    for position, word in words(rule, track, close_after):
        deepest[track.at > position] = int(word.severity)
    return np.where(rows - before <= close_after, deepest, 0).astype(np.int8)
