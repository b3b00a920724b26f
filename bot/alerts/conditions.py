"""The conditions of a level: one table, for the evidence of one session and for whole columns alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import nan
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bot.alerts.rules import Level, Rule
from bot.prices.bars import Floats
from bot.prices.table import Flags
from bot.statistics.measure import YEARS_OF_HISTORY, Days, VerdictColumns, whole_months
from bot.statistics.ranks import Ints
from bot.statistics.verdict import Verdict

NEVER = np.inf
Numbers = float | npt.NDArray[Any]
Figures = Mapping[str, Numbers]
Severities = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The figures of a subject on a session: its verdict (None = no value) and a member's day low (a fraction)."""

    verdict: Verdict | None
    day_low: float | None = None


@dataclass(frozen=True, slots=True)
class Measurements:
    """What conditions are about: numbers and dates of one session, or arrays of shape (n,); NaN = not defined.

    `as_bad_on` is the session of the latest earlier move as bad, for a record the first session with a value (`since`).
    `state` and `entered` are numbers of drawdown states. The rest is as in Verdict and Evidence.
    """

    session: Days
    since: Days
    as_bad_on: Days
    move: Numbers
    percentile: Numbers
    record: bool | Flags
    drawdown: Numbers
    state: Numbers
    entered: Numbers
    day_low: Numbers

    @classmethod
    def of_session(cls, verdict: Verdict, day_low: float | None) -> Measurements:
        """The measurements of a session with a value."""
        return cls(
            session=verdict.session,
            since=verdict.since,
            as_bad_on=verdict.worst_since or verdict.since,
            move=verdict.move,
            percentile=nan if verdict.percentile is None else verdict.percentile,
            record=verdict.record,
            drawdown=verdict.drawdown,
            state=verdict.state,
            entered=verdict.entered_state,
            day_low=nan if day_low is None else day_low,
        )

    @classmethod
    def of_columns(
        cls,
        verdicts: VerdictColumns,
        rows: slice | Ints,
        day_low: Floats | None = None,
        reverse: VerdictColumns | None = None,
    ) -> Measurements:
        """The measurements at `rows`, positions with a value.

        `day_low` has the columns' shape (None = no day's low). `reverse` are the columns for the record and "worst
        since" of a spread that opens upwards: those of the reverse spread.
        """
        sessions, move, worst_at = verdicts.sessions, verdicts.move[rows], (reverse or verdicts).worst_at[rows]
        return cls(
            session=sessions[rows],
            since=sessions[verdicts.first : verdicts.first + 1],
            as_bad_on=sessions[np.where(worst_at < 0, verdicts.first, worst_at)],
            move=move,
            percentile=verdicts.percentile[rows],
            record=worst_at < 0,
            drawdown=verdicts.drawdown[rows],
            state=verdicts.state[rows],
            entered=verdicts.entered_state[rows],
            day_low=np.full(move.shape, nan) if day_low is None else day_low[rows],
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: its key in the configuration and the catalogues, its field of a level, its figure.

    `unit` is the unit of the field. A value above `at_least_above` asks for a figure at or above it, any other for a
    figure at or below it. `rare_side`: holds only on the rule's side of zero, for the worst move of calm months can
    still be a gain. `basis` is the measurement that the figure needs.
    """

    key: str
    field: str
    unit: Literal["percentile", "months", "flag", "fraction", "state"]
    basis: Literal["move", "drawdown", "day_low"]
    figure: Callable[[Measurements], Numbers]
    at_least_above: float = np.inf
    rare_side: bool = False

    def sign(self, level: Level) -> int:
        """The factor that turns the level's value, and the figures, to a scale on which lower is rarer."""
        return -1 if getattr(level, self.field) > self.at_least_above else 1


CONDITIONS = {
    condition.key: condition
    for condition in (
        Condition("percentile", "percentile", "percentile", "move", lambda seen: seen.percentile, 50, rare_side=True),
        Condition(
            "worst_in", "worst_in_months", "months", "move",
            lambda seen: whole_months(seen.as_bad_on, seen.session), -1, rare_side=True,
        ),
        Condition(
            "record", "record", "flag", "move",
            lambda seen: seen.record & (whole_months(seen.since, seen.session) >= 12 * YEARS_OF_HISTORY),
            -1, rare_side=True,
        ),
        Condition("move", "move", "fraction", "move", lambda seen: seen.move),
        Condition("drawdown", "drawdown", "fraction", "drawdown", lambda seen: seen.drawdown),
        Condition("state", "state", "state", "drawdown", lambda seen: seen.state, -1),
        Condition("day_low", "day_low", "fraction", "day_low", lambda seen: seen.day_low),
        Condition("enters", "enters", "state", "drawdown", lambda seen: seen.entered, -1),
    )
}  # fmt: skip


@cache
def level_conditions(level: Level) -> tuple[Condition, ...]:
    """The conditions that the level has, in the order of the table."""
    values = ((condition, getattr(level, condition.field)) for condition in CONDITIONS.values())
    return tuple(condition for condition, value in values if value is not None and value is not False)


def threshold(level: Level, condition: Condition) -> float:
    """The level's value of one of its conditions, on a scale where lower is rarer."""
    return condition.sign(level) * float(getattr(level, condition.field))


def with_threshold(level: Level, condition: Condition, value: float) -> Level:
    """The level with another value of one of its conditions, given on the scale of `threshold`."""
    scaled = condition.sign(level) * value
    change: dict[str, Any] = {condition.field: round(scaled) if condition.unit == "months" else scaled}
    return replace(level, **change)


def without_condition(level: Level, condition: Condition) -> Level:
    """The level without the condition."""
    change: dict[str, Any] = {condition.field: False if condition.unit == "flag" else None}
    return replace(level, **change)


def condition_figures(rule: Rule, seen: Measurements) -> Figures:
    """The figures of the conditions of all levels of the rule, by key; NaN = not defined, or not rare."""
    rare = seen.move > 0 if rule.upward else seen.move < 0
    asked = {condition.key: condition for level in rule.levels for condition in level_conditions(level)}
    figures = {key: condition.figure(seen) for key, condition in asked.items()}
    return {key: np.where(rare, figure, nan) if asked[key].rare_side else figure for key, figure in figures.items()}


def condition_readings(level: Level, condition: Condition, figures: Figures) -> Floats:
    """The figures on the scale of `threshold`: the condition holds where they are at or below it.

    Percentiles are 0 to 100, negated above 50; months, states and flags are negated; the rest are fractions. +inf = not
    defined, or the move is on the wrong side of zero.
    """
    readings = condition.sign(level) * np.asarray(figures[condition.key], dtype=np.float64)
    return np.where(np.isnan(readings), NEVER, readings)


def condition_holds(level: Level, condition: Condition, figures: Figures) -> bool | Flags:
    """Whether one condition of the level holds, of the shape of `figures`; where it is not defined it does not."""
    return condition.sign(level) * figures[condition.key] <= threshold(level, condition)


def level_holds(level: Level, figures: Figures) -> bool | Flags:
    """Whether every condition of the level holds, of the shape of `figures`."""
    holds: bool | Flags = True
    for condition in level_conditions(level):
        holds = holds & condition_holds(level, condition, figures)
    return holds


def check_conditions(rule: Rule, level: Level, evidence: Evidence) -> list[tuple[str, bool]]:
    """(key, holds) of every condition of the level; empty without a verdict."""
    if evidence.verdict is None:
        return []
    figures = condition_figures(rule, Measurements.of_session(evidence.verdict, evidence.day_low))
    return [(condition.key, bool(condition_holds(level, condition, figures))) for condition in level_conditions(level)]


def highest_level(rule: Rule, evidence: Evidence) -> Level | None:
    """The highest level with all its conditions met; None = none, or no verdict."""
    if evidence.verdict is None:
        return None
    figures = condition_figures(rule, Measurements.of_session(evidence.verdict, evidence.day_low))
    return next((level for level in reversed(rule.levels) if level_holds(level, figures)), None)


def severity_by_session(rule: Rule, figures: Figures, sessions: int) -> Severities:
    """The severity of the highest level that holds, 0 = none; shape (sessions,)."""
    severities = np.zeros(sessions, dtype=np.int8)
    for level in rule.levels:
        severities[level_holds(level, figures)] = level.severity
    return severities


def candidate_sessions(
    rule: Rule, verdicts: VerdictColumns, day_low: Floats | None = None, reverse: VerdictColumns | None = None
) -> Flags:
    """Whether any level of `rule` holds, by session; shape (T,). Arguments as in `Measurements.of_columns`."""
    rows = verdicts.defined.nonzero()[0]
    figures = condition_figures(rule, Measurements.of_columns(verdicts, rows, day_low, reverse))
    candidates = np.zeros(len(verdicts.sessions), dtype=np.bool_)
    candidates[rows] = severity_by_session(rule, figures, len(rows)) > 0
    return candidates


def depth(rule: Rule, move: Numbers, day_low: Numbers) -> Floats:
    """How deep falls are, lower is deeper: the day's low where it is asked for and known (not NaN), else the move.

    The move of a spread that opens upwards is negated.
    """
    fall = np.asarray(-move if rule.upward else move)
    return np.where(np.isnan(day_low), fall, day_low) if rule.uses_condition("day_low") else fall
