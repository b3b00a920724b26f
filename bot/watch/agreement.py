"""Does a verdict hold with the doubtful prices and without them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from bot.alerts import Alert, Decision, Memory, Phase, Question, Rule, Subject, muted, questions
from bot.pipeline import Judgement, Rulebook, judge
from bot.prices import Symbol
from bot.statistics import Board


@dataclass(frozen=True, slots=True)
class Doubted:
    """The market as it would be if the doubtful prices were true; `waiting` are those that may yet be believed."""

    board: Board
    symbols: frozenset[Symbol]
    waiting: frozenset[Symbol]

    def of(self, question: Question) -> frozenset[Symbol]:
        """The doubtful symbols that a question's answer may depend on."""
        members = (symbol for one in question.baskets for symbol in self.board.series[one].basket.symbols)
        return self.symbols.intersection(members)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """An alert that holds on `board` only: with the prices of `depends_on`, or only without them."""

    question: Question
    alert: Alert
    board: Board
    depends_on: tuple[Symbol, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """The judgement of all questions but those that are `waiting`, and what cannot be confirmed."""

    judgement: Judgement
    unconfirmed: tuple[Unconfirmed, ...] = ()
    waiting: frozenset[Question] = frozenset()

    @property
    def undecided(self) -> frozenset[Subject]:
        return frozenset(one.subject for each in self.unconfirmed for one in each.alert.decisions)


def answer(
    board: Board,
    doubted: Doubted | None,
    rulebook: Rulebook,
    session: date,
    memories: Mapping[Subject, Memory],
    asked: frozenset[Question],
) -> Answers:
    """Judge a session on `board`, which is without the doubtful prices, and where it matters with them as well.

    What speaks on both is said, as loud as on the quieter one. What speaks on one only waits as long as its doubts may
    be settled; then it is unconfirmed, and the question's memory stays as it was.
    """
    order = questions(board, rulebook.rules)
    named = {one: doubted.of(one) for one in order if one in asked} if doubted is not None else {}
    touched = {one: symbols for one, symbols in named.items() if symbols}
    plain = judge(board, rulebook, session, memories, only=asked.difference(touched) if touched else asked)
    if doubted is None or not touched:
        return Answers(plain)
    agreed: list[tuple[Rule, Sequence[Decision]]] = []
    memories_of: dict[Subject, Memory] = {}
    unconfirmed: list[Unconfirmed] = []
    waiting = set()
    for question, symbols in touched.items():
        excluded, included = (
            judge(one, rulebook, session, memories, only={question}) for one in (board, doubted.board)
        )
        apart = [(board, one) for one in _only_on(excluded, included)]
        apart += [(doubted.board, one) for one in _only_on(included, excluded)]
        if apart and symbols & doubted.waiting:
            waiting.add(question)
            continue
        decisions, known = _agreed(excluded, included)
        agreed.append((question.rule, decisions))
        memories_of |= known
        unconfirmed += [Unconfirmed(question, alert, one, tuple(sorted(symbols))) for one, alert in apart]
    return Answers(_together(plain, agreed, memories_of, session), tuple(unconfirmed), frozenset(waiting))


def _only_on(one: Judgement, other: Judgement) -> Iterator[Alert]:
    """The alerts of `one`, of each the decisions that do not speak on `other`."""
    spoken = {decision.subject for alert in other.alerts for decision in alert.decisions}
    for alert in one.alerts:
        if alone := tuple(decision for decision in alert.decisions if decision.subject not in spoken):
            yield replace(alert, decisions=alone)


def _agreed(excluded: Judgement, included: Judgement) -> tuple[tuple[Decision, ...], dict[Subject, Memory]]:
    """What both decide, with the figures of `excluded`; of whom they disagree, nothing is said or remembered."""
    own, others = (
        {decision.subject: decision for alert in one.alerts for decision in alert.decisions}
        for one in (excluded, included)
    )
    disputed = own.keys() ^ others.keys()
    both = {subject: _no_louder(one, others[subject]) for subject, one in own.items() if subject in others}
    decisions = tuple(both.get(one.subject, one) for one in excluded.decisions if one.subject not in disputed)
    memories = {subject: one for subject, one in excluded.memories.items() if subject not in disputed}
    return decisions, memories | {subject: one.memory for subject, one in both.items()}


def _no_louder(one: Decision, other: Decision) -> Decision:
    """`one`, with the rung of `other` where that is the shallower."""
    assert one.rung is not None  # both speak
    assert other.rung is not None
    if one.rung.severity <= other.rung.severity:
        return one
    episode = one.memory.episode
    assert episode is not None
    memory = replace(one.memory, episode=replace(episode, severity=other.rung.severity))
    return replace(one, reason=other.reason, rung=other.rung, memory=memory)


def _together(
    plain: Judgement, agreed: list[tuple[Rule, Sequence[Decision]]], memories: Mapping[Subject, Memory], session: date
) -> Judgement:
    """One judgement of all; the news of members whose basket tells of them is silent, as in any other."""
    heard = muted(agreed)
    speaking = ((rule, tuple(one for one in found if one.speaks)) for rule, found in heard)
    alerts = (Alert(rule, session, Phase.FINAL, found) for rule, found in speaking if found)
    decisions = (decision for _, found in heard for decision in found)
    return Judgement((*plain.decisions, *decisions), {**plain.memories, **memories}, (*plain.alerts, *alerts))
