"""Must anyone know?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date

from bot.alerts.episodes import Episode, EpisodeId, Memory, Phase, Reason, Subject
from bot.alerts.rules import Rule, Rung, Severity
from bot.statistics import Verdict

YEARS_FOR_RECORD = 3
SPEAKING = (Reason.FIRST, Reason.ESCALATED, Reason.DEEPENED)
EPISODE_LETTERS = "23456789BCDFGHJKLMNPQRSTVWXYZ"  # no vowels, nothing that looks like another


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one session shows of one subject: its verdict (None = no reading) and a member's day low (a fraction).

    `quiet` says that there is a reading and that no rung can hold on it; the verdict is then not worked out.
    """

    verdict: Verdict | None
    day_low: float | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """How an evaluation ended, and what the rule remembers after it.

    `news` is how loud the news is that is told with it: what other rules said, and are silent about.
    """

    subject: Subject
    reason: Reason
    rung: Rung | None
    memory: Memory
    evidence: Evidence
    news: Severity | None = None

    @property
    def severity(self) -> Severity:
        """How loud it is; it has a rung."""
        assert self.rung is not None
        return max(self.rung.severity, self.news or self.rung.severity)

    @property
    def speaks(self) -> bool:
        """Whether somebody is told."""
        return self.reason in SPEAKING


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to be said: the decisions that speak, of one rule and one basket on one session.

    There is one decision, or with a rule about members one for each member it speaks of.
    """

    rule: Rule
    session: date
    phase: Phase
    decisions: tuple[Decision, ...]

    @property
    def subject(self) -> Subject:
        return self.decisions[0].subject

    @property
    def subjects(self) -> tuple[Subject, ...]:
        return tuple(one.subject for one in self.decisions)

    @property
    def reason(self) -> Reason:
        return self.decisions[0].reason

    @property
    def speaks(self) -> bool:
        """Whether somebody is told; an alert that nobody is told of shows how something stands."""
        return any(one.speaks for one in self.decisions)

    @property
    def severity(self) -> Severity:
        return max(one.severity for one in self.decisions)

    @property
    def episode(self) -> EpisodeId:
        episode = self.decisions[0].memory.episode
        assert episode is not None
        return episode.id

    @property
    def key(self) -> str:
        """Unique to this alert, and the same whoever computes it."""
        return self.key_as(self.severity)

    def key_as(self, severity: Severity) -> str:
        """What the key would be if it were as loud as that."""
        members = ",".join(one.subject.member for one in self.decisions)
        return f"{self.subject.key}/{members}/{self.episode}/{severity.word}/{self.session}/{self.phase}"


def decide(
    rule: Rule, subject: Subject, session: date, evidence: Evidence, memory: Memory, close_after: int
) -> Decision:
    """Judge one final session of one subject against the rule's ladder and its open episode.

    An episode opens with the first rung reached, speaks again on a deeper rung or when the move is `rule.step` deeper
    on the same one, and closes after `close_after` sessions without any rung. A session without a reading neither
    fires nor resolves.
    """
    episode = memory.episode
    verdict = evidence.verdict
    if verdict is None and not evidence.quiet:
        return Decision(subject, Reason.NO_READING, None, replace(memory, judged=session), evidence)
    rung = None if evidence.quiet else deepest_rung(rule, evidence)
    if rung is None:
        reason = Reason.BELOW_THRESHOLD
        if episode is not None:
            episode = episode.after_quiet(episode.quiet + 1)
            if episode.quiet >= close_after:
                reason, episode = Reason.CLOSED, None
        return Decision(subject, reason, None, Memory(session, episode), evidence)
    depth = _depth(rule, evidence)
    if episode is None:
        opened = Episode(episode_id(subject, session), session, rung.severity, depth)
        return Decision(subject, Reason.FIRST, rung, Memory(session, opened), evidence)
    if rung.severity > episode.severity:
        reason = Reason.ESCALATED
    elif rung.severity == episode.severity and depth <= episode.move - rule.step:
        reason = Reason.DEEPENED
    else:
        quiet = Memory(session, episode.after_quiet(0))
        return Decision(subject, Reason.SAME_RUNG, rung, quiet, evidence)
    deeper = replace(episode, severity=rung.severity, move=min(depth, episode.move), quiet=0)
    return Decision(subject, reason, rung, Memory(session, deeper), evidence)


def deepest_rung(rule: Rule, evidence: Evidence) -> Rung | None:
    """The deepest rung whose conditions all hold."""
    for rung in reversed(rule.rungs):
        if holds(rule, rung, evidence):
            return rung
    return None


def holds(rule: Rule, rung: Rung, evidence: Evidence) -> bool:
    """Whether every condition of the rung holds. A condition that the history is too short for does not."""
    verdict = evidence.verdict
    return verdict is not None and all(met for _, met in conditions(rule, rung, evidence, verdict))


def conditions(rule: Rule, rung: Rung, evidence: Evidence, verdict: Verdict) -> list[tuple[str, bool]]:
    """Each condition of the rung by its name in the configuration, and whether it is met.

    Rarity counts only on the rule's own side of zero: the worst move of calm months can still be a gain.
    """
    found: list[tuple[str, bool]] = []
    sided = verdict.move > 0 if rule.upward else verdict.move < 0
    if rung.percentile is not None:
        found.append(("percentile", sided and _extreme_enough(rung.percentile, verdict)))
    if rung.worst_in_months is not None:
        since = verdict.since if verdict.record else verdict.worst_since
        rare = since is not None and whole_months(since, verdict.session) >= rung.worst_in_months
        found.append(("worst_in", sided and rare))
    if rung.record:
        long = whole_months(verdict.since, verdict.session) >= 12 * YEARS_FOR_RECORD
        found.append(("record", sided and verdict.record and long))
    if rung.move is not None:
        found.append(("move", verdict.move <= rung.move))
    if rung.state is not None:
        found.append(("state", verdict.state >= rung.state))
    if rung.day_low is not None:
        found.append(("day_low", evidence.day_low is not None and evidence.day_low <= rung.day_low))
    if rung.enters is not None:
        found.append(("enters", verdict.entered >= rung.enters))
    return found


def _extreme_enough(percentile: float, verdict: Verdict) -> bool:
    if verdict.percentile is None:
        return False
    return verdict.percentile >= percentile if percentile > 50 else verdict.percentile <= percentile


def _depth(rule: Rule, evidence: Evidence) -> float:
    """How deep the episode is, lower is deeper: the day's low, the move, or a spread that opens upwards turned over."""
    assert evidence.verdict is not None
    if evidence.day_low is not None and rule.asks("day_low"):
        return evidence.day_low
    return -evidence.verdict.move if rule.upward else evidence.verdict.move


def whole_months(early: date, late: date) -> int:
    """Whole months from `early` to `late`, rounded down."""
    return (late.year - early.year) * 12 + late.month - early.month - (late.day < early.day)


def episode_id(subject: Subject, opened: date) -> EpisodeId:
    """A short name that people can quote; the same for the same subject and day, whoever computes it."""
    digest = int.from_bytes(hashlib.sha256(f"{subject.key}/{opened}".encode()).digest()[:8], "big")
    letters = []
    for _ in range(5):
        digest, index = divmod(digest, len(EPISODE_LETTERS))
        letters.append(EPISODE_LETTERS[index])
    return EpisodeId("".join(letters))
