"""Historical alerts of a rule, from whole columns: series of subjects, episodes, alerts."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any

import numpy as np

from bot.alerts.conditions import Figures, Measurements, Severities, condition_figures, depth, severity_by_session
from bot.alerts.episodes import FIRING, DecisionReason, Subject, reach_level
from bot.alerts.inhibition import covered_by_basket_alert
from bot.alerts.rules import Rule, Severity
from bot.alerts.targets import RuleTarget
from bot.prices.bars import Dates, Floats
from bot.statistics.market_stats import MarketStats
from bot.statistics.measure import VerdictColumns
from bot.statistics.ranks import Ints

KEPT = {"sessions", "window", "first", "daily_return", "move"}


@dataclass(frozen=True, slots=True)
class SubjectSeries:
    """One subject on its n final sessions with a reading.

    `at`: positions of the sessions in `verdicts`, which keep only the KEPT columns, for the columns of many members
    take memory. `figures`: the figures of the rule's conditions, shapes (n,). `notes`: cache of `episodes`.
    """

    subject: Subject
    verdicts: VerdictColumns
    at: slice | Ints
    figures: Figures
    notes: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def positions(self) -> Ints:
        return np.arange(len(self.verdicts.sessions))[self.at]

    @property
    def sessions(self) -> Dates:
        return self.verdicts.sessions[self.at]


# Series of members, which several baskets of the same tables share, by rule and member.
SeriesCache = dict[tuple[Hashable, ...], SubjectSeries]


def subject_series(board: MarketStats, target: RuleTarget, cache: SeriesCache) -> Iterator[SubjectSeries]:
    """The series of the target's subjects, in the order of the rule engine; a member is measured once per `cache`."""
    rule, basket = target.rule, board.series[target.basket]

    def series_of(
        subject: Subject,
        columns: VerdictColumns,
        rows: slice,
        low: Floats | None = None,
        turned: VerdictColumns | None = None,
    ) -> SubjectSeries:
        positions: Ints = columns.defined[rows].nonzero()[0] + rows.start
        gapless = len(positions) and positions[-1] - positions[0] < len(positions)
        at = slice(positions[0], positions[-1] + 1) if gapless else positions
        figures = condition_figures(rule, Measurements.of_columns(columns, at, low, turned))
        dropped = [column.name for column in fields(columns) if column.name not in KEPT]
        empty: dict[str, Any] = dict.fromkeys(dropped, np.broadcast_to(np.int8(0), columns.move.shape))
        return SubjectSeries(subject, replace(columns, **empty), at, figures)

    if rule.contrast is not None:
        first, second = rule.contrast
        columns = board.of_spread(first, second, rule.window)
        turned = board.of_spread(second, first, rule.window) if rule.upward else None
        end = np.searchsorted(columns.sessions, basket.sessions[: basket.final_sessions][-1:], side="right")
        yield series_of(target.subject, columns, slice(0, int(end.sum())), turned=turned)
    elif target.about_members(board):
        for returns, rows, member in zip(basket.alone, basket.rows, basket.basket.members, strict=True):
            subject = Subject(rule.name, target.basket, member.symbol)
            key = rule.name, basket.basket.calendar, basket.basket.prices, replace(member, weight=1.0)
            if key not in cache:
                columns = board.measure_member(target.basket, member.symbol, rule.window)
                # The price table holds the same daily returns: a reference to them takes no memory.
                columns = replace(columns, daily_return=returns.daily)
                final = slice(rows.start, min(rows.stop, basket.final_sessions))
                cache[key] = series_of(subject, columns, final, returns.low)
            yield replace(cache[key], subject=subject)
    else:
        low = basket.alone[0].low if len(basket.alone) == 1 else None
        yield series_of(
            target.subject, board.of_basket(target.basket, rule.window), slice(0, basket.final_sessions), low
        )


