"""Does a verdict hold with the doubtful prices and without them?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from bot.alerts.episodes import Alert, Decision, Phase, Subject, SubjectState
from bot.alerts.inhibition import inhibit
from bot.alerts.rules import Rule
from bot.alerts.targets import RuleTarget, rule_targets
from bot.pipeline import EvaluationResult, Rulebook, evaluate
from bot.prices.bars import Symbol
from bot.statistics.market_stats import MarketStats


@dataclass(frozen=True, slots=True)
class Doubted:
    """The market as it would be if the doubtful prices were true; `waiting` are those that may yet be believed.

    `halves` make the market if only the doubtful falls were true, or only the rises; none if all go one way.
    """

    board: MarketStats
    symbols: frozenset[Symbol]
    waiting: frozenset[Symbol]
    halves: tuple[Callable[[], MarketStats], ...] = ()

    def of(self, question: RuleTarget) -> frozenset[Symbol]:
        """The doubtful symbols that a question's answer may depend on."""
        members = (symbol for one in question.baskets for symbol in self.board.series[one].basket.symbols)
        return self.symbols.intersection(members)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """An alert that holds on the board that `on` gives and not on every other: whether the prices of `depends_on` are
    true matters.
    """

    question: RuleTarget
    alert: Alert
    on: Callable[[], MarketStats]
    depends_on: tuple[Symbol, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """The judgement of all questions but those that are `waiting`, and what cannot be confirmed."""

    judgement: EvaluationResult
    unconfirmed: tuple[Unconfirmed, ...] = ()
    waiting: frozenset[RuleTarget] = frozenset()

    @property
    def undecided(self) -> frozenset[Subject]:
        return frozenset(one.subject for each in self.unconfirmed for one in each.alert.decisions)


def answer(
    board: MarketStats,
    doubted: Doubted | None,
    rulebook: Rulebook,
    session: date,
    memories: Mapping[Subject, SubjectState],
    asked: frozenset[RuleTarget],
) -> Answers:
    """Judge a session on `board`, which is without the doubtful prices, and where it matters with them as well.

    What speaks on every board is said, as loud as on the quietest one. What speaks on some only waits as long as its
    doubts may be settled; then it is unconfirmed, and the question's memory stays as it was.
    """
    order = rule_targets(board, rulebook.rules)
    named = {one: doubted.of(one) for one in order if one in asked} if doubted is not None else {}
    touched = {one: symbols for one, symbols in named.items() if symbols}
    others = asked.difference(touched)
    plain = evaluate(board, rulebook, session, memories, only=others) if others else EvaluationResult((), {}, ())
    if doubted is None or not touched:
        return Answers(plain)
    agreed: list[tuple[Rule, Sequence[Decision]]] = []
    memories_of: dict[Subject, SubjectState] = {}
    unconfirmed: list[Unconfirmed] = []
    waiting = set()
    boards = (lambda: board, lambda: doubted.board, *doubted.halves)
    answers: dict[RuleTarget, list[EvaluationResult]] = {one: [] for one in touched}
    for make in boards:  # one after the other: all of them at once would take too much
        one = make()
        for question in touched:
            answers[question].append(evaluate(one, rulebook, session, memories, only={question}))
    for question, symbols in touched.items():
        judged = answers[question]
        disputed = _disputed(judged)
        if disputed and symbols & doubted.waiting:
            waiting.add(question)
            continue
        decisions, known = _agreed(judged, disputed)
        agreed.append((question.rule, decisions))
        memories_of |= known
        for on, alert in _once(disputed, zip(boards, judged, strict=True)):
            unconfirmed.append(Unconfirmed(question, alert, on, tuple(sorted(symbols))))
    return Answers(_together(plain, agreed, memories_of, session), tuple(unconfirmed), frozenset(waiting))


def _speaking(judged: EvaluationResult) -> dict[Subject, Decision]:
    return {decision.subject: decision for alert in judged.alerts for decision in alert.decisions}


def _disputed(judged: Sequence[EvaluationResult]) -> frozenset[Subject]:
    """Of whom some speak and others do not."""
    speaking = [_speaking(one).keys() for one in judged]
    return frozenset().union(*speaking).difference(frozenset(speaking[0]).intersection(*speaking))


def _once(
    subjects: frozenset[Subject], judged: Iterable[tuple[Callable[[], MarketStats], EvaluationResult]]
) -> Iterator[tuple[Callable[[], MarketStats], Alert]]:
    """The alerts of these subjects, each from the first board that has it."""
    left = set(subjects)
    for board, one in judged:
        for alert in one.alerts:
            if found := tuple(decision for decision in alert.decisions if decision.subject in left):
                left.difference_update(decision.subject for decision in found)
                yield board, replace(alert, decisions=found)


def _agreed(
    judged: Sequence[EvaluationResult], disputed: frozenset[Subject]
) -> tuple[tuple[Decision, ...], dict[Subject, SubjectState]]:
    """What all decide, with the figures of the first; of whom they disagree, nothing is said or remembered."""
    first, *others = map(_speaking, judged)
    both = {subject: one for subject, one in first.items() if subject not in disputed}
    for other in others:
        both = {subject: _no_louder(one, other[subject]) for subject, one in both.items()}
    decisions = tuple(both.get(one.subject, one) for one in judged[0].decisions if one.subject not in disputed)
    memories = {subject: one for subject, one in judged[0].memories.items() if subject not in disputed}
    return decisions, memories | {subject: one.state for subject, one in both.items()}


def _no_louder(one: Decision, other: Decision) -> Decision:
    """`one`, with the rung of `other` where that is the shallower."""
    assert one.level is not None  # both speak
    assert other.level is not None
    if one.level.severity <= other.level.severity:
        return one
    episode = one.state.episode
    assert episode is not None
    memory = replace(one.state, episode=replace(episode, severity=other.level.severity))
    return replace(one, reason=other.reason, level=other.level, state=memory)


def _together(
    plain: EvaluationResult,
    agreed: list[tuple[Rule, Sequence[Decision]]],
    memories: Mapping[Subject, SubjectState],
    session: date,
) -> EvaluationResult:
    """One judgement of all; the news of members whose basket tells of them is silent, as in any other."""
    heard = inhibit(agreed)
    speaking = ((rule, tuple(one for one in found if one.fires)) for rule, found in heard)
    alerts = (Alert(rule, session, Phase.FINAL, found) for rule, found in speaking if found)
    decisions = (decision for _, found in heard for decision in found)
    return EvaluationResult((*plain.decisions, *decisions), {**plain.memories, **memories}, (*plain.alerts, *alerts))
