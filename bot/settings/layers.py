"""Which value was given where: by the files, the environment or a secret file?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from bot.errors import ConfigProblem
from bot.settings.places import Place, keys_of, known_places, suggestion
from bot.settings.tables import FILES

PREFIX = "BOT_"
PLATFORMS_DATABASE = "DATABASE_URL"
SECRET_FILE = "_FILE"  # noqa: S105 - the end of a variable's name
FOLDER = "BOT_CONFIG_DIR"
# A whole basket or event, as JSON, may have a new name.
NEW_ENTRY = re.compile("BOT_(BASKETS|EVENTS)__[A-Z0-9]+(_[A-Z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place, nested as in the files. `file` names it in a problem, `origin` beside a value.

    `variable` is the environment variable that gave them, if one did.
    """

    values: dict[str, Any]
    file: str
    origin: str
    variable: str = ""


def merge(layers: Sequence[Layer]) -> dict[str, Any]:
    """All values; where layers differ the later one counts. Tables are merged, lists are replaced."""
    merged: dict[str, Any] = {}
    for layer in layers:
        _lay_over(merged, layer.values)
    return merged


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict):
            if not isinstance(below.get(key), dict):
                below[key] = {}
            _lay_over(below[key], value)
        else:
            below[key] = value


def giver(place: Place, layers: Sequence[Layer]) -> Layer | None:
    """The layer whose value counts at `place`; None if no layer says anything there."""
    return next((layer for layer in reversed(layers) if _holds(layer.values, place)), None)


def _holds(value: Any, place: Place) -> bool:
    for part in place:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def read_files(folder: Path) -> tuple[list[Layer], list[ConfigProblem]]:
    """A layer for each file that can be read, and what is wrong with the files as such."""
    layers: list[Layer] = []
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
            problems.append(_syntax_problem(file, str(error)))
        else:
            problems += _taken_out(name, file, values)
            layers.append(Layer(values, file, file))
    return layers, problems


def _syntax_problem(file: str, said: str) -> ConfigProblem:
    found = re.search(r" \(at (line \d+), column \d+\)", said)
    what = said.replace(found[0], "") if found else said
    return ConfigProblem(
        file, found[1] if found else "whole file", f"is not TOML: {what}", "Mend it there or just before."
    )


def _taken_out(name: str, file: str, values: dict[str, Any]) -> list[ConfigProblem]:
    """What must not stand in this file, which is taken out of `values`."""
    homes = {key: home for home, table in FILES.items() for key in keys_of(table)}
    problems = []
    for key in [key for key in values if homes.get(key, name) != name]:
        del values[key]
        problems.append(ConfigProblem(file, key, "stands in the wrong file", f"Move it to {homes[key]}."))
    telegram = values.get("telegram")
    if isinstance(telegram, dict) and telegram.pop("token", None) is not None:
        remedy = "Give it by the variable BOT_TELEGRAM__TOKEN or BOT_TELEGRAM__TOKEN_FILE; if others saw it, revoke it."
        problems.append(
            ConfigProblem(file, "telegram.token", "is a secret and must not stand in a file like this", remedy)
        )
    return problems


class _Variable(EnvSettingsSource):
    """pydantic-settings' reading of the environment, one variable at a time and from where we say."""

    def read(self, name: str, value: str) -> dict[str, Any]:
        self.env_vars = {name: value}
        return self()


def read_environment(
    environ: Mapping[str, str], settings: type[BaseSettings], below: Mapping[str, Any]
) -> tuple[list[Layer], list[ConfigProblem]]:
    """A layer for each variable, secret files first, and what is wrong with the others. An empty one counts as unset.

    `below` is what the files say: its names of baskets and events make the variables' names. The database that a
    platform offers counts if no variable of our own names one.
    """
    names = [name for name, value in environ.items() if name.startswith(PREFIX) and name != FOLDER and value]
    places = known_places(settings, below) if names else ()
    known = sorted(variable(place) for place in places if all(isinstance(part, str) for part in place))
    source = _Variable(settings, env_prefix="", env_nested_delimiter="__", case_sensitive=False)
    layers: list[Layer] = []
    problems: list[ConfigProblem] = []
    if url := environ.get(PLATFORMS_DATABASE):
        values = {"storage": {"database": url}}
        layers.append(Layer(values, "environment", f"environment {PLATFORMS_DATABASE}", PLATFORMS_DATABASE))
    for name in sorted(names, key=lambda name: (not name.endswith(SECRET_FILE), name)):
        target = name.removesuffix(SECRET_FILE)
        if target in known or NEW_ENTRY.fullmatch(target):
            given = _given_by(name, environ[name], source)
        else:
            given = ConfigProblem("environment", name, "no setting has this name", suggestion(target, known))
        if isinstance(given, Layer):
            layers.append(given)
        else:
            problems.append(given)
    return layers, problems


def _given_by(name: str, value: str, source: _Variable) -> Layer | ConfigProblem:
    target, origin = name, f"environment {name}"
    try:
        if name.endswith(SECRET_FILE):
            target, origin = name.removesuffix(SECRET_FILE), f"secret file {value}"
            value = Path(value).read_text(encoding="utf-8").strip()
        return Layer(source.read(target.removeprefix(PREFIX).lower(), value), "environment", origin, name)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        remedy = "Give the path of a file that holds the secret and that the bot may read."
        return ConfigProblem("environment", name, f"names a file that cannot be read: {why}", remedy)
    except (SettingsError, RecursionError):
        remedy = """Lists and tables are written as JSON in the environment: '["en", "zh"]'."""
        return ConfigProblem("environment", name, "is not JSON", remedy)


def variable(place: Place) -> str:
    """The environment variable of a place."""
    return PREFIX + "__".join(map(str, place)).upper()
