"""How is a ladder written into bot.toml without touching anything else?"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit import TOMLDocument

from bot.alerts import Rule
from bot.backtest.wording import condition_values, has_ladder
from bot.errors import ConfigError, Problem
from bot.settings import load_settings

FILE = "bot.toml"
BOM = "\ufeff"


def apply(folder: Path, rules: Sequence[Rule], environ: Mapping[str, str]) -> Path:
    """Write the values of the rules' rungs into the folder's bot.toml, and give its path; all else stays as it is.

    The whole configuration is checked with the new values before the file is replaced, at once and for good. Raises
    ConfigError if a rule or a rung does not stand in the file, or the configuration would not be sound.
    """
    file = (folder / FILE).resolve()
    before = file.read_bytes().decode("utf-8")
    document = tomlkit.parse(before.removeprefix(BOM))
    for rule in rules:
        _set(document, rule, str(folder / FILE))
    after = BOM * before.startswith(BOM) + document.as_string()
    _check(folder, after, environ)
    _replace(file, after)
    return file


def _set(document: TOMLDocument, rule: Rule, file: str) -> None:
    table: Any = next((one for one in document.get("rules", ()) if one.get("name") == rule.name), None)
    for rung in rule.rungs:
        place = table
        if table is not None and has_ladder(rule):
            place = table.get("rungs", {}).get(rung.severity.word)
        if place is None:
            key = f'rules["{rule.name}"]' + (f".rungs.{rung.severity.word}" if table is not None else "")
            remedy = "It was given elsewhere, such as in the environment: write it there, or move it into the file."
            raise ConfigError((Problem(file, key, "does not stand in the file", remedy),))
        for name, value in condition_values(rung).items():
            if place.get(name) != value:
                place[name] = value


def _check(folder: Path, text: str, environ: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory() as trial:
        for file in folder.glob("*.toml"):
            shutil.copyfile(file, Path(trial, file.name))
        Path(trial, FILE).write_bytes(text.encode("utf-8"))
        load_settings(Path(trial), environ)


def _replace(file: Path, text: str) -> None:
    """The new file takes the old one's place in one step: whoever reads it meanwhile reads one of the two, whole."""
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
