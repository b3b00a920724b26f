"""What does the operator read when a value is not of its kind or out of its range?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from bot.errors import ConfigProblem
from bot.settings.contradictions import Finding
from bot.settings.layers import SECRET_FILE, Layer, giver, variable
from bot.settings.places import Place, dotted, suggestion
from bot.settings.tables import FORMS

# Settings whose value never appears anywhere; a token pasted elsewhere is known by its looks.
SECRETS: frozenset[Place] = frozenset({("telegram", "token"), ("storage", "database")})
TOKEN_LIKE = re.compile(r"\d{6,}:[\w-]{20,}")
NUMBER = ("must be a number", "Write digits, without quotes.")
TABLE = ("must be a table", "Write { key = value }, or [table] with its keys below.")
TEXT = ("must be text", "Put it into quotes.")
# Kind of pydantic's finding -> what is wrong and what to do, in words that name no Python.
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


def finding(error: ErrorDetails, known: Sequence[Place], layers: Sequence[Layer]) -> Finding:
    """What pydantic found, in our words. `known` are the places where something may stand.

    The value is shown if a file gave it, and if the setting is no secret.
    """
    place = tuple(part for part in error["loc"] if part != "[key]")
    kind, ctx = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        beside = [str(other[-1]) for other in known if other[:-1] == place[:-1]]
        return Finding(place, "unknown key", suggestion(str(place[-1]), beside))
    message, remedy = WORDS.get(kind, ("must be something else", "`drawdown-bot schema` says what belongs there."))
    message = message.format(**ctx)
    if kind == "literal_error":
        message = "must be a known word"
        remedy = suggestion(str(error["input"]), re.findall(r"'([^']*)'", ctx["expected"]))
    elif kind == "string_pattern_mismatch":
        message, remedy = "must have the right form", FORMS[ctx["pattern"]]
    elif kind == "less_than" and ctx["lt"] == 0:
        message, remedy = "must be below 0", "A fall is a negative percentage: write it with a minus sign."
    elif kind.startswith("date"):
        message, remedy = "must be a date", "Write it as 2025-02-24."
    layer = giver(place, layers)
    if kind != "missing" and place not in SECRETS and not (layer and layer.variable):
        message += _but_is(error["input"])
    return Finding(place, message, remedy)


def _but_is(value: Any) -> str:
    if isinstance(value, bool):
        return f", but is {str(value).lower()}"
    if isinstance(value, str):
        return f', but is "{value}"'
    return f", but is {value}" if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**15) else ""


def problem(
    found: Finding, given: Mapping[str, Any], layers: Sequence[Layer], homes: Mapping[str, str]
) -> ConfigProblem:
    """The finding with the place to mend: the file, or the variable that gave the value.

    `homes` names the file of each outermost key, for what nobody gave.
    """
    place: Place = found.place
    while place and giver(place, layers) is None:
        place = place[:-1]
    layer = giver(place, layers) if place else None
    key = dotted(found.place, given)
    if layer and layer.variable:
        whole = layer.variable.removesuffix(SECRET_FILE) == variable(found.place)
        key = layer.variable if whole else f"{layer.variable}: {key}"
    file = layer.file if layer else homes[str(found.place[0])]
    return ConfigProblem(*(TOKEN_LIKE.sub("[hidden]", text) for text in (file, key, found.message, found.remedy)))
