"""On which sessions does each rung hold, and how low would its threshold have to lie?

The engine asks one session at a time; here the same conditions are asked of whole columns, so that a hundred thresholds
cost what one replay does. A property test holds both to the same answers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from bot.alerts import Rule, Rung
from bot.alerts.decide import YEARS_FOR_RECORD
from bot.backtest.tracks import Track
from bot.prices import Dates, Flags, Floats
from bot.statistics.kernel import Ints

Condition = Literal["percentile", "worst_in_months", "move", "day_low"]
CONDITIONS: tuple[Condition, ...] = ("percentile", "worst_in_months", "move", "day_low")
NEVER = np.inf
Ranks = npt.NDArray[np.int8]


def threshold(rung: Rung, condition: Condition) -> float | None:
    """The rung's value on a scale on which lower is rarer, as `readings` are."""
    value: float | None = getattr(rung, condition)
    if value is None:
        return None
    return -value if condition == "worst_in_months" or (condition == "percentile" and value > 50) else value


def with_threshold(rung: Rung, condition: Condition, value: float) -> Rung:
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


def without(rung: Rung, condition: Condition) -> Rung:
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


def readings(rule: Rule, rung: Rung, condition: Condition, track: Track) -> Floats:
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


def holds(rule: Rule, rung: Rung, track: Track) -> Flags:
    """Whether every condition of the rung holds, by session; shape (n,)."""
    columns, at = track.verdicts, track.at
    kept = np.ones(len(at), dtype=np.bool_)
    for condition in CONDITIONS:
        limit = threshold(rung, condition)
        if limit is not None:
            kept &= readings(rule, rung, condition, track) <= limit
    if rung.record:
        sided = columns.move[at] > 0 if rule.upward else columns.move[at] < 0
        long = whole_months(columns.sessions[columns.first], columns.sessions[at]) >= 12 * YEARS_FOR_RECORD
        kept &= sided & track.turned.record[at] & long
    if rung.state is not None:
        kept &= columns.state[at] >= int(rung.state)
    if rung.enters is not None:
        kept &= columns.entered[at] >= int(rung.enters)
    return kept


def severities(rule: Rule, track: Track) -> Ranks:
    """The severity of the deepest rung that holds, by session; 0 = none holds. Shape (n,)."""
    found = np.zeros(len(track.at), dtype=np.int8)
    for rung in rule.rungs:
        found[holds(rule, rung, track)] = int(rung.severity)
    return found


def depths(rule: Rule, track: Track) -> Floats:
    """How deep an episode is on each session, lower is deeper: as in `decide`. Shape (n,)."""
    move = track.verdicts.move[track.at]
    if rule.asks("day_low") and track.day_low is not None:
        low = track.day_low[track.at]
        return np.where(np.isnan(low), move, low)
    return -move if rule.upward else move


def whole_months(early: Dates | np.datetime64, late: Dates) -> Ints:
    """Whole months from `early` to `late`, rounded down."""
    early_month, late_month = early.astype("datetime64[M]"), late.astype("datetime64[M]")
    short = late - late_month < early - early_month
    months: Ints = (late_month - early_month).astype(np.intp) - short
    return months


def _months_as_bad(track: Track) -> Ints:
    """Whole months since the latest move as bad, or for a record since the first reading."""
    sessions = track.verdicts.sessions
    worst_at = track.turned.worst_at[track.at]
    since = np.where(worst_at >= 0, worst_at, track.verdicts.first)
    return whole_months(sessions[since], sessions[track.at])
