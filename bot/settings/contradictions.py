"""Which values are each right by themselves and wrong together?

These checks read what was written, not what pydantic made of it, so that they are made beside its own: everything that
is wrong is told at once. A value of the wrong kind is passed over here, because pydantic has told of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from bot.languages import languages
from bot.settings.places import Place, keys_of, suggestion
from bot.settings.tables import RungsTable, RungTable, StatisticsTable

LADDER = keys_of(RungsTable)
OF_DRAWDOWN = ("drawdown", "state", "enters")
LINES = ("pullback", "correction", "bear", "crash")
WHOM = ("baskets", "members_of", "contrast")
WHAT = ("rungs", "day_low", "enters")
Placed = tuple[Place, dict[str, Any]]


class Finding(NamedTuple):
    """What is wrong at a place, and what to do."""

    place: Place
    message: str
    remedy: str


def contradictions(given: dict[str, Any]) -> Iterator[Finding]:
    """Everything that does not fit together in what files and environment gave."""
    yield from _lines(given.get("statistics"))
    baskets = dict(_tables(given.get("baskets")))
    for name, basket in baskets.items():
        yield from _basket(("baskets", name), basket)
    for name, event in _tables(given.get("events")):
        yield from _order(("events", name), event, "first", "last")
    rules: list[Placed] = [(("rules", number), rule) for number, rule in _tables(given.get("rules"))]
    for place, rule in rules:
        yield from _whom(place, rule)
        yield from _what(place, rule)
        yield from _rungs(place, rule)
    shut: list[Placed] = [(("closures", number), closure) for number, closure in _tables(given.get("closures"))]
    yield from _twice((place, f"{one.get('calendar')} {one.get('day')}") for place, one in shut)
    telegram = given.get("telegram")
    channels = _tables(telegram.get("channels") if isinstance(telegram, dict) else None)
    chats: list[Placed] = [(("telegram", "channels", number), channel) for number, channel in channels]
    yield from _twice((place, rule.get("name")) for place, rule in rules)
    yield from _twice((place, _chat(channel)) for place, channel in chats if "chat" in channel)
    for language in languages():
        yield from _twice(
            (("baskets", name, "name", language), dict(_texts(basket.get("name"))).get(language))
            for name, basket in baskets.items()
        )
    if isinstance(given.get("baskets"), dict):
        for place, table in rules + chats:
            yield from _unknown(place, table, list(given["baskets"]))


def _chat(channel: dict[str, Any]) -> str:
    """What makes a chat another than the others."""
    topic = f", topic {channel['topic']}" if "topic" in channel else ""
    return f"{channel['chat']}{topic}"


def _tables(given: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    yield from ((key, item) for key, item in _items(given) if isinstance(item, dict))


def _texts(given: Any) -> Iterator[tuple[Any, str]]:
    yield from ((key, item) for key, item in _items(given) if isinstance(item, str))


def _items(given: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(given, dict):
        return given.items()
    return enumerate(given) if isinstance(given, list) else ()


def _twice(named: Iterable[tuple[Place, Any]]) -> Iterator[Finding]:
    seen = set()
    for place, name in named:
        if not isinstance(name, str):
            continue
        if name in seen:
            yield Finding(place, f'"{name}" stands twice', "Keep one of them, or give it a name of its own.")
        seen.add(name)


def _lines(statistics: Any) -> Iterator[Finding]:
    written = statistics if isinstance(statistics, dict) else {}
    depths = {line: written.get(line, StatisticsTable.model_fields[line].default) for line in LINES}
    for shallow, deep in pairwise(LINES):
        above, below = depths[shallow], depths[deep]
        if isinstance(above, int | float) and isinstance(below, int | float) and above <= below < 0:
            message = f"must be deeper than {shallow}, {above}, but is {below}"
            yield Finding(("statistics", deep), message, f"Lower {deep} or raise {shallow}.")


def _basket(place: Place, basket: dict[str, Any]) -> Iterator[Finding]:
    written = _items(basket.get("members"))
    members = [(number, {"symbol": item} if isinstance(item, str) else item) for number, item in written]
    placed: list[Placed] = [((*place, "members", number), item) for number, item in members if isinstance(item, dict)]
    yield from _twice((where, member.get("symbol")) for where, member in placed)
    for where, member in placed:
        yield from _order(where, member, "from", "until")
        if basket.get("weights") == "fixed" and "weight" not in member:
            remedy = 'Write { symbol = "…", weight = 2 }, or weights = "equal" for the basket.'
            yield Finding(where, 'has no weight, and weights = "fixed"', remedy)


def _order(place: Place, table: dict[str, Any], first: str, last: str) -> Iterator[Finding]:
    begin, end = _day(table.get(first)), _day(table.get(last))
    if begin and end and begin > end:
        yield Finding((*place, first), f"lies after {last}: {begin} > {end}", "Exchange them, or mend the wrong one.")


def _day(given: Any) -> date | None:
    if isinstance(given, datetime):
        return given.date()
    if isinstance(given, str):
        try:
            return date.fromisoformat(given)
        except ValueError:
            return None
    return given if isinstance(given, date) else None


def _whom(place: Place, rule: dict[str, Any]) -> Iterator[Finding]:
    yield from _one_of(place, rule, WHOM, 'Say what it looks at, such as baskets = ["*"].')
    if "contrast" in rule:
        pair = [name for _, name in _texts(rule["contrast"])]
        if len(set(pair)) < len(pair):
            yield Finding((*place, "contrast"), f'sets "{pair[0]}" against itself', "Name two different baskets.")
        for key in [key for key in ("members", "day_low", "enters") if rule.get(key)]:
            yield Finding((*place, key), "means nothing for a contrast", "Use [rules.rungs], or baskets in its place.")


def _what(place: Place, rule: dict[str, Any]) -> Iterator[Finding]:
    yield from _one_of(place, rule, WHAT, "Say when it fires, such as [rules.rungs].")
    if "day_low" in rule and "baskets" in rule and rule.get("members") is not True:
        yield Finding((*place, "day_low"), "is known of members, not of baskets", "Write members_of for baskets.")
    if "severity" in rule and "rungs" in rule:
        yield Finding((*place, "severity"), "stands beside rungs", "Remove it: each rung's name is its severity.")


def _one_of(place: Place, rule: dict[str, Any], keys: Sequence[str], remedy: str) -> Iterator[Finding]:
    has = [key for key in keys if key in rule]
    if not has:
        yield Finding(place, f"has none of {', '.join(keys)}", remedy)
    if len(has) > 1:
        yield Finding(place, f"has {' and '.join(has)}", f"Keep one; a second [[rules]] can have {has[-1]}.")


def _rungs(place: Place, rule: dict[str, Any]) -> Iterator[Finding]:
    rungs = rule.get("rungs")
    if not isinstance(rungs, dict):
        return
    if not rungs:
        yield Finding((*place, "rungs"), "is empty", f"Give at least one of {', '.join(LADDER)}.")
    known = [rung for rung in rungs if rung in LADDER]
    for before, after in pairwise(known):
        if LADDER.index(before) > LADDER.index(after):
            yield Finding((*place, "rungs", after), f"stands below {before}", f"Deepest last: {', '.join(LADDER)}.")
    for name, rung in _tables(rungs):
        if not any(condition is not False for condition in rung.values()):
            *keys, last = keys_of(RungTable)
            remedy = f"Give it {', '.join(keys)} or {last}."
            yield Finding((*place, "rungs", name), "has no condition and would always hold", remedy)
        for key in OF_DRAWDOWN:
            if "contrast" in rule and key in rung:
                yield Finding((*place, "rungs", name, key), "means nothing for a contrast", "Use percentile.")
    entering = [name for name, rung in _tables(rungs) if "enters" in rung]
    if entering and len(entering) < len(rungs):
        remedy = "Give enters to all rungs or to none; a second [[rules]] can have the others."
        yield Finding((*place, "rungs", entering[0], "enters"), "stands beside rungs without it", remedy)


def _unknown(place: Place, table: dict[str, Any], known: list[str]) -> Iterator[Finding]:
    from_all = [*known, "*"]
    for key in WHOM:
        allowed = known if key == "contrast" else from_all
        for _, name in _texts(table.get(key)):
            if name not in allowed:
                yield Finding((*place, key), f'"{name}" is no basket', suggestion(name, allowed))