@dataclass(frozen=True, slots=True)
class AlertPart:
    """One subject's part in an alert. `before`: the severity of its episode until then, 0 = none was open."""

    member: str
    reason: DecisionReason
    severity: Severity
    before: int
    depth: float


@dataclass(frozen=True, slots=True)
class HistoricalAlert:
    """One alert of a rule on a basket and session, with a part for every subject in `words`.

    `news`: the highest severity among the alerts of other rules which this alert covers.
    """

    session: date
    words: tuple[AlertPart, ...]
    news: Severity | None = None

    @property
    def reason(self) -> DecisionReason:
        return self.words[0].reason

    @property
    def severity(self) -> Severity:
        return max(*(part.severity for part in self.words), self.news or self.words[0].severity)

    @property
    def depth(self) -> float:
        """The deepest of its subjects, a fraction."""
        return min(part.depth for part in self.words)

    def size(self, rule: Rule) -> float:
        """The move or day's low behind the alert, a fraction: the deepest of its subjects, of a spread the widest."""
        return -self.depth if rule.upward else self.depth

    def parts(self, rule: Rule) -> list[AlertPart]:
        """The parts which an alert about the basket covers."""
        return [part for part in self.words if covered_by_basket_alert(rule, part.member)]

    def beside(self, rule: Rule, covering: Collection[Rule], highest: Severity | None) -> HistoricalAlert | None:
        """The alert without `parts` if `covering` rules alert on the same session; None = no part is left.

        An alert of a covering rule gets the `highest` severity of the covered parts.
        """
        if not covering:
            return self
        if rule in covering:
            return replace(self, news=highest)
        parts = tuple(part for part in self.words if not covered_by_basket_alert(rule, part.member))
        return replace(self, words=parts) if parts else None

    def reaches(self, severity: Severity) -> bool:
        """Whether an episode reaches this severity, or a higher one, for the first time."""
        return any(part.before < severity <= part.severity for part in self.words)


def historical_alerts(rule: Rule, subjects: tuple[SubjectSeries, ...], close_after: int) -> tuple[HistoricalAlert, ...]:
    """The alerts of one target over all sessions, the same as in a replay, oldest first."""
    parts: dict[int, list[AlertPart]] = {}
    for series in subjects:
        for position, part in episodes(rule, series, close_after)[0]:
            parts.setdefault(position, []).append(part)
    day = subjects[0].verdicts.day  # the subjects of a target have the same sessions
    return tuple(HistoricalAlert(day(position), tuple(parts[position])) for position in sorted(parts))


def episodes(rule: Rule, series: SubjectSeries, close_after: int) -> tuple[Sequence[tuple[int, AlertPart]], Severities]:
    """The alerts of one subject by position, and the severity of its open episode before every session.

    The severities have shape (n,), 0 = none is open. Cached in the series by levels.
    """
    key = rule.levels, rule.step, close_after
    if key not in series.notes:
        positions = series.positions
        severities = severity_by_session(rule, series.figures, len(positions))
        depths = depth(rule, series.verdicts.move[series.at], series.figures.get("day_low", np.nan))
        alerts, before = [], np.zeros(len(positions), dtype=np.int8)
        episode, last = None, 0
        rows = severities.nonzero()[0]
        columns = (rows, positions[rows], series.sessions[rows], severities[rows], depths[rows])
        for row, position, session, rank, fall in zip(*(column.tolist() for column in columns), strict=True):
            severity = Severity(rank)
            episode = episode and episode.with_quiet_sessions(row - last - 1, close_after)
            previous = episode.severity if episode else 0
            reason, episode = reach_level(episode, series.subject, session, severity, fall, rule.step)
            if reason in FIRING:
                alerts.append((position, AlertPart(series.subject.member, reason, severity, previous, fall)))
            before[row + 1 : row + 1 + close_after] = episode.severity
            last = row
        series.notes[key] = alerts, before
    cached: tuple[Sequence[tuple[int, AlertPart]], Severities] = series.notes[key]
    return cached
