"""How does a ladder read in the configuration?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.alerts import Rule, Rung
from bot.backtest.fit import RARER, fitted_condition
from bot.backtest.shares import Ladder
from bot.backtest.tuning import Trial

Value = str | float | bool


def condition_values(rung: Rung) -> dict[str, Value]:
    """The rung's conditions as the configuration has them: percent, months in words."""
    months = rung.worst_in_months
    written = {
        "percentile": rung.percentile,
        "worst_in": None if months is None else _span(months),
        "record": rung.record or None,
        "move": _percent(rung.move),
        "state": None if rung.state is None else rung.state.word,
        "day_low": _percent(rung.day_low),
        "enters": None if rung.enters is None else rung.enters.word,
    }
    return {name: value for name, value in written.items() if value is not None}


def in_words(rung: Rung) -> str:
    """The conditions on one line: worst_in = "3 months", move = -5.0."""
    return ", ".join(condition_words(rung).values())


def condition_words(rung: Rung) -> dict[str, str]:
    """Each condition by its name, as the configuration has it: worst_in = "3 months"."""
    return {name: f"{name} = {_toml(value)}" for name, value in condition_values(rung).items()}


def pasted(ladder: Ladder, per_year: float) -> Iterator[str]:
    """The lines to paste for one rule, each fitted rung under what came of it on all baskets together."""
    rates = [per_year * RARER**place for place in range(len(ladder.rule.rungs))]
    count = len(ladder.trials)
    baskets = f"{count} basket{'s' * (count != 1)}"
    yield f'# Rule "{ladder.rule.name}" of bot.toml, tried on {baskets}'
    comments = []
    for rung, wanted in zip(ladder.rule.rungs, rates, strict=True):
        tries = [one for trials in ladder.trials.values() for one in trials if one.rung.severity == rung.severity]
        comments.append(_comment(tries, wanted) if fitted_condition(rung) else "as it was")
    yield from block(ladder.rule, comments)


def _comment(tries: Sequence[Trial], wanted: float) -> str:
    fitted, came = (
        sum(one.count for one in rates) / sum(one.years for one in rates)
        for rates in ([one.fitted for one in tries], [one.held_out for one in tries])
    )
    inside = sum(one.inside for one in tries)
    held = f"{inside} of {len(tries)} as expected"
    return f"{wanted:.2f} a year wanted, {fitted:.2f} fitted, {came:.2f} kept back; {held}"


def block(rule: Rule, comments: Sequence[str]) -> Iterator[str]:
    """The lines to paste into the rule's block, each rung under its comment."""
    if has_ladder(rule):
        yield "[rules.rungs]"
    for rung, comment in zip(rule.rungs, comments, strict=True):
        if comment:
            yield f"# {rung.severity.word}: {comment}"
        yield f"{rung.severity.word} = {{ {in_words(rung)} }}" if has_ladder(rule) else in_words(rung)


def measured(rule: Rule) -> str:
    """What the size of its alerts is the size of."""
    if rule.asks("day_low"):
        return "day's low"
    return f"{rule.window}-session {'gap' if rule.contrast else 'move'}"


def has_ladder(rule: Rule) -> bool:
    """A rule may have one condition of its own in the place of rungs."""
    return len(rule.rungs) > 1 or not (rule.asks("day_low") or rule.asks("enters"))


def _span(months: int) -> str:
    if months % 12:
        return f"{months} month{'s' * (months != 1)}"
    return f"{months // 12} year{'s' * (months != 12)}"


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else round(fraction * 100, 6)


def _toml(value: Value) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
