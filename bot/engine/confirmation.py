"""Confirmation of alerts: two checks in a row for an open session; with and without suspect prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from bot.alerts.episodes import Alert, Decision, Phase, ProvisionalAlert, Subject, SubjectState
from bot.alerts.inhibition import inhibit
from bot.alerts.rules import Rule, Severity
from bot.alerts.targets import RuleTarget, rule_targets
from bot.pipeline import EvaluationResult, Rulebook, evaluate
from bot.prices.bars import Symbol
from bot.statistics.market_stats import MarketStats


@dataclass(slots=True)
class Debounce:
    """A level counts in an open session only if it, or a higher one, holds at two checks in a row."""

    _before: dict[tuple[Subject, date], Severity] = field(default_factory=dict)

    @property
    def is_pending(self) -> bool:
        """True if the next check may confirm something."""
        return bool(self._before)

    def confirmed(
        self, alerts: Iterable[Alert], states: Mapping[Subject, SubjectState]
    ) -> list[tuple[Alert, ProvisionalAlert | None]]:
        """The alerts to post now, each with what was posted of the session before (None = nothing).

        A level that was posted of this session is not posted again. This check then counts as the one before.
        """
        now: dict[tuple[Subject, date], Severity] = {}
        confirmed = []
        for alert in alerts:
            holding = []
            for decision in alert.decisions:
                key = (decision.subject, alert.session)
                now[key] = decision.severity
                posted = provisional_of(states.get(decision.subject), alert.session)
                if self._before.get(key, 0) >= decision.severity > (posted.severity if posted else 0):
                    holding.append(decision)
            confirmed += [
                (replace(alert, decisions=tuple(group), phase=Phase.PROVISIONAL), posted)
                for posted, group in group_by_provisional(holding, alert.session, states).items()
            ]
        self._before = now
        return confirmed


def resolve_provisional(
    target: RuleTarget, session: date, alerts: Sequence[Alert], states: Mapping[Subject, SubjectState]
) -> tuple[dict[ProvisionalAlert, Alert | None], list[Alert]]:
    """The final alert for each provisional one (None = it does not hold), and the alerts that are new.

    An alert about several members is divided: those that one provisional message was about stay together.
    """
    posted = (provisional_of(state, session) for subject, state in states.items() if target.covers(subject))
    resolved: dict[ProvisionalAlert, Alert | None] = {
        provisional: None for provisional in posted if provisional is not None
    }
    new = []
    for alert in alerts:
        if RuleTarget(alert.rule, alert.subject.basket) == target:
            for provisional, group in group_by_provisional(alert.decisions, session, states).items():
                part = replace(alert, decisions=tuple(group))
                if provisional is None:
                    new.append(part)
                else:
                    resolved[provisional] = part
    return resolved, new


def provisional_of(state: SubjectState | None, session: date) -> ProvisionalAlert | None:
    """What was posted of a subject while that session was open."""
    provisional = state.provisional if state is not None else None
    return provisional if provisional is not None and provisional.session == session else None


def group_by_provisional(
    decisions: Iterable[Decision], session: date, states: Mapping[Subject, SubjectState]
) -> dict[ProvisionalAlert | None, list[Decision]]:
    groups: dict[ProvisionalAlert | None, list[Decision]] = {}
    for decision in decisions:
        groups.setdefault(provisional_of(states.get(decision.subject), session), []).append(decision)
    return groups


@dataclass(frozen=True, slots=True)
class SuspectMarket:
    """The market with all suspect prices; those of the `pending` symbols may still be cleared.

    `halves` make the market with the suspect falls alone, and with the rises alone; none if all go one way.
    """

    stats: MarketStats
    symbols: frozenset[Symbol]
    pending: frozenset[Symbol]
    halves: tuple[Callable[[], MarketStats], ...] = ()

    def symbols_of(self, target: RuleTarget) -> frozenset[Symbol]:
        """The suspect symbols that a target's result may depend on."""
        members = (symbol for basket in target.baskets for symbol in self.stats.series[basket].basket.symbols)
        return self.symbols.intersection(members)


@dataclass(frozen=True, slots=True)
class UnconfirmedAlert:
    """An alert that fires on the market that `stats` returns and not on every other: it depends on suspect prices."""

    target: RuleTarget
    alert: Alert
    stats: Callable[[], MarketStats]
    depends_on: tuple[Symbol, ...]


@dataclass(frozen=True, slots=True)
class ConfirmedResult:
    """The evaluation of all targets but the `pending` ones, and the alerts that cannot be confirmed."""

    result: EvaluationResult
    unconfirmed: tuple[UnconfirmedAlert, ...] = ()
    pending: frozenset[RuleTarget] = frozenset()

    @property
    def undecided(self) -> frozenset[Subject]:
        return frozenset(subject for unconfirmed in self.unconfirmed for subject in unconfirmed.alert.subjects)


