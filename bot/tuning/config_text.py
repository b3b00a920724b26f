"""Levels as lines of bot.toml."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bot.alerts.conditions import level_conditions
from bot.alerts.rules import Level, Rule
from bot.tuning.fit import BACKOFF_FACTOR, fitted_condition
from bot.tuning.jobs import SuggestedLevels
from bot.tuning.tune import HoldOutTest

Value = str | float | bool


def condition_values(rung: Level) -> dict[str, Value]:
    """The rung's conditions as the configuration has them: percent, months in words."""
    return {one.key: WRITTEN[one.unit](getattr(rung, one.field)) for one in level_conditions(rung)}


def level_as_toml(rung: Level) -> str:
    """The conditions on one line: worst_in = "3 months", move = -5.0."""
    return ", ".join(conditions_as_toml(rung).values())


def conditions_as_toml(rung: Level) -> dict[str, str]:
    """Each condition by its name, as the configuration has it: worst_in = "3 months"."""
    return {name: f"{name} = {_toml(value)}" for name, value in condition_values(rung).items()}


def toml_lines(ladder: SuggestedLevels, per_year: float) -> Iterator[str]:
    """The lines to paste for one rule, each fitted rung under what came of it on all baskets together."""
    rates = [per_year * BACKOFF_FACTOR**place for place in range(len(ladder.rule.levels))]
    count = len(ladder.trials)
    baskets = f"{count} basket{'s' * (count != 1)}"
    yield f'# Rule "{ladder.rule.name}" of bot.toml, tried on {baskets}'
    comments = []
    for rung, wanted in zip(ladder.rule.levels, rates, strict=True):
        tries = [one for trials in ladder.trials.values() for one in trials if one.rung.severity == rung.severity]
        comments.append(_comment(tries, wanted) if fitted_condition(rung) else "as it was")
    yield from block(ladder.rule, comments)


def _comment(tries: Sequence[HoldOutTest], wanted: float) -> str:
    fitted, came = (
        sum(one.count for one in rates) / sum(one.years for one in rates)
        for rates in ([one.fitted for one in tries], [one.held_out for one in tries])
    )
    inside = sum(one.inside for one in tries)
    held = f"{inside} of {len(tries)} as expected"
    return f"{wanted:.2f} a year wanted, {fitted:.2f} fitted, {came:.2f} kept back; {held}"


def block(rule: Rule, comments: Sequence[str]) -> Iterator[str]:
    """The lines to paste into the rule's block, each rung under its comment."""
    if has_levels(rule):
        yield "[rules.levels]"
    for rung, comment in zip(rule.levels, comments, strict=True):
        if comment:
            yield f"# {rung.severity.word}: {comment}"
        yield f"{rung.severity.word} = {{ {level_as_toml(rung)} }}" if has_levels(rule) else level_as_toml(rung)


def size_label(rule: Rule) -> str:
    """What the size of its alerts is the size of."""
    if rule.uses_condition("day_low"):
        return "day's low"
    return f"{rule.window}-session {'gap' if rule.contrast else 'move'}"


def has_levels(rule: Rule) -> bool:
    """A rule may have one condition of its own in the place of rungs."""
    return len(rule.levels) > 1 or not (rule.uses_condition("day_low") or rule.uses_condition("enters"))


def _span(months: int) -> str:
    if months % 12:
        return f"{months} month{'s' * (months != 1)}"
    return f"{months // 12} year{'s' * (months != 12)}"


def _toml(value: Value) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


WRITTEN: dict[str, Callable[[Any], Value]] = {
    "percentile": float,
    "months": _span,
    "flag": bool,
    "fraction": lambda fraction: round(fraction * 100, 6),
    "state": lambda state: state.word,
}
