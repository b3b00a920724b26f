"""On which sessions could a rule have anything to say at all?

Most sessions are quiet. The sieve looks at whole columns at once and keeps every session on which a rung might hold;
what it lets pass is then decided one by one. It may keep too much, never too little (a property test holds it to that).
"""

from __future__ import annotations

import numpy as np

from bot.alerts.rules import Rule, Rung
from bot.prices import Flags, Floats
from bot.statistics import Verdicts

SHORTEST_MONTH_DAYS = 28


def sieve(rule: Rule, columns: Verdicts, day_low: Floats | None = None) -> Flags:
    """Whether a rung of `rule` might hold, by session. `day_low` (fractions, NaN = unknown) has the columns' shape."""
    kept = np.zeros(len(columns.sessions), dtype=np.bool_)
    for rung in rule.rungs:
        kept |= _might_hold(rung, columns, day_low)
    return kept & columns.defined


def _might_hold(rung: Rung, columns: Verdicts, day_low: Floats | None) -> Flags:
    keep = np.ones(len(columns.sessions), dtype=np.bool_)
    if rung.percentile is not None:
        high = rung.percentile > 50
        keep &= columns.percentile >= rung.percentile if high else columns.percentile <= rung.percentile
    elif rung.worst_in_months is not None:
        gap = (columns.sessions - columns.sessions[columns.worst_at]).astype(np.int64)
        keep &= columns.record | (gap >= SHORTEST_MONTH_DAYS * rung.worst_in_months)
    elif rung.record:
        keep &= columns.record
    if rung.move is not None:
        keep &= columns.move <= rung.move
    if rung.state is not None:
        keep &= columns.state >= rung.state
    if rung.enters is not None:
        keep &= columns.entered >= rung.enters
    if rung.day_low is not None:
        keep &= day_low <= rung.day_low if day_low is not None else False
    return keep
