"""A rule over whole columns: series per subject, level by session, historical alerts."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any

import numpy as np

from bot.alerts.conditions import Figures, Measurements, Severities, condition_figures, depth, severity_by_session
from bot.alerts.episodes import SPEAKING, DecisionReason, Subject, reach_level
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
    """One subject on the n final sessions that have a reading of it.

    `at` are their positions in `verdicts`, of which only sessions, daily returns and moves are kept: the figures of
    many members take memory. `figures` are those of the rule's conditions, of shape (n,). `notes` keeps results.
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


SeriesCache = dict[
    tuple[Hashable, ...], SubjectSeries
]  # members of many baskets of the same tables, by what they depend on


def subject_series(board: MarketStats, question: RuleTarget, shelf: SeriesCache) -> Iterator[SubjectSeries]:
    """The subjects of `question`, in the engine's order; members are measured once a `shelf`."""
    rule, series = question.rule, board.series[question.basket]

    def track(
        subject: Subject,
        columns: VerdictColumns,
        rows: slice,
        low: Floats | None = None,
        turned: VerdictColumns | None = None,
    ) -> SubjectSeries:
        among: Ints = columns.defined[rows].nonzero()[0] + rows.start
        at = slice(among[0], among[-1] + 1) if len(among) and among[-1] - among[0] < len(among) else among
        figures = condition_figures(rule, Measurements.of_columns(columns, at, low, turned))
        dropped = [column.name for column in fields(columns) if column.name not in KEPT]
        empty: dict[str, Any] = dict.fromkeys(dropped, np.broadcast_to(np.int8(0), columns.move.shape))
        return SubjectSeries(subject, replace(columns, **empty), at, figures)

    if rule.contrast is not None:
        first, second = rule.contrast
        columns = board.of_spread(first, second, rule.window)
        turned = board.of_spread(second, first, rule.window) if rule.upward else None
        ended = np.searchsorted(columns.sessions, series.sessions[: series.final_sessions][-1:], side="right")
        yield track(question.subject, columns, slice(0, int(ended.sum())), turned=turned)
    elif question.about_members(board):
        for alone, belongs, member in zip(series.alone, series.rows, series.basket.members, strict=True):
            subject = Subject(rule.name, question.basket, member.symbol)
            key = rule.name, series.basket.calendar, series.basket.prices, replace(member, weight=1.0)
            if key not in shelf:
                columns = board.measure_member(question.basket, member.symbol, rule.window)
                # The member's own returns stand in the table, too: kept from there, they take no memory.
                columns = replace(columns, daily_return=alone.daily)
                rows = slice(belongs.start, min(belongs.stop, series.final_sessions))
                shelf[key] = track(subject, columns, rows, alone.low)
            yield replace(shelf[key], subject=subject)
    else:
        low = series.alone[0].low if len(series.alone) == 1 else None
        yield track(
            question.subject, board.of_basket(question.basket, rule.window), slice(0, series.final_sessions), low
        )


@dataclass(frozen=True, slots=True)
class AlertPart:
    """One subject's part in an alert. `before` is the severity its episode had until then (0 = it had not begun)."""

    member: str
    reason: DecisionReason
    severity: Severity
    before: int
    depth: float


@dataclass(frozen=True, slots=True)
class HistoricalAlert:
    """One alert: what a rule would have said about a basket on a session. `words` has one entry a subject.

    `news` is how loud the news is that it tells for other rules.
    """

    session: date
    words: tuple[AlertPart, ...]
    news: Severity | None = None

    @property
    def reason(self) -> DecisionReason:
        return self.words[0].reason

    @property
    def severity(self) -> Severity:
        return max(*(word.severity for word in self.words), self.news or self.words[0].severity)

    @property
    def depth(self) -> float:
        """The deepest of its subjects, a fraction."""
        return min(word.depth for word in self.words)

    def size(self, rule: Rule) -> float:
        """The move or day's low behind it, a fraction; of several subjects the deepest, of a spread the widest."""
        return -self.depth if rule.upward else self.depth

    def parts(self, rule: Rule) -> list[AlertPart]:
        """The news that stands in a message about the basket, where there is one."""
        return [one for one in self.words if covered_by_basket_alert(rule, one.member)]

    def beside(self, rule: Rule, tellers: Collection[Rule], loudest: Severity | None) -> HistoricalAlert | None:
        """What is left of it where `tellers` tell all `parts`, and are as loud as the loudest; None = nothing is."""
        if not tellers:
            return self
        if rule in tellers:
            return replace(self, news=loudest)
        told = self.parts(rule)
        kept = tuple(one for one in self.words if one not in told)
        return replace(self, words=kept) if kept else None

    def reaches(self, severity: Severity) -> bool:
        """Whether an episode comes to this rung, or to a deeper one, for the first time."""
        return any(word.before < severity <= word.severity for word in self.words)


def historical_alerts(rule: Rule, subjects: tuple[SubjectSeries, ...], close_after: int) -> tuple[HistoricalAlert, ...]:
    """The alerts of one question over all sessions, as a replay would give them, oldest first."""
    words: dict[int, list[AlertPart]] = {}
    for track in subjects:
        for position, word in episodes(rule, track, close_after)[0]:
            words.setdefault(position, []).append(word)
    day = subjects[0].verdicts.day  # all subjects of a question stand on the same sessions
    return tuple(HistoricalAlert(day(position), tuple(parts)) for position, parts in sorted(words.items()))


def episodes(rule: Rule, track: SubjectSeries, close_after: int) -> tuple[Sequence[tuple[int, AlertPart]], Severities]:
    """The alerts of one subject by their positions, and the severity of its open episode as each session begins.

    The latter has shape (n,), 0 = none is open. Kept in the track for each set of levels.
    """
    key = rule.levels, rule.step, close_after
    if key not in track.notes:
        track.notes[key] = _episodes(rule, track, close_after)
    kept: tuple[Sequence[tuple[int, AlertPart]], Severities] = track.notes[key]
    return kept


def _episodes(rule: Rule, track: SubjectSeries, close_after: int) -> tuple[Sequence[tuple[int, AlertPart]], Severities]:
    """`decide`, reduced to the sessions on which a level holds."""
    positions = track.positions
    severities = severity_by_session(rule, track.figures, len(positions))
    falls = depth(rule, track.verdicts.move[track.at], track.figures.get("day_low", np.nan))
    words, open_ = [], np.zeros(len(positions), dtype=np.int8)
    episode, last = None, 0
    rows = severities.nonzero()[0]
    columns = (rows, positions[rows], track.sessions[rows], severities[rows], falls[rows])
    for row, position, session, rank, fall in zip(*(column.tolist() for column in columns), strict=True):
        severity = Severity(rank)
        episode = episode and episode.after_quiet(row - last - 1, close_after)
        before = episode.severity if episode else 0
        reason, episode = reach_level(episode, track.subject, session, severity, fall, rule.step)
        if reason in SPEAKING:
            words.append((position, AlertPart(track.subject.member, reason, severity, before, fall)))
        open_[row + 1 : row + 1 + close_after] = episode.severity
        last = row
    return words, open_
