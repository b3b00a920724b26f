from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import cli
from bot.prices.calendars import Calendar
from tests.log_state import log_state
from tests.unit.cli.folders import write_config, write_prices
from tests.unit.cli.typed import Type, Typed


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The folder of a small configuration, to be changed."""
    return write_config(tmp_path / "config")


@pytest.fixture
def prices(tmp_path: Path, new_york: Calendar) -> Path:
    """A folder with the prices of all its symbols but one, to be changed."""
    return write_prices(tmp_path / "prices", new_york)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, warm_data: Path) -> None:
    """No settings in the environment but the data folder; the current folder is an empty one."""
    for name in [name for name in os.environ if name.startswith("BOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BOT_STORAGE__DATA_DIR", str(warm_data))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def typed(bare: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Type]:
    """Type a command, in this process; nobody ever sees a traceback."""

    def run(*words: object) -> Typed:
        monkeypatch.setattr(sys, "argv", ["drawdown-bot", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Typed(int(left.value.code or 0), out, err)

    with log_state():
        yield run


@pytest.fixture
def asked(typed: Type, config: Path, prices: Path) -> Type:
    """Type a command about the small configuration and its prices."""

    def run(*words: object) -> Typed:
        return typed(*words, "--config", config, "--prices", prices)

    return run
