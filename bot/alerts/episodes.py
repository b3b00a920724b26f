"""Episodes of falls: the state machine that every session of a subject goes through, its decisions and alerts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from math import nan
from typing import NamedTuple, NewType

from bot.alerts.conditions import Evidence, depth, highest_level
from bot.alerts.rules import Level, Rule, Severity
from bot.baskets import BasketId

EpisodeId = NewType("EpisodeId", str)
EPISODE_LETTERS = "23456789BCDFGHJKLMNPQRSTVWXYZ"  # no vowels, no look-alikes


class DecisionReason(StrEnum):
    """The reason of a decision; the first three fire."""

    FIRST = "first"
    ESCALATED = "escalated"
    DEEPENED = "deepened"
    CLOSED = "closed"
    BELOW_THRESHOLD = "below threshold"
    SAME_LEVEL = "same rung"
    INHIBITED = "muted by its basket"
    INSUFFICIENT_DATA = "no reading"


FIRING = (DecisionReason.FIRST, DecisionReason.ESCALATED, DecisionReason.DEEPENED)


class Phase(StrEnum):
    """Whether the session's closes were final when the alert was made."""

    PROVISIONAL = "provisional"
    FINAL = "final"


class Subject(NamedTuple):  # a dictionary key: a tuple is compared at a tenth of a dataclass's time
    """The subject of a rule: a basket, one of its members, or a spread (basket minus `against`)."""

    rule: str
    basket: BasketId
    member: str = ""
    against: str = ""

    @property
    def key(self) -> str:
        return f"{self.rule}/{self.basket}/{self.member}/{self.against}"


@dataclass(frozen=True, slots=True)
class Episode:
    """An open episode: the highest severity alerted and the lowest move, a fraction.

    `quiet_sessions` counts the sessions since the last one on which a level was reached.
    """

    id: EpisodeId
    opened: date
    severity: Severity
    worst_move: float
    quiet_sessions: int = 0

    def with_quiet_sessions(self, sessions: int, close_after: int) -> Episode | None:
        """The episode after `sessions` more without any level; None = closed."""
        quiet = self.quiet_sessions + sessions
        return replace(self, quiet_sessions=quiet) if quiet < close_after else None


@dataclass(frozen=True, slots=True)
class ProvisionalAlert:
    """An alert posted before the close of its session: the key of its notification, and its severity."""

    event: str
    session: date
    severity: Severity


@dataclass(frozen=True, slots=True)
class SubjectState:
    """The stored state of a subject: the last session evaluated as final, and the open episode.

    `provisional` is the provisional alert of the session after that.
    """

    last_session: date | None = None
    episode: Episode | None = None
    provisional: ProvisionalAlert | None = None

    def provisional_of(self, session: date) -> ProvisionalAlert | None:
        """The provisional alert, if it is of that session."""
        return self.provisional if self.provisional is not None and self.provisional.session == session else None


SubjectStates = Mapping[Subject, SubjectState]


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of an evaluation: its reason, and the state of the subject after it.

    `level` is the highest one reached. `inhibited_severity` is the highest severity of the alerts it covers.
    """

    subject: Subject
    reason: DecisionReason
    level: Level | None
    state: SubjectState
    evidence: Evidence
    inhibited_severity: Severity | None = None

    @property
    def severity(self) -> Severity:
        """The severity of the level or of the covered alerts; only with a level."""
        assert self.level is not None
        return max(self.level.severity, self.inhibited_severity or self.level.severity)

    @property
    def fires(self) -> bool:
        """Whether the decision fires an alert."""
        return self.reason in FIRING


@dataclass(frozen=True, slots=True)
class Alert:
    """The firing decisions of one rule about one basket on one session.

    A rule about members may have several decisions, one per member; other rules have a single decision.
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
        return tuple(decision.subject for decision in self.decisions)

    @property
    def reason(self) -> DecisionReason:
        return self.decisions[0].reason

    @property
    def severity(self) -> Severity:
        return max(decision.severity for decision in self.decisions)

    @property
    def episode(self) -> EpisodeId:
        episode = self.decisions[0].state.episode
        assert episode is not None
        return episode.id

    @property
    def key(self) -> str:
        """The unique key, the same in every process."""
        return self.key_for(self.severity)

    def key_for(self, severity: Severity) -> str:
        """The key with another severity."""
        members = ",".join(decision.subject.member for decision in self.decisions)
        return f"{self.subject.key}/{members}/{self.episode}/{severity.word}/{self.session}/{self.phase}"


def decide(
    rule: Rule, subject: Subject, session: date, evidence: Evidence, state: SubjectState, close_after: int
) -> Decision:
    """The decision on one final session of one subject: the rule's levels against its open episode.

    An episode opens with the first level reached, fires again on a higher level or when the move is `rule.step` deeper
    on the same one, and closes after `close_after` sessions without any level. A session without a value neither
    fires nor resolves.
    """
    if evidence.verdict is None:
        return Decision(subject, DecisionReason.INSUFFICIENT_DATA, None, replace(state, last_session=session), evidence)
    level = highest_level(rule, evidence)
    if level is None:
        episode = state.episode and state.episode.with_quiet_sessions(1, close_after)
        reason = DecisionReason.CLOSED if state.episode and not episode else DecisionReason.BELOW_THRESHOLD
    else:
        fall = depth(rule, evidence.verdict.move, nan if evidence.day_low is None else evidence.day_low).item()
        reason, episode = reach_level(state.episode, subject, session, level.severity, fall, rule.step)
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
    elif severity == episode.severity and fall <= episode.worst_move - step:
        reason = DecisionReason.DEEPENED
    else:
        return DecisionReason.SAME_LEVEL, replace(episode, quiet_sessions=0)
    return reason, replace(episode, severity=severity, worst_move=min(fall, episode.worst_move), quiet_sessions=0)


def episode_id(subject: Subject, opened: date) -> EpisodeId:
    """A short id to quote: five letters, a function of the subject and the day alone."""
    digest = int.from_bytes(hashlib.sha256(f"{subject.key}/{opened}".encode()).digest()[:8], "big")
    letters = []
    for _ in range(5):
        digest, index = divmod(digest, len(EPISODE_LETTERS))
        letters.append(EPISODE_LETTERS[index])
    return EpisodeId("".join(letters))
