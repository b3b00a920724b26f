"""Problems of the configuration: pydantic's errors and contradictions between keys, each with place and remedy.

`find_contradictions` reads the raw values: pydantic runs a validator only if everything else in the table is right, but
all problems are reported at once. Values of a wrong type are skipped, because pydantic reports them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import ErrorDetails

from bot.errors import ConfigProblem
from bot.languages import languages
from bot.settings.schema import FORMS, LevelsTable, StatisticsTable
from bot.settings.sources import (
    FILE_OF,
    SECRET_FILE,
    ConfigLayer,
    KeyPath,
    did_you_mean,
    dotted_key,
    entries,
    keys_of,
    variable_name,
)

LEVELS = keys_of(LevelsTable)
THRESHOLDS = ("pullback", "correction", "bear", "crash")
SUBJECTS = ("baskets", "members_of", "contrast")
TRIGGERS = ("levels", "day_low", "enters")
# Settings whose value never appears anywhere; a token pasted elsewhere is recognised by its form.
SECRETS: frozenset[KeyPath] = frozenset({("telegram", "token"), ("storage", "database")})
TOKEN_LIKE = re.compile(r"\d{6,}:[\w-]{20,}")
NUMBER = ("must be a number", "Write digits, without quotes.")
TABLE = ("must be a table", "Write { key = value }, or [table] with its keys below.")
TEXT = ("must be text", "Put it into quotes.")
# Type of pydantic's error -> what is wrong and what to do, in words that name no Python.
WORDS = {
    "missing": ("is missing", "Add it; `drawdown-bot schema` says what belongs there."),
    "int_type": ("must be a whole number", "Write digits, without quotes."),
    "int_from_float": ("must be a whole number", "Write it without a decimal point."),
    "float_type": NUMBER,
    "finite_number": NUMBER,
    "bool_type": ("must be true or false", "Write it without quotes."),
    "string_type": TEXT,
    "path_type": TEXT,
    "list_type": ("must be a list", "Put it into square brackets."),
    "dict_type": TABLE,
    "model_type": TABLE,
    "greater_than": ("must be above {gt:g}", "Choose a larger number."),
    "greater_than_equal": ("must be at least {ge:g}", "Choose a larger number."),
    "less_than": ("must be below {lt:g}", "Choose a smaller number."),
    "less_than_equal": ("must be at most {le:g}", "Choose a smaller number."),
    "string_too_long": ("must have at most {max_length} characters", "Shorten it."),
    "too_short": ("must name at least {min_length}", "Add what is missing."),
    "too_long": ("must name at most {max_length}", "Take the others out."),
}


class ConfigFinding(NamedTuple):
    """A problem at a path, and the remedy."""

    path: KeyPath
    message: str
    remedy: str


def from_pydantic(
    error: ErrorDetails, valid: Sequence[KeyPath], layer_of: Mapping[KeyPath, ConfigLayer]
) -> ConfigFinding:
    """A pydantic error as a problem with a remedy. `valid` are the valid paths.

    The value is shown if it comes from a file and is not secret.
    """
    path = tuple(part for part in error["loc"] if part != "[key]")
    kind, ctx = error["type"], error.get("ctx", {})
    if kind == "conflict":
        return ConfigFinding((*path[:-1], ctx["at"]) if ctx["at"] else path, ctx["message"], ctx["remedy"])
    if kind == "extra_forbidden" and path[0] == "rules" and path[2:] == ("rungs",):
        return ConfigFinding(path, "is called levels now", "Rename the table to [rules.levels].")
    if kind == "extra_forbidden":
        beside = [str(key) for *table, key in valid if table == [*path[:-1]]]
        return ConfigFinding(path, "unknown key", did_you_mean(str(path[-1]), beside))
    message, remedy = WORDS.get(kind, ("must be something else", "`drawdown-bot schema` says what belongs there."))
    message = message.format(**ctx)
    if kind == "literal_error":
        message = "must be a known word"
        remedy = did_you_mean(str(error["input"]), re.findall(r"'([^']*)'", ctx["expected"]))
    elif kind == "string_pattern_mismatch":
        message, remedy = "must have the right form", FORMS[ctx["pattern"]]
    elif kind == "less_than" and ctx["lt"] == 0:
        message, remedy = "must be below 0", "A fall is a negative percentage: write it with a minus sign."
    elif kind.startswith("date"):
        message, remedy = "must be a date", "Write it as 2025-02-24."
    layer = layer_of.get(path)
    if kind != "missing" and path not in SECRETS and not (layer and layer.variable):
        message += _but_is(error["input"])
    return ConfigFinding(path, message, remedy)


def _but_is(value: Any) -> str:
    if isinstance(value, bool):
        return f", but is {str(value).lower()}"
    if isinstance(value, str):
        return f', but is "{value}"'
    return f", but is {value}" if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**15) else ""


def to_problem(
    finding: ConfigFinding, given: Mapping[str, Any], layer_of: Mapping[KeyPath, ConfigLayer], folder: Path
) -> ConfigProblem:
    """The finding with the place to correct: the variable that gave the value, else the file in `folder`."""
    path: KeyPath = finding.path
    while path and path not in layer_of:
        path = path[:-1]
    layer = layer_of.get(path)
    key = dotted_key(finding.path, given)
    if layer and layer.variable:
        whole = layer.variable.removesuffix(SECRET_FILE) == variable_name(finding.path)
        key = layer.variable if whole else f"{layer.variable}: {key}"
    file = layer.file if layer else str(folder / FILE_OF[str(finding.path[0])])
    return ConfigProblem(*(TOKEN_LIKE.sub("[hidden]", text) for text in (file, key, finding.message, finding.remedy)))


def find_contradictions(given: Mapping[str, Any]) -> Iterator[ConfigFinding]:
    """Values in the merged layers that are right by themselves and wrong together."""
    yield from _thresholds(given.get("statistics"))
    baskets = tables(given, "baskets")
    for path, basket in baskets:
        yield from _members(path, basket)
    rules, channels = tables(given, "rules"), tables(given, "telegram", "channels")
    for path, rule in rules:
        yield from _rule(path, rule)
        yield from _levels(path, rule)
    closures = tables(given, "closures")
    yield from duplicates((path, f"{closure.get('calendar')} {closure.get('day')}") for path, closure in closures)
    yield from duplicates((path, rule.get("name")) for path, rule in rules)
    chats = [(path, channel["chat"], channel.get("topic")) for path, channel in channels if "chat" in channel]
    yield from duplicates((path, f"{chat}" + (f", topic {topic}" if topic else "")) for path, chat, topic in chats)
    for language in languages():
        names = [(path, dict(entries(basket.get("name"))).get(language)) for path, basket in baskets]
        yield from duplicates(((*path, "name", language), name) for path, name in names)
    if isinstance(given.get("baskets"), dict):
        for path, table in rules + channels:
            yield from _unknown_baskets(path, table, list(given["baskets"]))


def tables(given: Any, *path: str) -> list[tuple[KeyPath, dict[str, Any]]]:
    """The tables in the table or list at `path`, each with its own path."""
    for key in path:
        given = given.get(key) if isinstance(given, dict) else None
    return [((*path, key), value) for key, value in entries(given) if isinstance(value, dict)]


def duplicates(names: Iterable[tuple[KeyPath, Any]]) -> Iterator[ConfigFinding]:
    seen = set()
    for path, name in names:
        if not isinstance(name, str):
            continue
        if name in seen:
            yield ConfigFinding(path, f'"{name}" stands twice', "Keep one of them, or give it a name of its own.")
        seen.add(name)


def _thresholds(statistics: Any) -> Iterator[ConfigFinding]:
    written = dict(entries(statistics))
    depths = [(key, written.get(key, StatisticsTable.model_fields[key].default)) for key in THRESHOLDS]
    for (shallow, above), (deep, below) in pairwise(depths):
        if isinstance(above, int | float) and isinstance(below, int | float) and above <= below < 0:
            message = f"must be deeper than {shallow}, {above}, but is {below}"
            yield ConfigFinding(("statistics", deep), message, f"Lower {deep} or raise {shallow}.")


def _members(path: KeyPath, basket: dict[str, Any]) -> Iterator[ConfigFinding]:
    written = [((*path, "members", number), member) for number, member in entries(basket.get("members"))]
    members = [(at, {"symbol": member} if isinstance(member, str) else member) for at, member in written]
    member_tables = [(at, member) for at, member in members if isinstance(member, dict)]
    yield from duplicates((at, member.get("symbol")) for at, member in member_tables)
    for at, member in member_tables:
        if basket.get("weights") == "fixed" and "weight" not in member:
            remedy = 'Write { symbol = "…", weight = 2 }, or weights = "equal" for the basket.'
            yield ConfigFinding(at, 'has no weight, and weights = "fixed"', remedy)


def _rule(path: KeyPath, rule: dict[str, Any]) -> Iterator[ConfigFinding]:
    yield from exactly_one(path, rule, SUBJECTS, 'Say what it looks at, such as baskets = ["*"].')
    if "contrast" in rule:
        pair = texts(rule["contrast"])
        if len(set(pair)) < len(pair):
            yield ConfigFinding((*path, "contrast"), f'sets "{pair[0]}" against itself', "Name two different baskets.")
        for key in [key for key in ("members", "day_low", "enters") if rule.get(key)]:
            remedy = "Use [rules.levels], or baskets in its place."
            yield ConfigFinding((*path, key), "means nothing for a contrast", remedy)
    if "rungs" not in rule:  # the name of levels before; it is a problem of its own
        yield from exactly_one(path, rule, TRIGGERS, "Say when it fires, such as [rules.levels].")
    if "day_low" in rule and "baskets" in rule and rule.get("members") is not True:
        yield ConfigFinding((*path, "day_low"), "is known of members, not of baskets", "Write members_of for baskets.")
    if "severity" in rule and "levels" in rule:
        remedy = "Remove it: each level's name is its severity."
        yield ConfigFinding((*path, "severity"), "stands beside levels", remedy)


def exactly_one(path: KeyPath, rule: dict[str, Any], keys: Sequence[str], remedy: str) -> Iterator[ConfigFinding]:
    written = [key for key in keys if key in rule]
    if not written:
        yield ConfigFinding(path, f"has none of {', '.join(keys)}", remedy)
    if len(written) > 1:
        remedy = f"Keep one; a second [[rules]] can have {written[-1]}."
        yield ConfigFinding(path, f"has {' and '.join(written)}", remedy)


def _levels(path: KeyPath, rule: dict[str, Any]) -> Iterator[ConfigFinding]:
    levels = rule.get("levels")
    if not isinstance(levels, dict):
        return
    for before, after in pairwise([name for name in levels if name in LEVELS]):
        if LEVELS.index(before) > LEVELS.index(after):
            remedy = f"Deepest last: {', '.join(LEVELS)}."
            yield ConfigFinding((*path, "levels", after), f"stands below {before}", remedy)
    level_tables = tables(rule, "levels")
    for at, level in level_tables:
        for key in ("drawdown", "state", "enters"):
            if "contrast" in rule and key in level:
                yield ConfigFinding((*path, *at, key), "means nothing for a contrast", "Use percentile.")
    entering = [(*path, *at, "enters") for at, level in level_tables if "enters" in level]
    if entering and len(entering) < len(levels):
        remedy = "Give enters to all levels or to none; a second [[rules]] can have the others."
        yield ConfigFinding(entering[0], "stands beside levels without it", remedy)


def _unknown_baskets(path: KeyPath, table: dict[str, Any], baskets: list[str]) -> Iterator[ConfigFinding]:
    for key in SUBJECTS:
        allowed = baskets if key == "contrast" else [*baskets, "*"]
        for name in texts(table.get(key)):
            if name not in allowed:
                yield ConfigFinding((*path, key), f'"{name}" is no basket', did_you_mean(name, allowed))


def texts(given: Any) -> list[str]:
    return [text for _, text in entries(given) if isinstance(text, str)]
