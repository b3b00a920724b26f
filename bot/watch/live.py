"""What is said of a session that is not over, and what becomes of that at its close?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from bot.alerts.episodes import Alert, Decision, Phase, ProvisionalAlert, Subject, SubjectState
from bot.alerts.rules import Severity
from bot.alerts.targets import RuleTarget

Key = tuple[Subject, date]


@dataclass(slots=True)
class Twice:
    """A rung counts in a session that is not over only if it, or a deeper one, holds on two looks in a row."""

    _before: dict[Key, Severity] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """Whether the next look may tell something."""
        return bool(self._before)

    def speaking(
        self, alerts: Iterable[Alert], memories: Mapping[Subject, SubjectState]
    ) -> list[tuple[Alert, ProvisionalAlert | None]]:
        """The alerts to be told now, each with what was told of it before; then this look is the one before.

        What was told of this session already is not told again, unless a deeper rung is reached.
        """
        now: dict[Key, Severity] = {}
        found = []
        for alert in alerts:
            held = []
            for one in alert.decisions:
                key = (one.subject, alert.session)
                now[key] = one.severity
                told = told_of(memories.get(one.subject), alert.session)
                if self._before.get(key, 0) >= one.severity > (told.severity if told else 0):
                    held.append(one)
            found += [
                (replace(alert, decisions=tuple(group), phase=Phase.PROVISIONAL), told)
                for told, group in by_told(held, alert.session, memories).items()
            ]
        self._before = now
        return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a session's close makes of what was told before: the alert as it stands now (None = it does not hold)."""

    told: ProvisionalAlert
    alert: Alert | None


def outcomes(
    question: RuleTarget, session: date, alerts: Sequence[Alert], memories: Mapping[Subject, SubjectState]
) -> tuple[list[Outcome], list[Alert]]:
    """What becomes of everything that was told of the question during the session, and which alerts are new.

    An alert about several members is taken apart: those of whom the same message spoke stay together.
    """
    found = {told: Outcome(told, None) for told in _told(question, session, memories)}
    new = []
    for alert in alerts:
        if RuleTarget(alert.rule, alert.subject.basket) != question:
            continue
        for told, group in by_told(alert.decisions, session, memories).items():
            part = replace(alert, decisions=tuple(group))
            if told is None:
                new.append(part)
            else:
                found[told] = Outcome(told, part)
    return list(found.values()), new


def told_of(memory: SubjectState | None, session: date) -> ProvisionalAlert | None:
    """What was told of a subject while that session was under way."""
    told = memory.told if memory is not None else None
    return told if told is not None and told.session == session else None


def by_told(
    decisions: Iterable[Decision], session: date, memories: Mapping[Subject, SubjectState]
) -> dict[ProvisionalAlert | None, list[Decision]]:
    """Decisions by what was told of them during the session."""
    groups: dict[ProvisionalAlert | None, list[Decision]] = {}
    for one in decisions:
        groups.setdefault(told_of(memories.get(one.subject), session), []).append(one)
    return groups


def _told(question: RuleTarget, session: date, memories: Mapping[Subject, SubjectState]) -> Iterator[ProvisionalAlert]:
    for subject, memory in memories.items():
        if question.covers(subject):
            told = told_of(memory, session)
            if told is not None:
                yield told
