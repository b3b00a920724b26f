"""Confirmation of alerts: two checks in a row for an open session; with and without suspect prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date

from bot.alerts.episodes import Alert, Decision, Phase, ProvisionalAlert, Subject, SubjectStates
from bot.alerts.inhibition import RuleDecisions, firing_alerts, inhibit
from bot.alerts.rules import Severity
from bot.alerts.targets import RuleTarget, rule_targets
from bot.pipeline import FORGOTTEN, EvaluationResult, Rulebook, evaluate
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

    def confirmed(self, alerts: Iterable[Alert], states: SubjectStates) -> list[tuple[Alert, ProvisionalAlert | None]]:
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
                posted = states.get(decision.subject, FORGOTTEN).provisional_of(alert.session)
                if self._before.get(key, 0) >= decision.severity > (posted.severity if posted else 0):
                    holding.append(decision)
            held = replace(alert, decisions=tuple(holding), phase=Phase.PROVISIONAL)
            confirmed += [(part, posted) for posted, part in split_by_provisional(held, states).items()]
        self._before = now
        return confirmed


def resolve_provisional(
    target: RuleTarget, session: date, alerts: Sequence[Alert], states: SubjectStates
) -> tuple[dict[ProvisionalAlert, Alert | None], list[Alert]]:
    """The final alert for each provisional alert (None = it does not hold), and the alerts that are new."""
    posted = (state.provisional_of(session) for subject, state in states.items() if target.covers(subject))
    resolved: dict[ProvisionalAlert, Alert | None] = dict.fromkeys(filter(None, posted))
    new = []
    for alert in alerts:
        if RuleTarget(alert.rule, alert.subject.basket) == target:
            for provisional, part in split_by_provisional(alert, states).items():
                if provisional is None:
                    new.append(part)
                else:
                    resolved[provisional] = part
    return resolved, new


def split_by_provisional(alert: Alert, states: SubjectStates) -> dict[ProvisionalAlert | None, Alert]:
    """The alert divided by the provisional alerts about its subjects (None = there is none)."""
    groups: dict[ProvisionalAlert | None, list[Decision]] = {}
    for decision in alert.decisions:
        groups.setdefault(states.get(decision.subject, FORGOTTEN).provisional_of(alert.session), []).append(decision)
    return {provisional: replace(alert, decisions=tuple(group)) for provisional, group in groups.items()}


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
        return self.symbols.intersection(target_symbols(self.stats, target))


def target_symbols(stats: MarketStats, target: RuleTarget) -> frozenset[Symbol]:
    return frozenset(symbol for basket in target.baskets for symbol in stats.series[basket].basket.symbols)


@dataclass(frozen=True, slots=True)
class UnconfirmedAlert:
    """An alert that fires on the market of `stats`, but not on every market: it depends on suspect prices."""

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
    states: SubjectStates,
    targets: AbstractSet[RuleTarget],
) -> ConfirmedResult:
    """Evaluate a session on `stats`, which lack the suspect prices, and where it matters with them as well.

    An alert that fires on every market fires, at the lowest of its levels. An alert that fires on some is pending while
    its suspect prices may be cleared; then it is unconfirmed, and its state stays.
    """
    symbols: dict[RuleTarget, frozenset[Symbol]] = {}
    if suspect is not None:
        ordered = (target for target in rule_targets(stats, rulebook.rules) if target in targets)
        symbols = {target: depends_on for target in ordered if (depends_on := suspect.symbols_of(target))}
    independent = evaluate(stats, rulebook, session, states, only=targets - symbols.keys())
    if suspect is None or not symbols:
        return ConfirmedResult(independent)
    with_all = suspect.stats
    markets = (lambda: stats, lambda: with_all, *suspect.halves)
    results: dict[RuleTarget, list[EvaluationResult]] = {target: [] for target in symbols}
    for make in markets:  # one after the other: all of them at once would take too much memory
        market = make()
        for target in symbols:
            results[target].append(evaluate(market, rulebook, session, states, only={target}))
    agreed: list[RuleDecisions] = []
    changed = dict(independent.states)
    unconfirmed: list[UnconfirmedAlert] = []
    pending = set()
    for target, depends_on in symbols.items():
        fired = [firing_decisions(result) for result in results[target]]
        certain = frozenset(fired[0]).intersection(*fired)
        disputed = frozenset().union(*fired) - certain
        if disputed and depends_on & suspect.pending:
            pending.add(target)
            continue
        first = results[target][0]
        lowest = {subject: at_lowest_level([decisions[subject] for decisions in fired]) for subject in certain}
        undisputed = [decision for decision in first.decisions if decision.subject not in disputed]
        agreed.append((target.rule, [lowest.get(decision.subject, decision) for decision in undisputed]))
        changed |= {subject: state for subject, state in first.states.items() if subject not in disputed}
        changed |= {subject: decision.state for subject, decision in lowest.items()}
        for make, alert in disputed_alerts(disputed, zip(markets, results[target], strict=True)):
            unconfirmed.append(UnconfirmedAlert(target, alert, make, tuple(sorted(depends_on))))
    agreed = inhibit(agreed)
    decisions = (*independent.decisions, *(decision for _, decided in agreed for decision in decided))
    result = EvaluationResult(decisions, changed, (*independent.alerts, *firing_alerts(agreed, session)))
    return ConfirmedResult(result, tuple(unconfirmed), frozenset(pending))


def firing_decisions(result: EvaluationResult) -> dict[Subject, Decision]:
    return {decision.subject: decision for alert in result.alerts for decision in alert.decisions}


def at_lowest_level(decisions: Sequence[Decision]) -> Decision:
    """The first of several firing decisions on a subject, at the lowest of their levels."""
    first = decisions[0]
    lowest = min(decisions, key=lambda decision: decision.level.severity if decision.level else 0)
    assert lowest.level is not None  # all of them fire
    assert first.state.episode is not None
    state = replace(first.state, episode=replace(first.state.episode, severity=lowest.level.severity))
    return replace(first, reason=lowest.reason, level=lowest.level, state=state)


def disputed_alerts(
    disputed: AbstractSet[Subject], results: Iterable[tuple[Callable[[], MarketStats], EvaluationResult]]
) -> Iterator[tuple[Callable[[], MarketStats], Alert]]:
    """The alerts about the disputed subjects, each subject on the first market on which it fires."""
    left = set(disputed)
    for make, result in results:
        for alert in result.alerts:
            if parts := tuple(decision for decision in alert.decisions if decision.subject in left):
                left.difference_update(decision.subject for decision in parts)
                yield make, replace(alert, decisions=parts)
