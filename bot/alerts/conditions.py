"""Level conditions, for one session and for whole columns; candidate sessions."""

from __future__ import annotations

import numpy as np

from bot.alerts.rules import Level, Rule
from bot.prices.bars import Floats
from bot.prices.table import Flags
from bot.statistics.measure import VerdictColumns

MIN_MONTH_DAYS = 28


def candidate_sessions(rule: Rule, columns: VerdictColumns, day_low: Floats | None = None) -> Flags:
    """Whether a rung of `rule` might hold, by session. `day_low` (fractions, NaN = unknown) has the columns' shape."""
    kept = np.zeros(len(columns.sessions), dtype=np.bool_)
    for rung in rule.levels:
        kept |= _might_hold(rung, columns, day_low)
    return kept & columns.defined


def _might_hold(rung: Level, columns: VerdictColumns, day_low: Floats | None) -> Flags:
    keep = np.ones(len(columns.sessions), dtype=np.bool_)
    if rung.percentile is not None:
        high = rung.percentile > 50
        keep &= columns.percentile >= rung.percentile if high else columns.percentile <= rung.percentile
    elif rung.worst_in_months is not None:
        gap = (columns.sessions - columns.sessions[columns.worst_at]).astype(np.int64)
        keep &= columns.record | (gap >= MIN_MONTH_DAYS * rung.worst_in_months)
    elif rung.record:
        keep &= columns.record
    if rung.move is not None:
        keep &= columns.move <= rung.move
    if rung.state is not None:
        keep &= columns.state >= rung.state
    if rung.enters is not None:
        keep &= columns.entered_state >= rung.enters
    if rung.day_low is not None:
        keep &= day_low <= rung.day_low if day_low is not None else False
    return keep
