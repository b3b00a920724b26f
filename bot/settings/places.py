"""Where in the configuration is something, what may stand there, and what was probably meant?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

MOST_LISTED = 20
# Keys of tables and numbers of list items, outermost first.
Place = tuple[str | int, ...]


def keys_of(table: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in table.model_fields.items()]


def known_places(kind: Any, given: Any, at: Place = ()) -> Iterator[Place]:
    """Every place where something may stand, under the names and list items that are given.

    `kind` is the type of what stands at `at`, `given` what was written there, right or wrong.
    """
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(inner for inner in get_args(kind) if inner is not NoneType)
    for key, inner in _inside(kind, given):
        yield (*at, key)
        yield from known_places(inner, _item(given, key), (*at, key))


def _inside(kind: Any, given: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from ((field.alias or name, field.annotation) for name, field in kind.model_fields.items())
    elif get_origin(kind) is dict:
        names, inner = get_args(kind)
        known = get_args(names) if get_origin(names) is Literal else given if isinstance(given, dict) else ()
        yield from ((name, inner) for name in known)
    elif get_origin(kind) is list and isinstance(given, list):
        yield from ((number, get_args(kind)[0]) for number in range(len(given)))


def _item(given: Any, key: str | int) -> Any:
    try:
        return given[key]
    except (KeyError, IndexError, TypeError):
        return None


def written(given: Any, at: Place = ()) -> Iterator[Place]:
    """Every place at which something is written: tables, lists and what is in them."""
    items = given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from written(item, (*at, key))


def dotted(place: Place, given: Any) -> str:
    """The place in words: `rules["member plunge"].day_low`; a list item without a name has its number from 1."""
    words = ""
    for part in place:
        given = _item(given, part)
        if isinstance(part, int):
            words += f'["{name}"]' if (name := _name(given)) else f"[#{part + 1}]"
        else:
            words += f".{part}" if words else part
    return words


def _name(item: Any) -> str:
    names = [item.get(key) for key in ("name", "symbol", "chat")] if isinstance(item, dict) else [item]
    return next((name for name in names if isinstance(name, str)), "")


def suggestion(word: str, known: Sequence[str]) -> str:
    """Which of the known words was probably meant; if none is close, all of them."""
    close = get_close_matches(word, known, n=1, cutoff=0.7) or get_close_matches(word.upper(), known, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Known here: {', '.join(known)}." if len(known) <= MOST_LISTED else "`drawdown-bot schema` lists what may."
