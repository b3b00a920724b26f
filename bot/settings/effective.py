"""Which value counts for each key, who gave it, and what is written without effect?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.errors import Problem
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


def warnings(settings: Settings) -> tuple[Problem, ...]:
    """What is written and has no effect."""
    remedy = 'Write weights = "fixed" for the basket, or take the weight out.'
    return tuple(
        Problem(
            file=settings.origin(("baskets", basket, "members", number)),
            key=f'baskets.{basket}.members["{member.symbol}"].weight',
            message='has no effect, because weights = "equal"',
            remedy=remedy,
        )
        for basket, table in settings.basket_tables.items()
        if table.weights == "equal"
        for number, member in enumerate(table.members)
        if member.weight is not None
    )
