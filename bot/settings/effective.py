"""Which value counts for each key, who gave it, and what is written without effect?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.errors import ConfigProblem
from bot.settings.load import Settings
from bot.settings.places import Place, dotted


def effective(settings: Settings) -> list[tuple[str, Any, str]]:
    """(dotted key, value, origin) for every key, in the files' order and units; secrets are asterisks.

    Values are text, numbers, true or false, or lists of these and of tables. A key that may be left out altogether,
    and is, does not appear.
    """
    whole = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    return [(dotted(place, whole), value, settings.origin(place)) for place, value in _leaves(whole)]


def _leaves(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """What is no table; a list counts as one value, but not rules, closures and channels."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list) and value and at in {("rules",), ("closures",), ("telegram", "channels")}:
        items = list(enumerate(value))
    else:
        yield at, value
        return
    for key, item in items:
        yield from _leaves(item, (*at, key))


def warnings(settings: Settings) -> tuple[ConfigProblem, ...]:
    """What is written and has no effect."""
    without_effect = 'Write weights = "fixed" for the basket, or take the weight out.'
    weights = (
        ConfigProblem(
            file=settings.origin(("baskets", basket, "members", number)),
            key=f'baskets.{basket}.members["{member.symbol}"].weight',
            message='has no effect, because weights = "equal"',
            remedy=without_effect,
        )
        for basket, table in settings.basket_tables.items()
        if table.weights == "equal"
        for number, member in enumerate(table.members)
        if member.weight is not None
    )
    watched = {member.symbol for table in settings.basket_tables.values() for member in table.members}
    names = (
        ConfigProblem(
            file=settings.origin(("names", symbol)),
            key=f'names["{symbol}"]',
            message="has no effect, because no basket has this symbol",
            remedy="Correct the symbol, or take the name out.",
        )
        for symbol in settings.names
        if symbol not in watched
    )
    return (*weights, *names)