def evaluate_confirmed(
    stats: MarketStats,
    suspect: SuspectMarket | None,
    rulebook: Rulebook,
    session: date,
    states: Mapping[Subject, SubjectState],
    targets: frozenset[RuleTarget],
) -> ConfirmedResult:
    """Evaluate a session on `stats`, which lack the suspect prices, and where it matters with them as well.

    What fires on every market fires, at the lowest of its levels. What fires on some is pending while its suspect
    prices may be cleared; then it is unconfirmed, and its state stays.
    """
    symbols: dict[RuleTarget, frozenset[Symbol]] = {}
    if suspect is not None:
        ordered = (target for target in rule_targets(stats, rulebook.rules) if target in targets)
        symbols = {target: depends_on for target in ordered if (depends_on := suspect.symbols_of(target))}
    others = targets.difference(symbols)
    certain = evaluate(stats, rulebook, session, states, only=others) if others else EvaluationResult((), {}, ())
    if suspect is None or not symbols:
        return ConfirmedResult(certain)
    with_all = suspect.stats
    markets = (lambda: stats, lambda: with_all, *suspect.halves)
    results: dict[RuleTarget, list[EvaluationResult]] = {target: [] for target in symbols}
    for make in markets:  # one after the other: all of them at once would take too much memory
        market = make()
        for target in symbols:
            results[target].append(evaluate(market, rulebook, session, states, only={target}))
    agreed: list[tuple[Rule, Sequence[Decision]]] = []
    agreed_states: dict[Subject, SubjectState] = {}
    unconfirmed: list[UnconfirmedAlert] = []
    pending = set()
    for target, depends_on in symbols.items():
        fired = [_fired(result) for result in results[target]]
        disputed = frozenset().union(*fired).difference(frozenset(fired[0]).intersection(*fired))
        if disputed and depends_on & suspect.pending:
            pending.add(target)
            continue
        decisions, changed = _agreed(results[target], disputed)
        agreed.append((target.rule, decisions))
        agreed_states |= changed
        left = set(disputed)  # each is reported once, from the first market on which it fires
        for make, result in zip(markets, results[target], strict=True):
            for alert in result.alerts:
                if parts := tuple(decision for decision in alert.decisions if decision.subject in left):
                    left.difference_update(decision.subject for decision in parts)
                    alone = replace(alert, decisions=parts)
                    unconfirmed.append(UnconfirmedAlert(target, alone, make, tuple(sorted(depends_on))))
    return ConfirmedResult(_merged(certain, agreed, agreed_states, session), tuple(unconfirmed), frozenset(pending))


def _fired(result: EvaluationResult) -> dict[Subject, Decision]:
    return {decision.subject: decision for alert in result.alerts for decision in alert.decisions}


def _agreed(
    results: Sequence[EvaluationResult], disputed: frozenset[Subject]
) -> tuple[tuple[Decision, ...], dict[Subject, SubjectState]]:
    """The decisions and states without the disputed subjects, with the figures of the first market."""
    first, *others = map(_fired, results)
    fired = {subject: decision for subject, decision in first.items() if subject not in disputed}
    for more in others:
        fired = {subject: _at_lower_level(decision, more[subject]) for subject, decision in fired.items()}
    certain = (decision for decision in results[0].decisions if decision.subject not in disputed)
    states = {subject: state for subject, state in results[0].memories.items() if subject not in disputed}
    states |= {subject: decision.state for subject, decision in fired.items()}
    return tuple(fired.get(decision.subject, decision) for decision in certain), states


def _at_lower_level(decision: Decision, second: Decision) -> Decision:
    """`decision`, at the level of `second` where that is the lower one."""
    episode = decision.state.episode
    assert decision.level is not None  # both fire
    assert second.level is not None
    assert episode is not None
    if decision.level.severity <= second.level.severity:
        return decision
    state = replace(decision.state, episode=replace(episode, severity=second.level.severity))
    return replace(decision, reason=second.reason, level=second.level, state=state)


def _merged(
    certain: EvaluationResult,
    agreed: list[tuple[Rule, Sequence[Decision]]],
    states: Mapping[Subject, SubjectState],
    session: date,
) -> EvaluationResult:
    """One result of both; members are inhibited by their basket's alert as in any other."""
    inhibited = inhibit(agreed)
    firing = ((rule, tuple(decision for decision in decisions if decision.fires)) for rule, decisions in inhibited)
    alerts = (Alert(rule, session, Phase.FINAL, decisions) for rule, decisions in firing if decisions)
    decisions = (decision for _, decided in inhibited for decision in decided)
    return EvaluationResult(
        (*certain.decisions, *decisions), {**certain.memories, **states}, (*certain.alerts, *alerts)
    )
