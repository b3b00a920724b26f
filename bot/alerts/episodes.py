"""Episodes, decisions, reasons, alerts: the state machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple, NewType

from bot.alerts.rules import Level, Rule, Severity
from bot.baskets import BasketId
from bot.statistics.verdict import Verdict

EpisodeId = NewType("EpisodeId", str)


class DecisionReason(StrEnum):
    """Why an evaluation ended as it did; the first seven change something, the others are silence."""

    FIRST = "first"
    ESCALATED = "escalated"
    DEEPENED = "deepened"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    CORRECTED = "corrected"
    CLOSED = "closed"
    BELOW_THRESHOLD = "below threshold"
    SAME_LEVEL = "same rung"
    INHIBITED = "muted by its basket"
    NOT_FINAL = "not final"
    INSUFFICIENT_DATA = "no reading"
    SUSPECT = "suspect data"


class Phase(StrEnum):
    """Whether the session's closes were final when the alert was made."""

    PROVISIONAL = "provisional"
    FINAL = "final"


class Subject(NamedTuple):  # the key of what is remembered: a tuple is compared at a tenth of a dataclass's time
    """What a rule is asked about: a basket, one of its members, or a spread (basket minus `against`)."""

    rule: str
    basket: BasketId
    member: str = ""
    against: str = ""

    @property
    def key(self) -> str:
        return f"{self.rule}/{self.basket}/{self.member}/{self.against}"


@dataclass(frozen=True, slots=True)
class Episode:
    """An open episode: the deepest rung alerted, the move it was alerted at, and how long it has been quiet.

    `quiet` counts sessions without any rung since the last one with a rung.
    """

    id: EpisodeId
    opened: date
    severity: Severity
    move: float
    quiet: int = 0
    phase: Phase = Phase.FINAL

    def after_quiet(self, sessions: int) -> Episode:
        """The same episode after that many sessions without any rung (`replace` is slow, and this is asked often)."""
        if sessions == self.quiet:
            return self
        return Episode(self.id, self.opened, self.severity, self.move, sessions, self.phase)


@dataclass(frozen=True, slots=True)
class ProvisionalAlert:
    """What was told of a session before it was over: the event's key, and how loud it was."""

    event: str
    session: date
    severity: Severity


@dataclass(frozen=True, slots=True)
class SubjectState:
    """What is known of one subject: the last session judged as final, and the open episode if there is one.

    `told` is what was said of the session after that one while it was under way.
    """

    judged: date | None = None
    episode: Episode | None = None
    told: ProvisionalAlert | None = None


YEARS_FOR_RECORD = 3
SPEAKING = (DecisionReason.FIRST, DecisionReason.ESCALATED, DecisionReason.DEEPENED)
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
    reason: DecisionReason
    level: Level | None
    state: SubjectState
    evidence: Evidence
    inhibited_severity: Severity | None = None

    @property
    def severity(self) -> Severity:
        """How loud it is; it has a rung."""
        assert self.level is not None
        return max(self.level.severity, self.inhibited_severity or self.level.severity)

    @property
    def fires(self) -> bool:
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
    def reason(self) -> DecisionReason:
        return self.decisions[0].reason

    @property
    def severity(self) -> Severity:
        return max(one.severity for one in self.decisions)

    @property
    def episode(self) -> EpisodeId:
        episode = self.decisions[0].state.episode
        assert episode is not None
        return episode.id

    @property
    def key(self) -> str:
        """Unique to this alert, and the same whoever computes it."""
        return self.key_for(self.severity)

    def key_for(self, severity: Severity) -> str:
        """What the key would be if it were as loud as that."""
        members = ",".join(one.subject.member for one in self.decisions)
        return f"{self.subject.key}/{members}/{self.episode}/{severity.word}/{self.session}/{self.phase}"


def decide(
    rule: Rule, subject: Subject, session: date, evidence: Evidence, memory: SubjectState, close_after: int
) -> Decision:
    """Judge one final session of one subject against the rule's ladder and its open episode.

    An episode opens with the first rung reached, speaks again on a deeper rung or when the move is `rule.step` deeper
    on the same one, and closes after `close_after` sessions without any rung. A session without a reading neither
    fires nor resolves.
    """
    episode = memory.episode
    verdict = evidence.verdict
    if verdict is None and not evidence.quiet:
        return Decision(subject, DecisionReason.INSUFFICIENT_DATA, None, replace(memory, judged=session), evidence)
    rung = None if evidence.quiet else highest_level(rule, evidence)
    if rung is None:
        reason = DecisionReason.BELOW_THRESHOLD
        if episode is not None:
            episode = episode.after_quiet(episode.quiet + 1)
            if episode.quiet >= close_after:
                reason, episode = DecisionReason.CLOSED, None
        return Decision(subject, reason, None, SubjectState(session, episode), evidence)
    depth = _depth(rule, evidence)
    if episode is None:
        opened = Episode(episode_id(subject, session), session, rung.severity, depth)
        return Decision(subject, DecisionReason.FIRST, rung, SubjectState(session, opened), evidence)
    if rung.severity > episode.severity:
        reason = DecisionReason.ESCALATED
    elif rung.severity == episode.severity and depth <= episode.move - rule.step:
        reason = DecisionReason.DEEPENED
    else:
        quiet = SubjectState(session, episode.after_quiet(0))
        return Decision(subject, DecisionReason.SAME_LEVEL, rung, quiet, evidence)
    deeper = replace(episode, severity=rung.severity, move=min(depth, episode.move), quiet=0)
    return Decision(subject, reason, rung, SubjectState(session, deeper), evidence)


def highest_level(rule: Rule, evidence: Evidence) -> Level | None:
    """The deepest rung whose conditions all hold."""
    for rung in reversed(rule.levels):
        if level_holds(rule, rung, evidence):
            return rung
    return None


def level_holds(rule: Rule, rung: Level, evidence: Evidence) -> bool:
    """Whether every condition of the rung holds. A condition that the history is too short for does not."""
    verdict = evidence.verdict
    return verdict is not None and all(met for _, met in check_conditions(rule, rung, evidence, verdict))


def check_conditions(rule: Rule, rung: Level, evidence: Evidence, verdict: Verdict) -> list[tuple[str, bool]]:
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
        found.append(("enters", verdict.entered_state >= rung.enters))
    return found


def _extreme_enough(percentile: float, verdict: Verdict) -> bool:
    if verdict.percentile is None:
        return False
    return verdict.percentile >= percentile if percentile > 50 else verdict.percentile <= percentile


def _depth(rule: Rule, evidence: Evidence) -> float:
    """How deep the episode is, lower is deeper: the day's low, the move, or a spread that opens upwards turned over."""
    assert evidence.verdict is not None
    if evidence.day_low is not None and rule.uses_condition("day_low"):
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
