from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings.load import load_settings

GOOD = Path(__file__).parent / "good"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small configuration without a mistake, to be changed."""
    return shutil.copytree(GOOD, tmp_path / "config")


@pytest.fixture
def problems(folder: Path) -> Callable[..., list[str]]:
    """What is wrong, a sentence each, with the files named from inside their folder."""

    def read(environ: dict[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_settings(folder, environ or {})
        return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]

    return read
