"""Layers of the configuration (files, environment, secret files), paths of keys, merging.

pydantic-settings lacks three features: the origin of every value, all problems at once (a source stops at the first),
and a secret file at any path (a source takes one folder with a file a key). So layers are read and merged here; its
`EnvSettingsSource` reads nested names and JSON of the environment. Its TOML source refuses a byte order mark and
ignores a missing file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from bot.errors import ConfigProblem
from bot.settings.schema import FILES

PREFIX = "BOT_"
CONFIG_DIR = "BOT_CONFIG_DIR"
PLATFORM_DATABASE = "DATABASE_URL"
SECRET_FILE = "_FILE"  # noqa: S105 - the end of a variable's name
# A whole basket or event, as JSON, may have a new name.
NEW_ENTRY = re.compile("BOT_(BASKETS|EVENTS)__[A-Z0-9]+(_[A-Z0-9]+)*")
MAX_SUGGESTIONS = 20

# Keys of tables and numbers of list items, outermost first.
KeyPath = tuple[str | int, ...]


def keys_of(table: type[BaseModel]) -> list[str]:
    """The keys of a table as written in a file."""
    return [field.alias or name for name, field in table.model_fields.items()]


# Outermost key -> name of the file it belongs to.
FILE_OF = {key: file for file, table in FILES.items() for key in keys_of(table)}


@dataclass(frozen=True, slots=True)
class ConfigLayer:
    """Values from one place, nested as in the files. `file` is the name in problems, `origin` the name beside a value.

    `variable` is the environment variable of the values, if any.
    """

    values: dict[str, Any]
    file: str
    origin: str
    variable: str = ""


def merge_layers(layers: Sequence[ConfigLayer]) -> tuple[dict[str, Any], dict[KeyPath, ConfigLayer]]:
    """All values, and the layer of the value at every path. Tables are merged, lists replaced; the later layer wins."""
    merged: dict[str, Any] = reduce(_overlay, (layer.values for layer in layers), {})
    last = {path: layer for layer in layers for path in written_paths(layer.values)}
    return merged, {path: last[path] for path in written_paths(merged)}


def _overlay(below: Any, above: Any) -> Any:
    if not isinstance(above, dict):
        return above
    table = below if isinstance(below, dict) else {}
    return table | {key: _overlay(table.get(key), value) for key, value in above.items()}


def read_files(folder: Path) -> tuple[list[ConfigLayer], list[ConfigProblem]]:
    """A layer for each readable file, and the problems of the files as a whole."""
    layers: list[ConfigLayer] = []
    problems: list[ConfigProblem] = []
    for name in FILES:
        file = str(folder / name)
        try:
            values = tomllib.loads((folder / name).read_text(encoding="utf-8-sig"))
        except OSError as error:
            remedy = "Create it, or name another folder with --config."
            problems.append(ConfigProblem(file, "whole file", f"cannot be read: {error.strerror}", remedy))
        except UnicodeDecodeError:
            problems.append(ConfigProblem(file, "whole file", "is not UTF-8 text", "Save it as UTF-8."))
        except (ValueError, RecursionError) as error:
            line = re.search(r" \(at (line \d+), column \d+\)", str(error))
            what = str(error).replace(line[0], "") if line else str(error)
            key = line[1] if line else "whole file"
            problems.append(ConfigProblem(file, key, f"is not TOML: {what}", "Mend it there or just before."))
        else:
            problems += _remove_misplaced(name, file, values)
            layers.append(ConfigLayer(values, file, file))
    return layers, problems


def _remove_misplaced(name: str, file: str, values: dict[str, Any]) -> list[ConfigProblem]:
    """Problems of keys in the wrong file; the keys are removed from `values`."""
    misplaced = [key for key in values if FILE_OF.get(key, name) != name]
    problems = [
        ConfigProblem(file, key, "stands in the wrong file", f"Move it to {FILE_OF[key]}.") for key in misplaced
    ]
    for key in misplaced:
        del values[key]
    telegram = values.get("telegram")
    if isinstance(telegram, dict) and telegram.pop("token", None) is not None:
        remedy = "Give it by the variable BOT_TELEGRAM__TOKEN or BOT_TELEGRAM__TOKEN_FILE; if others saw it, revoke it."
        problems.append(
            ConfigProblem(file, "telegram.token", "is a secret and must not stand in a file like this", remedy)
        )
    return problems


class _EnvVariable(EnvSettingsSource):
    """The environment source of pydantic-settings for a single variable, so that every value has an origin."""

    def read(self, name: str, value: str) -> dict[str, Any]:
        self.env_vars = {name.removeprefix(PREFIX).lower(): value}
        return self()


def read_environment(
    environ: Mapping[str, str], settings: type[BaseSettings], below: Mapping[str, Any]
) -> tuple[list[ConfigLayer], list[ConfigProblem]]:
    """A layer for each variable, secret files first, and the problems of the others. An empty variable counts as unset.

    `below` are the values of the files: names of baskets and events are part of variables' names. A platform's database
    variable counts unless a variable of the bot names a database.
    """
    names = [name for name, value in environ.items() if name.startswith(PREFIX) and name != CONFIG_DIR and value]
    paths = valid_paths(settings, below) if names else ()
    valid = sorted(variable_name(path) for path in paths if all(isinstance(part, str) for part in path))
    source = _EnvVariable(settings, env_prefix="", env_nested_delimiter="__", case_sensitive=False)
    layers: list[ConfigLayer] = []
    problems: list[ConfigProblem] = []
    if url := environ.get(PLATFORM_DATABASE):
        origin = f"environment {PLATFORM_DATABASE}"
        layers.append(ConfigLayer({"storage": {"database": url}}, "environment", origin, PLATFORM_DATABASE))
    for name in sorted(names, key=lambda name: (not name.endswith(SECRET_FILE), name)):
        target, value, origin = name.removesuffix(SECRET_FILE), environ[name], f"environment {name}"
        if target not in valid and not NEW_ENTRY.fullmatch(target):
            remedy = did_you_mean(target, valid)
            problems.append(ConfigProblem("environment", name, "no setting has this name", remedy))
            continue
        try:
            if name.endswith(SECRET_FILE):
                origin = f"secret file {value}"
                value = Path(value).read_text(encoding="utf-8").strip()
            layers.append(ConfigLayer(source.read(target, value), "environment", origin, name))
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            remedy = "Give the path of a file that holds the secret and that the bot may read."
            problems.append(ConfigProblem("environment", name, f"names a file that cannot be read: {why}", remedy))
        except (SettingsError, RecursionError):
            remedy = """Lists and tables are written as JSON in the environment: '["en", "zh"]'."""
            problems.append(ConfigProblem("environment", name, "is not JSON", remedy))
    return layers, problems


def variable_name(path: KeyPath) -> str:
    """The environment variable of a path."""
    return PREFIX + "__".join(map(str, path)).upper()


def valid_paths(kind: Any, given: Any, at: KeyPath = ()) -> Iterator[KeyPath]:
    """Every valid path, with the names and list items in use.

    `kind` is the type at `at`, `given` the written value there, right or wrong.
    """
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(inner for inner in get_args(kind) if inner is not NoneType)
    inside: list[tuple[str | int, Any]] = []
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        inside = [(field.alias or name, field.annotation) for name, field in kind.model_fields.items()]
    elif get_origin(kind) is dict:
        names, inner = get_args(kind)
        keys = get_args(names) if get_origin(names) is Literal else given if isinstance(given, dict) else ()
        inside = [(key, inner) for key in keys]
    elif get_origin(kind) is list and isinstance(given, list):
        inside = [(number, get_args(kind)[0]) for number in range(len(given))]
    written = dict(entries(given))
    for key, inner in inside:
        yield (*at, key)
        yield from valid_paths(inner, written.get(key), (*at, key))


def written_paths(given: Any, at: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path with a written value: tables, lists and contents."""
    for key, value in entries(given):
        yield (*at, key)
        yield from written_paths(value, (*at, key))


def entries(given: Any) -> list[tuple[Any, Any]]:
    """Keys and values of a table, numbers and items of a list; nothing for everything else."""
    if isinstance(given, dict):
        return list(given.items())
    return list(enumerate(given)) if isinstance(given, list) else []


def dotted_key(path: KeyPath, given: Any) -> str:
    """The path in words: `rules["member plunge"].day_low`; a list item without a name has its number from 1."""
    words = ""
    for part in path:
        given = dict(entries(given)).get(part)
        if isinstance(part, str):
            words += f".{part}" if words else part
            continue
        names = [given.get(key) for key in ("name", "symbol", "chat")] if isinstance(given, dict) else [given]
        name = next((name for name in names if name and isinstance(name, str)), "")
        words += f'["{name}"]' if name else f"[#{part + 1}]"
    return words


def did_you_mean(word: str, valid: Sequence[str]) -> str:
    """The valid word most like the written word; without a similar word, all valid words."""
    close = get_close_matches(word, valid, n=1, cutoff=0.7) or get_close_matches(word.upper(), valid, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    if len(valid) <= MAX_SUGGESTIONS:
        return f"Known here: {', '.join(valid)}."
    return "`drawdown-bot schema` lists what may."
