"""Levels as lines of bot.toml."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bot.alerts.conditions import level_conditions
from bot.alerts.rules import Level, Rule
from bot.tuning.fit import BACKOFF_FACTOR, fitted_condition
from bot.tuning.jobs import SuggestedLevels

Value = str | float | bool


def condition_values(level: Level) -> dict[str, Value]:
    """The level's conditions by key, with the values of the configuration: percent, spans as text."""
    return {
        condition.key: WRITTEN[condition.unit](getattr(level, condition.field)) for condition in level_conditions(level)
    }


def level_as_toml(level: Level) -> str:
    """The conditions on one line: worst_in = "3 months", move = -5.0."""
    return ", ".join(conditions_as_toml(level).values())


def conditions_as_toml(level: Level) -> dict[str, str]:
    """The text of every condition by its key: worst_in = "3 months"."""
    return {
        key: f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {str(value).lower()}"
        for key, value in condition_values(level).items()
    }


def toml_lines(ladder: SuggestedLevels, per_year: float) -> Iterator[str]:
    """The lines to paste for one rule; a comment above a fitted level has its rates over all baskets together."""
    count = len(ladder.trials)
    yield f'# Rule "{ladder.rule.name}" of bot.toml, tried on {count} basket{"s" * (count != 1)}'
    comments = []
    for index, level in enumerate(ladder.rule.levels):
        tests = [test for tests in ladder.trials.values() for test in tests if test.rung.severity == level.severity]
        if fitted_condition(level) is None:
            comments.append("as it was")
            continue
        fitted, held_out = (
            sum(rate.count for rate in rates) / sum(rate.years for rate in rates)
            for rates in ([test.fitted for test in tests], [test.held_out for test in tests])
        )
        comments.append(
            f"{per_year * BACKOFF_FACTOR**index:.2f} a year wanted, {fitted:.2f} fitted, {held_out:.2f} kept back;"
            f" {sum(test.inside for test in tests)} of {len(tests)} as expected"
        )
    yield from block(ladder.rule, comments)


def block(rule: Rule, comments: Sequence[str]) -> Iterator[str]:
    """The lines to paste into the rule's block, every level under its comment."""
    if has_levels(rule):
        yield "[rules.levels]"
    for level, comment in zip(rule.levels, comments, strict=True):
        if comment:
            yield f"# {level.severity.word}: {comment}"
        yield f"{level.severity.word} = {{ {level_as_toml(level)} }}" if has_levels(rule) else level_as_toml(level)


def size_label(rule: Rule) -> str:
    """The name of the figure behind the rule's alerts."""
    if rule.uses_condition("day_low"):
        return "day's low"
    return f"{rule.window}-session {'gap' if rule.contrast else 'move'}"


def has_levels(rule: Rule) -> bool:
    """Whether the configuration has a table of levels; a rule by day's low or state may have one condition instead."""
    return len(rule.levels) > 1 or not (rule.uses_condition("day_low") or rule.uses_condition("enters"))


def _span(months: int) -> str:
    if months % 12:
        return f"{months} month{'s' * (months != 1)}"
    return f"{months // 12} year{'s' * (months != 12)}"


WRITTEN: dict[str, Callable[[Any], Value]] = {
    "percentile": float,
    "months": _span,
    "flag": bool,
    "fraction": lambda fraction: round(fraction * 100, 6),
    "state": lambda state: state.word,
}
