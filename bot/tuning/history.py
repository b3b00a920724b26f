"""A rule over whole columns: series per subject, level by session, historical alerts."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bot.alerts.episodes import YEARS_FOR_RECORD, DecisionReason, Subject
from bot.alerts.inhibition import covered_by_basket_alert
from bot.alerts.rules import Level, Rule, Severity
from bot.alerts.targets import RuleTarget
from bot.prices.bars import Dates, Floats
from bot.prices.table import Flags
from bot.statistics.market_stats import MarketStats
from bot.statistics.measure import VerdictColumns
from bot.statistics.ranks import Ints


@dataclass(frozen=True, slots=True)
class SubjectSeries:
    """One subject on the sessions that the engine has a reading of it, n of them.

    `at` holds their positions in the columns of `verdicts`; `turned` are the columns that tell records and "worst
    since" (the same, or for a spread that opens upwards those of the spread turned over). `day_low` has the columns'
    shape (None = the subject has no day's low). Sessions that are not final are left out. `notes` keeps
    what was found.
    """

    subject: Subject
    verdicts: VerdictColumns
    turned: VerdictColumns
    at: Ints
    day_low: Floats | None = None
    notes: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def sessions(self) -> Dates:
        return self.verdicts.sessions[self.at]


SeriesCache = dict[
    tuple[Hashable, ...], SubjectSeries
]  # members of many baskets of the same tables, by what they depend on


def subject_series(board: MarketStats, question: RuleTarget, shelf: SeriesCache) -> Iterator[SubjectSeries]:
    """The subjects that `question` is asked about, in the engine's order; members are measured once a `shelf`."""
    rule, series = question.rule, board.series[question.basket]
    every = np.arange(len(series.sessions))
    if rule.contrast is not None:
        one, other = rule.contrast
        columns = board.of_spread(one, other, rule.window)
        turned = board.of_spread(other, one, rule.window) if rule.upward else columns
        ended = np.searchsorted(columns.sessions, series.sessions[: series.final_sessions][-1:], side="right")
        yield SubjectSeries(question.subject, columns, turned, _rows(columns, slice(0, int(ended.sum())), every))
    elif question.about_members(board):
        for column, member in enumerate(series.basket.members):
            subject = Subject(rule.name, question.basket, member.symbol)
            key = rule.name, series.basket.calendar, series.basket.prices, replace(member, weight=1.0)
            if key not in shelf:
                columns = board.measure_member(question.basket, member.symbol, rule.window)
                # The member's own returns stand in the table, too: kept from there, they take no memory.
                columns = replace(_asked(rule, columns), daily_return=series.alone[column].daily)
                belongs = series.rows[column]
                rows = _rows(columns, slice(belongs.start, min(belongs.stop, series.final_sessions)), every)
                shelf[key] = SubjectSeries(subject, columns, columns, rows, series.alone[column].low)
            yield replace(shelf[key], subject=subject)
    else:
        columns = board.of_basket(question.basket, rule.window)
        low = series.alone[0].low if len(series.basket.members) == 1 else None
        rows = _rows(columns, slice(0, series.final_sessions), every)
        yield SubjectSeries(question.subject, columns, columns, rows, low)


def _rows(columns: VerdictColumns, among: slice, every: Ints) -> Ints:
    """The positions that have a reading; where they are one piece, as nearly always, a part of `every`: no memory."""
    rows: Ints = columns.defined[among].nonzero()[0] + among.start
    if len(rows) and rows[-1] - rows[0] < len(rows):
        return every[rows[0] : rows[-1] + 1]
    return rows


def _asked(rule: Rule, columns: VerdictColumns) -> VerdictColumns:
    """The columns that the rungs ask for; the others are empty, and take no memory."""
    unasked = {"coverage", "rank", "sample", "worst_in_years", "drawdown", "peak_at", "missing_sessions"}
    if not rule.uses_condition("percentile"):
        unasked.add("percentile")
    if not rule.uses_condition("worst_in_months") and not any(rung.record for rung in rule.levels):
        unasked.add("worst_at")
    unasked |= {
        name for name, asked in (("state", "state"), ("entered_state", "enters")) if not rule.uses_condition(asked)
    }
    empty: dict[str, Any] = {name: np.broadcast_to(np.int8(0), columns.move.shape) for name in unasked}
    return replace(columns, **empty)


FittedCondition = Literal["percentile", "worst_in_months", "move", "day_low"]
CONDITIONS: tuple[FittedCondition, ...] = ("percentile", "worst_in_months", "move", "day_low")
NEVER = np.inf
Ranks = npt.NDArray[np.int8]


def threshold(rung: Level, condition: FittedCondition) -> float | None:
    """The rung's value on a scale on which lower is rarer, as `readings` are."""
    value: float | None = getattr(rung, condition)
    if value is None:
        return None
    return -value if condition == "worst_in_months" or (condition == "percentile" and value > 50) else value


def with_threshold(rung: Level, condition: FittedCondition, value: float) -> Level:
    """The rung with another value, given on the scale of `threshold`."""
    match condition:
        case "worst_in_months":
            return replace(rung, worst_in_months=round(-value))
        case "percentile":
            return replace(rung, percentile=abs(value))
        case "move":
            return replace(rung, move=value)
        case "day_low":
            return replace(rung, day_low=value)


def without_condition(rung: Level, condition: FittedCondition) -> Level:
    """What else must hold."""
    match condition:
        case "worst_in_months":
            return replace(rung, worst_in_months=None)
        case "percentile":
            return replace(rung, percentile=None)
        case "move":
            return replace(rung, move=None)
        case "day_low":
            return replace(rung, day_low=None)


def condition_readings(rule: Rule, rung: Level, condition: FittedCondition, track: SubjectSeries) -> Floats:
    """Where each session stands: a condition of `rung` holds if this is at or below its threshold; shape (n,)."""
    columns, at = track.verdicts, track.at
    move = columns.move[at]
    if condition == "move":
        return move
    if condition == "day_low":
        low = np.full(len(at), np.nan) if track.day_low is None else track.day_low[at]
        return np.where(np.isnan(low), NEVER, low)
    sided = move > 0 if rule.upward else move < 0
    if condition == "percentile":
        percentile = columns.percentile[at]
        signed = -percentile if rung.percentile is not None and rung.percentile > 50 else percentile
        return np.where(sided & ~np.isnan(percentile), signed, NEVER)
    return np.where(sided, -_months_as_bad(track).astype(np.float64), NEVER)


def level_holds_by_session(rule: Rule, rung: Level, track: SubjectSeries) -> Flags:
    """Whether every condition of the rung holds, by session; shape (n,)."""
    columns, at = track.verdicts, track.at
    kept = np.ones(len(at), dtype=np.bool_)
    for condition in CONDITIONS:
        limit = threshold(rung, condition)
        if limit is not None:
            kept &= condition_readings(rule, rung, condition, track) <= limit
    if rung.record:
        sided = columns.move[at] > 0 if rule.upward else columns.move[at] < 0
        long = whole_months(columns.sessions[columns.first], columns.sessions[at]) >= 12 * YEARS_FOR_RECORD
        kept &= sided & track.turned.record[at] & long
    if rung.state is not None:
        kept &= columns.state[at] >= int(rung.state)
    if rung.enters is not None:
        kept &= columns.entered_state[at] >= int(rung.enters)
    return kept


def severity_by_session(rule: Rule, track: SubjectSeries) -> Ranks:
    """The severity of the deepest rung that holds, by session; 0 = none holds. Shape (n,)."""
    found = np.zeros(len(track.at), dtype=np.int8)
    for rung in rule.levels:
        found[level_holds_by_session(rule, rung, track)] = int(rung.severity)
    return found


def depth_by_session(rule: Rule, track: SubjectSeries) -> Floats:
    """How deep an episode is on each session, lower is deeper: as in `decide`. Shape (n,)."""
    move = track.verdicts.move[track.at]
    if rule.uses_condition("day_low") and track.day_low is not None:
        low = track.day_low[track.at]
        return np.where(np.isnan(low), move, low)
    return -move if rule.upward else move


def whole_months(early: Dates | np.datetime64, late: Dates) -> Ints:
    """Whole months from `early` to `late`, rounded down."""
    early_month, late_month = early.astype("datetime64[M]"), late.astype("datetime64[M]")
    short = late - late_month < early - early_month
    months: Ints = (late_month - early_month).astype(np.intp) - short
    return months


def _months_as_bad(track: SubjectSeries) -> Ints:
    """Whole months since the latest move as bad, or for a record since the first reading."""
    sessions = track.verdicts.sessions
    worst_at = track.turned.worst_at[track.at]
    since = np.where(worst_at >= 0, worst_at, track.verdicts.first)
    return whole_months(sessions[since], sessions[track.at])


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
    told: dict[int, list[AlertPart]] = {}
    for track in subjects:
        for position, word in subject_alerts(rule, track, close_after):
            told.setdefault(position, []).append(word)
    day = subjects[0].verdicts.day  # all subjects of a question stand on the same sessions
    return tuple(HistoricalAlert(day(position), tuple(words)) for position, words in sorted(told.items()))


def subject_alerts(rule: Rule, track: SubjectSeries, close_after: int) -> Sequence[tuple[int, AlertPart]]:
    """When one subject speaks, by the position in its columns; worked out once for each ladder."""
    key = rule.levels, rule.step, close_after
    if key not in track.notes:
        track.notes[key] = tuple(_words(rule, track, close_after))
    told: tuple[tuple[int, AlertPart], ...] = track.notes[key]
    return told


def _words(rule: Rule, track: SubjectSeries, close_after: int) -> Iterator[tuple[int, AlertPart]]:
    """`decide`, reduced to the sessions on which a rung holds."""
    found = severity_by_session(rule, track)
    loud = found.nonzero()[0]
    open_, deepest, last = 0, np.inf, 0
    columns = loud, track.at[loud], found[loud], depth_by_session(rule, track)[loud]
    for row, position, severity, depth in zip(*(column.tolist() for column in columns), strict=True):
        if row - last > close_after:
            open_ = 0
        last = row
        if not open_:
            reason, deepest = DecisionReason.FIRST, depth
        elif severity > open_:
            reason = DecisionReason.ESCALATED
        elif severity == open_ and depth <= deepest - rule.step:
            reason = DecisionReason.DEEPENED
        else:
            continue
        yield position, AlertPart(track.subject.member, reason, Severity(severity), open_, depth)
        open_, deepest = severity, min(depth, deepest)


def open_severity_before(rule: Rule, track: SubjectSeries, close_after: int) -> Ranks:
    """The severity of the open episode as each session begins, 0 = none is open; shape (n,)."""
    found = severity_by_session(rule, track)
    rows = np.arange(len(found))
    latest = np.maximum.accumulate(np.where(found > 0, rows, -close_after - 1))
    before = np.concatenate(([-close_after - 1], latest[:-1]))[: len(rows)]
    deepest = np.zeros(len(found), dtype=np.int8)
    for position, word in subject_alerts(rule, track, close_after):
        deepest[track.at > position] = int(word.severity)
    return np.where(rows - before <= close_after, deepest, 0).astype(np.int8)
