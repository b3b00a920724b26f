"""Rule targets: which rule is evaluated for which basket, member or spread; candidates by session."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import isnan

import numpy as np

from bot.alerts.conditions import Evidence, candidate_sessions
from bot.alerts.episodes import Subject
from bot.alerts.rules import Rule
from bot.baskets import BasketId
from bot.prices.bars import Floats, Symbol
from bot.statistics.market_stats import MarketStats
from bot.statistics.measure import VerdictColumns
from bot.statistics.verdict import Verdict


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

    def candidates(self, stats: MarketStats) -> Mapping[date, Sequence[int]]:
        """The sessions on which a level of the rule holds, with the columns of the members concerned; cached."""
        return stats.once(("candidates", self.rule.name, self.basket), lambda: self._candidates(stats))

    def _candidates(self, stats: MarketStats) -> dict[date, list[int]]:
        rule, series = self.rule, stats.series[self.basket]
        if rule.contrast is not None:
            first, second = rule.contrast
            spread = stats.of_spread(first, second, rule.window)
            reverse = stats.of_spread(second, first, rule.window) if rule.upward else None
            return {day: [] for day in spread.sessions[candidate_sessions(rule, spread, reverse=reverse)].tolist()}
        if self.about_members(stats):
            # Measured without the cache: the columns of members without a candidate, most of them, would fill it.
            flags = [
                candidate_sessions(rule, stats.measure_member(self.basket, symbol, rule.window), alone.low)
                for symbol, alone in zip(series.basket.symbols, series.alone, strict=True)
            ]
        else:
            low = series.alone[0].low if len(series.alone) == 1 else None
            flags = [candidate_sessions(rule, stats.of_basket(self.basket, rule.window), low)]
        candidates: dict[date, list[int]] = {}
        for position, column in np.argwhere(np.column_stack(flags)).tolist():
            candidates.setdefault(series.sessions[position].item(), []).append(column)
        return candidates

    def evidence(
        self, stats: MarketStats, session: date, open_members: Collection[str], *, every: bool = False
    ) -> Iterator[tuple[Subject, Evidence]]:
        """The subjects of the target with their evidence on a session.

        `open_members` have an open episode ("" = the basket). Other subjects without a level that holds are left out,
        unless `every`.
        """
        columns = self.candidates(stats).get(session, ())
        position = stats.position(self.basket, session)
        if position is None:
            return
        rule, series = self.rule, stats.series[self.basket]
        if rule.contrast is not None:
            yield self.subject, Evidence(contrast_verdict(stats, rule, session))
        elif self.about_members(stats):
            members = zip(series.basket.symbols, series.listed(position), series.alone, strict=True)
            for column, (symbol, listed, alone) in enumerate(members):
                if listed and (every or column in columns or symbol in open_members):
                    verdicts = stats.of_member(self.basket, symbol, rule.window)
                    yield Subject(rule.name, self.basket, symbol), evidence_at(position, verdicts, alone.low)
        else:
            low = series.alone[0].low if len(series.alone) == 1 else None
            yield self.subject, evidence_at(position, stats.of_basket(self.basket, rule.window), low)


def evidence_at(position: int, verdicts: VerdictColumns, low: Floats | None) -> Evidence:
    """The evidence of a series; `low` are the days' lows of its only member (None = several)."""
    day_low = None if low is None or isnan(low[position]) else low.item(position)
    return Evidence(verdicts.at(position), day_low)


def rule_targets(stats: MarketStats, rules: tuple[Rule, ...]) -> tuple[RuleTarget, ...]:
    """Every rule with every basket it is evaluated for, in the order of the configuration."""
    return tuple(
        RuleTarget(rule, basket)
        for rule in rules
        for basket in (rule.contrast[:1] if rule.contrast else rule.baskets)
        if all(needed in stats.series for needed in (rule.contrast or (basket,)))
    )


def contrast_verdict(stats: MarketStats, rule: Rule, session: date) -> Verdict | None:
    """The spread of a contrast rule's two baskets, first minus second.

    If the rule is about a spread that opens upwards, record, "worst since" and "worst in N years" are those of the
    reverse spread (the widest); move, rank, sample and percentile are not.
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


def is_configured(stats: MarketStats, subject: Subject) -> bool:
    """Whether the subject is a basket, a current member of its basket, or a spread of two baskets."""
    if subject.against:
        return subject.against in stats.series
    return not subject.member or subject.member in stats.series[subject.basket].basket.symbols


def subject_verdict(stats: MarketStats, subject: Subject, window: int, session: date) -> Verdict | None:
    """The verdict of a subject on the session; None = insufficient data, or no longer configured."""
    position = stats.position(subject.basket, session)
    if position is None or not is_configured(stats, subject):
        return None
    if subject.against:
        return stats.spread_at(subject.basket, BasketId(subject.against), window, session)
    if subject.member:
        return stats.of_member(subject.basket, Symbol(subject.member), window).at(position)
    return stats.of_basket(subject.basket, window).at(position)
