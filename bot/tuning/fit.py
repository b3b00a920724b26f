"""Fits level thresholds to a target rate."""

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

# Of a rung that is fitted to N a year, the next deeper one is fitted to a third, and so on.
BACKOFF_FACTOR = 1 / 3
SWEEPS = 2
MONTHS = (*range(1, 24), *range(24, 60, 6), *range(60, 481, 12))
# Values that a person would write, rarest first, on the scale of `threshold`, by the condition's unit.
PERCENTILES = np.concatenate((np.arange(1, 40) / 40, np.arange(10, 50) / 10, np.arange(10, 61) / 2))
FALLS = -(np.arange(5, 601)[::-1] / 10) / 100  # as a percentage is read, to the last bit
GRIDS = {"percentile": PERCENTILES, "months": -np.array(MONTHS[::-1], dtype=np.float64), "fraction": FALLS}
SessionFilter = Callable[[Dates], Flags]


def fitted_condition(rung: Level) -> Condition | None:
    """The condition of a rung whose value is fitted: its first one that has a value."""
    return next((condition for condition in level_conditions(rung) if condition.unit in GRIDS), None)


def fit_levels(
    rule: Rule, subjects: Sequence[SubjectSeries], close_after: int, part: SessionFilter, years: float, per_year: float
) -> Rule:
    """The rule with rungs that would have been reached about `per_year` times a year, each deeper one a third as often.

    Only the sessions of `part`, `years` long, count. A rung that has nothing to fit (a record, a state) stays as it is,
    and so does its place in the order: it asks for a third of its neighbour's rate all the same.
    """
    for _ in range(SWEEPS):
        for place, rung in enumerate(rule.levels):
            condition = fitted_condition(rung)
            if condition is None:
                continue
            grid = _grid(rung, condition)
            counts = times_reached(rule, place, condition, subjects, close_after, part, grid)
            distance = np.abs(counts / years - per_year * BACKOFF_FACTOR**place)
            nearest = np.flatnonzero(distance == distance.min())
            rungs = list(rule.levels)
            # Of equally good values the middle: the rarest may be one that no history can ever reach.
            rungs[place] = with_threshold(rung, condition, float(grid[nearest[len(nearest) // 2]]))
            rule = replace(rule, levels=tuple(rungs))
    return rule


def _grid(rung: Level, condition: Condition) -> Floats:
    limit = threshold(rung, condition)
    # A percentile over 50 is turned over by `threshold`: 99.5 is -99.5, and rarer is lower.
    return PERCENTILES - 100 if condition.unit == "percentile" and limit < 0 else GRIDS[condition.unit]


def times_reached(
    rule: Rule,
    place: int,
    condition: Condition,
    subjects: Sequence[SubjectSeries],
    close_after: int,
    part: SessionFilter,
    grid: Floats,
) -> Ints:
    """How often the rung at `place`, or a deeper one, would be newly reached at each value of `grid`; shape (values,).

    The other rungs stay as they are. Subjects that reach it on the same session count once: it is one alert.
    """
    pieces = [_among(grid, part, *_stretches(rule, place, condition, track, close_after)) for track in subjects]
    begin, end = (np.concatenate(column) for column in zip(*pieces, strict=True))
    # On one session the stretches of several subjects may overlap: of each only what is beyond those before it counts.
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], end[order]
    begin[1:] = np.maximum(begin[1:], np.maximum.accumulate(end)[:-1])
    width = len(grid) + 1
    begin, end = (column[begin < end] % width for column in (begin, end))
    begun: Ints = np.cumsum(np.bincount(begin, minlength=width) - np.bincount(end, minlength=width))
    return begun[:-1]


def _among(grid: Floats, part: SessionFilter, days: Dates, low: Floats, high: Floats) -> tuple[Ints, Ints]:
    """From which candidate on and up to which one, as numbers that ascend with the session; only those of `part`."""
    kept = part(days) & (low < high) & (low <= grid[-1])
    begin, end = (np.searchsorted(grid, values[kept]).astype(np.intp) for values in (low, high))
    session = days[kept].astype(np.intp) * (len(grid) + 1)
    return session + begin, session + end


def _stretches(
    rule: Rule, place: int, condition: Condition, track: SubjectSeries, close_after: int
) -> tuple[Dates, Floats, Floats]:
    """For each session: its label, and from which value on and below which one it is where the rung is newly reached.

    With other rungs beside it, an episode may have begun by a shallower one: the rung is then reached where no earlier
    session of that episode has reached it.
    """
    level = rule.levels[place]
    low = condition_readings(level, condition, track.figures)
    low = np.where(level_holds(without_condition(level, condition), track.figures), low, NEVER)
    for higher in rule.levels[place + 1 :]:
        low = np.where(level_holds(higher, track.figures), -NEVER, low)
    before = _lowest_before(low, close_after)
    shallower = np.zeros(len(low), dtype=np.bool_)
    for lower in rule.levels[:place]:
        shallower |= level_holds(lower, track.figures)
    if shallower.any():
        before = np.minimum(before, _lowest_in_episode(low, shallower, close_after))
    return track.sessions, low, before


def _lowest_before(low: Floats, sessions: int) -> Floats:
    """The lowest of the `sessions` values before each one."""
    before = np.full(len(low), NEVER)
    for back in range(1, min(sessions, len(low) - 1) + 1):
        np.minimum(before[back:], low[:-back], out=before[back:])
    return before


def _lowest_in_episode(low: Floats, loud: Flags, close_after: int) -> Floats:
    """The lowest earlier value since the episode began that the loud sessions make; NEVER outside of one."""
    before = np.full(len(low), NEVER)
    rows = loud.nonzero()[0]
    for episode in np.split(rows, np.flatnonzero(np.diff(rows) > close_after) + 1):
        begin, end = int(episode[0]), min(int(episode[-1]) + close_after + 1, len(low))
        np.minimum.accumulate(low[begin : end - 1], out=before[begin + 1 : end])
    return before
