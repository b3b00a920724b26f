"""Rule targets: which rule is evaluated for which basket, member or spread; candidates by session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from math import isnan, nan

import numpy as np

from bot.alerts.conditions import Evidence, candidate_sessions
from bot.alerts.episodes import Subject
from bot.alerts.rules import Rule
from bot.baskets import BasketId
from bot.prices.bars import Symbol
from bot.statistics.market_stats import MarketStats
from bot.statistics.measure import VerdictColumns
from bot.statistics.verdict import Verdict

QUIET = Evidence(None, quiet=True)
Columns = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """A rule and the basket it is evaluated for (or its members, or its spread to another basket)."""

    rule: Rule
    basket: BasketId

    @property
    def subject(self) -> Subject:
        """The subject of the target; a rule about members has one more subject per member."""
        return Subject(self.rule.name, self.basket, against=self.rule.contrast[1] if self.rule.contrast else "")

    @property
    def baskets(self) -> tuple[BasketId, ...]:
        return self.rule.contrast or (self.basket,)

    def covers(self, subject: Subject) -> bool:
        return (subject.rule, subject.basket) == (self.rule.name, self.basket)

    def about_members(self, stats: MarketStats) -> bool:
        """Whether members are the subjects; for a basket of a single member it is the basket itself."""
        return self.rule.members and len(stats.series[self.basket].basket.members) > 1

    def evidence(
        self, stats: MarketStats, session: date, candidates: Columns | None, open_: AbstractSet[str], every: bool
    ) -> Iterator[tuple[Subject, Evidence]]:
        """The subjects with their evidence; `candidates` are the columns of the members on which a level holds.

        `open_` are the members with an open episode. Quiet members without one are left out unless `every`.
        """
        position = stats.position(self.basket, session)
        if position is None:
            return
        if self.rule.contrast is not None:
            if candidates is None and not every and _has_spread(stats, self.rule, session):
                yield self.subject, QUIET
            else:
                yield self.subject, Evidence(contrast_verdict(stats, self.rule, session))
        elif self.about_members(stats):
            yield from self._members(stats, position, candidates or (), open_, every)
        else:
            alone = len(stats.series[self.basket].basket.members) == 1
            columns, asked = stats.of_basket(self.basket, self.rule.window), every or candidates is not None
            yield self.subject, self._seen(stats, columns, position, 0 if alone else None, asked)

    def _members(
        self, stats: MarketStats, position: int, candidates: Columns, open_: AbstractSet[str], every: bool
    ) -> Iterator[tuple[Subject, Evidence]]:
        series = stats.series[self.basket]
        listed = series.listed(position)
        for column, member in enumerate(series.basket.members):
            asked = every or column in candidates
            if (asked or member.symbol in open_) and listed[column]:
                columns = stats.of_member(self.basket, member.symbol, self.rule.window)
                subject = Subject(self.rule.name, self.basket, member.symbol)
                yield subject, self._seen(stats, columns, position, column, asked)

    def _seen(
        self, stats: MarketStats, columns: VerdictColumns, position: int, column: int | None, asked: bool
    ) -> Evidence:
        """The evidence of a series; `column` is the member of the day's low (None = no day's low)."""
        if not asked and not isnan(columns.move[position]):
            return QUIET
        low = nan if column is None else stats.series[self.basket].alone[column].low.item(position)
        return Evidence(columns.at(position), None if isnan(low) else low)


def rule_targets(stats: MarketStats, rules: tuple[Rule, ...]) -> tuple[RuleTarget, ...]:
    """Every rule with every basket it is evaluated for, in the order of the configuration."""
    return stats.once(
        ("questions",),
        lambda: tuple(
            RuleTarget(rule, basket)
            for rule in rules
            for basket in ((rule.contrast[0],) if rule.contrast else rule.baskets)
            if all(needed in stats.series for needed in (rule.contrast or (basket,)))
        ),
    )


def target_index(stats: MarketStats, rules: tuple[Rule, ...]) -> Mapping[tuple[str, BasketId], int]:
    """The index of every target among `rule_targets`, by rule name and basket."""
    return stats.once(
        ("places",),
        lambda: {(target.rule.name, target.basket): index for index, target in enumerate(rule_targets(stats, rules))},
    )


def candidates_by_session(
    stats: MarketStats, rules: tuple[Rule, ...], only: AbstractSet[RuleTarget] | None = None
) -> Mapping[date, Mapping[int, Columns]]:
    """The targets (by index) on which a level holds, by session, with the columns of the members concerned.

    With `only`, nothing is measured for the other targets, and the figures of quiet members, most of them, are not
    kept.
    """
    candidates, measured = stats.once(("agenda",), _empty_candidates)
    targets = rule_targets(stats, rules)
    if len(measured) == len(targets):
        return candidates
    measure = stats.of_member if only is None else stats.measure_member
    for index, target in enumerate(targets):
        if index not in measured and (only is None or target in only):
            measured.add(index)
            days = stats.series[target.basket].sessions
            for position, columns in _candidates(stats, target, measure).items():
                candidates.setdefault(days[position].item(), {})[index] = columns
    return candidates


def _empty_candidates() -> tuple[dict[date, dict[int, Columns]], set[int]]:
    """Candidates by session, and the indices of the targets measured."""
    return {}, set()


def _candidates(
    stats: MarketStats, target: RuleTarget, measure: Callable[[BasketId, Symbol, int], VerdictColumns]
) -> Mapping[int, Columns]:
    """The positions on which a level of the rule holds, with the columns of the members concerned."""
    rule, series = target.rule, stats.series[target.basket]
    if rule.contrast is not None:
        first, second = rule.contrast
        spread = stats.of_spread(first, second, rule.window)
        turned = stats.of_spread(second, first, rule.window) if rule.upward else None
        sessions = spread.sessions[candidate_sessions(rule, spread, turned=turned)].tolist()
        positions = (stats.position(target.basket, session) for session in sessions)
        return {position: () for position in positions if position is not None}
    if target.about_members(stats):
        flags = [
            candidate_sessions(rule, measure(target.basket, symbol, rule.window), alone.low)
            for symbol, alone in zip(series.basket.symbols, series.alone, strict=True)
        ]
    else:
        low = series.alone[0].low if len(series.alone) == 1 else None
        flags = [candidate_sessions(rule, stats.of_basket(target.basket, rule.window), low)]
    candidates: dict[int, Columns] = {}
    for position, column in np.argwhere(np.column_stack(flags)).tolist():
        candidates[position] = (*candidates.get(position, ()), column)
    return candidates


def _has_spread(stats: MarketStats, rule: Rule, session: date) -> bool:
    assert rule.contrast is not None
    columns = stats.of_spread(*rule.contrast, rule.window)
    index = int(np.searchsorted(columns.sessions, np.datetime64(session, "D")))
    return (
        index < len(columns.sessions) and columns.sessions[index].item() == session and not isnan(columns.move[index])
    )


def contrast_verdict(stats: MarketStats, rule: Rule, session: date) -> Verdict | None:
    """The spread of a contrast rule's two baskets, first minus second.

    If the rule is about a spread that opens upwards, record, "worst since" and "worst in N years" are those of the
    spread turned over (the widest); move, rank, sample and percentile are not.
    """
    assert rule.contrast is not None
    first, second = rule.contrast
    verdict = stats.spread_at(first, second, rule.window, session)
    if verdict is None or not rule.upward:
        return verdict
    widest = stats.spread_at(second, first, rule.window, session)
    assert widest is not None
    return replace(
        verdict,
        worst_since=widest.worst_since,
        sessions_since_worst=widest.sessions_since_worst,
        worst_in_years=widest.worst_in_years,
        record=widest.record,
    )
