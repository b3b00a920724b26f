"""Writes levels into bot.toml, comments kept."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit import TOMLDocument

from bot.alerts.rules import Rule
from bot.errors import ConfigError, ConfigProblem
from bot.settings.load import load_settings
from bot.tuning.config_text import condition_values, has_levels, level_as_toml

FILE = "bot.toml"
BOM = "\ufeff"
ELSEWHERE = "It was given elsewhere, such as in the environment: write it there, or move it into the file."


def write_levels(folder: Path, rules: Sequence[Rule], environ: Mapping[str, str]) -> Path:
    """Write the levels of the rules into the folder's bot.toml, and return the path; all else stays unchanged.

    The whole configuration is checked with the new values before the file is replaced in one step. Raises ConfigError
    if the file is not writable, a rule or level is not in the file or also set elsewhere, or the configuration would be
    invalid.
    """
    file = (folder / FILE).resolve()
    if not os.access(file, os.W_OK):  # its folder alone decides whether it can be replaced
        remedy = "Let it be written, or paste the lines above into it."
        raise ConfigError((ConfigProblem(str(folder / FILE), "whole file", "is not to be written", remedy),))
    before = file.read_bytes().decode("utf-8")
    document = tomlkit.parse(before.removeprefix(BOM))
    for rule in rules:
        set_levels(document, rule, str(folder / FILE))
    after = BOM * before.startswith(BOM) + document.as_string()
    check_levels(folder, after, environ, rules)
    replace_file(file, after)
    return file


def set_levels(document: TOMLDocument, rule: Rule, file: str) -> None:
    """Change the values of the rule's levels in `document`. Raises ConfigError if a level is not in it."""
    table: Any = next((table for table in document.get("rules", ()) if table.get("name") == rule.name), None)
    for rung in rule.levels:
        place = table
        if table is not None and has_levels(rule):
            place = table.get("levels", {}).get(rung.severity.word)
        if place is None:
            key = f'rules["{rule.name}"]' + (f".levels.{rung.severity.word}" if table is not None else "")
            raise ConfigError((ConfigProblem(file, key, "does not stand in the file", ELSEWHERE),))
        for name, value in condition_values(rung).items():
            if place.get(name) != value:
                place[name] = value


def check_levels(folder: Path, text: str, environ: Mapping[str, str], rules: Sequence[Rule]) -> None:
    """Load the configuration with `text` as its bot.toml. Raises ConfigError unless the rules have their new levels."""
    with tempfile.TemporaryDirectory() as trial:
        for file in folder.glob("*.toml"):
            shutil.copyfile(file, Path(trial, file.name))
        Path(trial, FILE).write_bytes(text.encode("utf-8"))
        given = {rule.name: rule.levels for rule in load_settings(Path(trial), environ).rulebook().rules}
    for rule in rules:
        if [*map(level_as_toml, given[rule.name])] != [*map(level_as_toml, rule.levels)]:
            problem = ConfigProblem(
                str(folder / FILE), f'rules["{rule.name}"]', "would not count from the file", ELSEWHERE
            )
            raise ConfigError((problem,))


def replace_file(file: Path, text: str) -> None:
    """Replace the file in one step: a reader sees the old or the new file, whole."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(text.encode("utf-8"))
            new.flush()
            os.fsync(new.fileno())
        shutil.copymode(file, name)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
