"""Episodes of falls: the state machine that every session of a subject goes through, its decisions and alerts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from math import nan
from typing import NamedTuple, NewType

from bot.alerts.conditions import Evidence, depth, highest_level
from bot.alerts.rules import Level, Rule, Severity
from bot.baskets import BasketId

EpisodeId = NewType("EpisodeId", str)
EPISODE_LETTERS = "23456789BCDFGHJKLMNPQRSTVWXYZ"  # no vowels, nothing that looks like another


class DecisionReason(StrEnum):
    """Why an evaluation ended as it did; the first seven change something, the others are silence."""

    FIRST = "first"
    ESCALATED = "escalated"
    DEEPENED = "deepened"
    CLOSED = "closed"
    BELOW_THRESHOLD = "below threshold"
    SAME_LEVEL = "same rung"
    INHIBITED = "muted by its basket"
    INSUFFICIENT_DATA = "no reading"


SPEAKING = (DecisionReason.FIRST, DecisionReason.ESCALATED, DecisionReason.DEEPENED)


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

    def after_quiet(self, sessions: int, close_after: int) -> Episode | None:
        """The episode after so many more sessions without any rung; None = it has closed."""
        quiet = self.quiet + sessions
        if quiet >= close_after:
            return None
        return Episode(self.id, self.opened, self.severity, self.move, quiet, self.phase)


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
    """The decision on one final session of one subject: the rule's levels against its open episode.

    An episode opens with the first level reached, fires again on a higher level or when the move is `rule.step` deeper
    on the same one, and closes after `close_after` sessions without any level. A session without a reading neither
    fires nor resolves.
    """
    if evidence.verdict is None and not evidence.quiet:
        return Decision(subject, DecisionReason.INSUFFICIENT_DATA, None, replace(memory, judged=session), evidence)
    level = highest_level(rule, evidence)
    if level is None or evidence.verdict is None:
        episode = memory.episode and memory.episode.after_quiet(1, close_after)
        reason = DecisionReason.CLOSED if memory.episode and not episode else DecisionReason.BELOW_THRESHOLD
    else:
        fall = depth(rule, evidence.verdict.move, nan if evidence.day_low is None else evidence.day_low).item()
        reason, episode = reach_level(memory.episode, subject, session, level.severity, fall, rule.step)
    return Decision(subject, reason, level, SubjectState(session, episode), evidence)


def reach_level(
    episode: Episode | None, subject: Subject, session: date, severity: Severity, fall: float, step: float
) -> tuple[DecisionReason, Episode]:
    """The reason and the episode after a session on which a level holds; `episode` is the open one before it.

    `fall` is how deep the session is, lower is deeper; `step` how much deeper is news on the same level. Fractions.
    """
    if episode is None:
        return DecisionReason.FIRST, Episode(episode_id(subject, session), session, severity, fall)
    if severity > episode.severity:
        reason = DecisionReason.ESCALATED
    elif severity == episode.severity and fall <= episode.move - step:
        reason = DecisionReason.DEEPENED
    else:
        return DecisionReason.SAME_LEVEL, replace(episode, quiet=0)
    return reason, replace(episode, severity=severity, move=min(fall, episode.move), quiet=0)


def episode_id(subject: Subject, opened: date) -> EpisodeId:
    """A short name that people can quote; the same for the same subject and day, whoever computes it."""
    digest = int.from_bytes(hashlib.sha256(f"{subject.key}/{opened}".encode()).digest()[:8], "big")
    letters = []
    for _ in range(5):
        digest, index = divmod(digest, len(EPISODE_LETTERS))
        letters.append(EPISODE_LETTERS[index])
    return EpisodeId("".join(letters))
