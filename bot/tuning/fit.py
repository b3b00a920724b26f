"""Fit of level thresholds to a target rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from bot.alerts.conditions import (
    NEVER,
    Condition,
    condition_readings,
    level_conditions,
    level_holds,
    threshold,
    with_threshold,
    without_condition,
)
from bot.alerts.rules import Level, Rule
from bot.prices.bars import Dates, Floats
from bot.prices.table import Flags
from bot.statistics.ranks import Ints
from bot.tuning.history import SubjectSeries

# Target rate of a level, as a share of the target rate of the level below.
BACKOFF_FACTOR = 1 / 3
SWEEPS = 2
MONTHS = (*range(1, 24), *range(24, 60, 6), *range(60, 481, 12))
# Candidate values by unit, round numbers, rarest first, on the scale of `threshold`.
PERCENTILES = np.concatenate((np.arange(1, 40) / 40, np.arange(10, 50) / 10, np.arange(10, 61) / 2))
FALLS = -(np.arange(5, 601)[::-1] / 10) / 100  # the same float as from a percentage in bot.toml
GRIDS = {"percentile": PERCENTILES, "months": -np.array(MONTHS[::-1], dtype=np.float64), "fraction": FALLS}
SessionFilter = Callable[[Dates], Flags]


def fitted_condition(level: Level) -> Condition | None:
    """The first condition of the level with a value to fit; None for a record or a state."""
    return next((condition for condition in level_conditions(level) if condition.unit in GRIDS), None)


def fit_levels(
    rule: Rule, subjects: Sequence[SubjectSeries], close_after: int, part: SessionFilter, years: float, per_year: float
) -> Rule:
    """The rule with levels reached about `per_year` times a year, and a third as often with every higher level.

    Only the sessions of `part`, `years` long, count. A level without a value to fit stays, and keeps its place in the
    sequence of target rates.
    """
    for _ in range(SWEEPS):
        for index, level in enumerate(rule.levels):
            condition = fitted_condition(level)
            if condition is None:
                continue
            # On the scale of `threshold`, a percentile above 50 is negated: 99.5 is -99.5.
            negated = condition.unit == "percentile" and threshold(level, condition) < 0
            grid = PERCENTILES - 100 if negated else GRIDS[condition.unit]
            counts = times_reached(rule, index, condition, subjects, close_after, part, grid)
            distance = np.abs(counts / years - per_year * BACKOFF_FACTOR**index)
            nearest = np.flatnonzero(distance == distance.min())
            levels = list(rule.levels)
            # The middle of equally good values: the rarest may be out of reach of any history.
            levels[index] = with_threshold(level, condition, float(grid[nearest[len(nearest) // 2]]))
            rule = replace(rule, levels=tuple(levels))
    return rule


def times_reached(
    rule: Rule,
    index: int,
    condition: Condition,
    subjects: Sequence[SubjectSeries],
    close_after: int,
    part: SessionFilter,
    grid: Floats,
) -> Ints:
    """The count of sessions on which level `index`, or a higher level, is newly reached, by value of `grid`.

    Shape (values,). The other levels are unchanged; several subjects on the same session count once.
    """
    width = len(grid) + 1
    begins, ends = [], []
    for series in subjects:
        low, high = _value_ranges(rule, index, condition, series, close_after)
        counted = part(series.sessions) & (low < high) & (low <= grid[-1])
        offset = series.sessions[counted].astype(np.intp) * width
        begins.append(offset + np.searchsorted(grid, low[counted]))
        ends.append(offset + np.searchsorted(grid, high[counted]))
    begin, end = np.concatenate(begins), np.concatenate(ends)
    # Ranges of several subjects may overlap on a session: only the part of a range beyond the previous ranges counts.
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], end[order]
    begin[1:] = np.maximum(begin[1:], np.maximum.accumulate(end)[:-1])
    begin, end = (column[begin < end] % width for column in (begin, end))
    counts: Ints = np.cumsum(np.bincount(begin, minlength=width) - np.bincount(end, minlength=width))
    return counts[:-1]


def _value_ranges(
    rule: Rule, index: int, condition: Condition, series: SubjectSeries, close_after: int
) -> tuple[Floats, Floats]:
    """The values from which on, and below which, level `index` is newly reached on a session; shapes (n,).

    Newly reached: by no earlier session of an episode, which may have begun with a lower level.
    """
    level = rule.levels[index]
    low = condition_readings(level, condition, series.figures)
    low = np.where(level_holds(without_condition(level, condition), series.figures), low, NEVER)
    for higher in rule.levels[index + 1 :]:
        low = np.where(level_holds(higher, series.figures), -NEVER, low)
    high = np.full(len(low), NEVER)
    for back in range(1, min(close_after, len(low) - 1) + 1):
        np.minimum(high[back:], low[:-back], out=high[back:])
    lower_holds = np.zeros(len(low), dtype=np.bool_)
    for lower in rule.levels[:index]:
        lower_holds |= level_holds(lower, series.figures)
    rows = lower_holds.nonzero()[0]
    for episode in np.split(rows, np.flatnonzero(np.diff(rows) > close_after) + 1) if len(rows) else ():
        begin, end = int(episode[0]), min(int(episode[-1]) + close_after + 1, len(low))
        lowest = np.minimum.accumulate(low[begin : end - 1])
        np.minimum(high[begin + 1 : end], lowest, out=high[begin + 1 : end])
    return low, high
