"""Which rule is evaluated for which basket, member or spread; candidates by session."""

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
    """A rule asked of one basket (or of its members, or of the spread to another basket)."""

    rule: Rule
    basket: BasketId

    @property
    def subject(self) -> Subject:
        """What the question is about as a whole; a rule about members has subjects of its own beside it."""
        return Subject(self.rule.name, self.basket, against=self.rule.contrast[1] if self.rule.contrast else "")

    @property
    def baskets(self) -> tuple[BasketId, ...]:
        return self.rule.contrast or (self.basket,)

    def covers(self, subject: Subject) -> bool:
        return (subject.rule, subject.basket) == (self.rule.name, self.basket)

    def about_members(self, board: MarketStats) -> bool:
        """A rule about members looks at the basket itself if it has only one."""
        return self.rule.members and len(board.series[self.basket].basket.members) > 1

    def evidence(
        self, board: MarketStats, session: date, loud: Columns | None, open_: AbstractSet[str], every: bool
    ) -> Iterator[tuple[Subject, Evidence]]:
        """The subjects to decide on; `loud` is the agenda's word on them, `open_` the members with an open episode.

        Members that are quiet and have no open episode are passed over unless `every`.
        """
        position = board.position(self.basket, session)
        if position is None:
            return
        if self.rule.contrast is not None:
            if loud is None and not every and _has_spread(board, self.rule, session):
                yield self.subject, QUIET
            else:
                yield self.subject, Evidence(contrast_verdict(board, self.rule, session))
        elif self.about_members(board):
            yield from self._members(board, position, loud or (), open_, every)
        else:
            alone = len(board.series[self.basket].basket.members) == 1
            columns = board.of_basket(self.basket, self.rule.window)
            yield self.subject, self._seen(board, columns, position, 0 if alone else None, every or loud is not None)

    def _members(
        self, board: MarketStats, position: int, loud: Columns, open_: AbstractSet[str], every: bool
    ) -> Iterator[tuple[Subject, Evidence]]:
        series = board.series[self.basket]
        listed = series.listed(position)
        for column, member in enumerate(series.basket.members):
            asked = every or column in loud
            if (asked or member.symbol in open_) and listed[column]:
                columns = board.of_member(self.basket, member.symbol, self.rule.window)
                subject = Subject(self.rule.name, self.basket, member.symbol)
                yield subject, self._seen(board, columns, position, column, asked)

    def _seen(
        self, board: MarketStats, columns: VerdictColumns, position: int, column: int | None, asked: bool
    ) -> Evidence:
        """The evidence of one series; `column` is that of the member whose day's low counts."""
        if not asked and not isnan(columns.move[position]):
            return QUIET
        low = nan if column is None else board.series[self.basket].alone[column].low.item(position)
        return Evidence(columns.at(position), None if isnan(low) else low)


def rule_targets(board: MarketStats, rules: tuple[Rule, ...]) -> tuple[RuleTarget, ...]:
    """Every rule with every basket it is asked of, in the order of the configuration."""

    def listed() -> tuple[RuleTarget, ...]:
        return tuple(
            RuleTarget(rule, basket)
            for rule in rules
            for basket in ((rule.contrast[0],) if rule.contrast else rule.baskets)
            if all(one in board.series for one in (rule.contrast or (basket,)))
        )

    return board.once(("questions",), listed)


def target_index(board: MarketStats, rules: tuple[Rule, ...]) -> Mapping[tuple[str, BasketId], int]:
    """Where a rule's question about a basket stands among the questions."""

    def written() -> Mapping[tuple[str, BasketId], int]:
        return {(one.rule.name, one.basket): place for place, one in enumerate(rule_targets(board, rules))}

    return board.once(("places",), written)


def candidates_by_session(
    board: MarketStats, rules: tuple[Rule, ...], only: AbstractSet[RuleTarget] | None = None
) -> Mapping[date, Mapping[int, Columns]]:
    """The questions (by their place) that might get an answer, by session; on all other sessions they are quiet.

    Each comes with the columns of the members it might speak of. With `only`, nothing is measured for the other
    questions, and the figures of quiet members, which would be most of them, are not kept.
    """
    found, looked = board.once(("agenda",), _unwritten)
    asked = rule_targets(board, rules)
    if len(looked) == len(asked):
        return found
    measured = board.of_member if only is None else board.measure_member
    for place, question in enumerate(asked):
        if place not in looked and (only is None or question in only):
            looked.add(place)
            days = board.series[question.basket].sessions
            for position, columns in _loud(board, question, measured).items():
                found.setdefault(days[position].item(), {})[place] = columns
    return found


def _unwritten() -> tuple[dict[date, dict[int, Columns]], set[int]]:
    """The agenda, and the places of the questions that it knows."""
    return {}, set()


def _loud(
    board: MarketStats, question: RuleTarget, measured: Callable[[BasketId, Symbol, int], VerdictColumns]
) -> Mapping[int, Columns]:
    """The positions at which the rule might speak, each with the columns of the members it might speak of."""
    rule, series = question.rule, board.series[question.basket]
    if rule.contrast is not None:
        return dict.fromkeys(_loud_gaps(board, question), ())
    if question.about_members(board):
        kept = [
            candidate_sessions(rule, measured(question.basket, symbol, rule.window), alone.low)
            for symbol, alone in zip(series.basket.symbols, series.alone, strict=True)
        ]
    else:
        low = series.alone[0].low if len(series.alone) == 1 else None
        kept = [candidate_sessions(rule, board.of_basket(question.basket, rule.window), low)]
    found: dict[int, Columns] = {}
    for position, column in np.argwhere(np.column_stack(kept)).tolist():
        found[position] = (*found.get(position, ()), column)
    return found


def _loud_gaps(board: MarketStats, question: RuleTarget) -> Iterator[int]:
    """The positions at which a contrast rule speaks, were there no episode."""
    rule = question.rule
    assert rule.contrast is not None
    first, second = rule.contrast
    columns = board.of_spread(first, second, rule.window)
    turned = board.of_spread(second, first, rule.window) if rule.upward else None
    for session in columns.sessions[candidate_sessions(rule, columns, turned=turned)].tolist():
        position = board.position(question.basket, session)
        if position is not None:
            yield position


def _has_spread(board: MarketStats, rule: Rule, session: date) -> bool:
    assert rule.contrast is not None
    columns = board.of_spread(*rule.contrast, rule.window)
    at = int(np.searchsorted(columns.sessions, np.datetime64(session, "D")))
    return at < len(columns.sessions) and columns.sessions[at].item() == session and not isnan(columns.move[at])


def contrast_verdict(board: MarketStats, rule: Rule, session: date) -> Verdict | None:
    """The spread of a contrast rule's two baskets, first minus second.

    Move, rank, sample and percentile are the spread's own. If the rule looks for a spread that opens upwards, record,
    "worst since" and "worst in N years" are those of the spread turned over: the widest, then.
    """
    assert rule.contrast is not None
    one, other = rule.contrast
    found = board.spread_at(one, other, rule.window, session)
    if found is None or not rule.upward:
        return found
    widest = board.spread_at(other, one, rule.window, session)
    assert widest is not None
    return replace(
        found,
        worst_since=widest.worst_since,
        sessions_since_worst=widest.sessions_since_worst,
        worst_in_years=widest.worst_in_years,
        record=widest.record,
    )
