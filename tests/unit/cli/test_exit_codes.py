"""Does every command leave with the exit code that is documented, whatever is wrong where it looks?

`typed` sees to it that nobody reads a traceback. A new command is part of this without a word: its options say what it
reads.
"""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest

from bot.cli import COMMANDS
from bot.prices.calendars import Calendar
from tests.unit.cli.folders import write_config, write_prices
from tests.unit.cli.typed import Type, Typed

ARGUMENTS = {"verdicts": ["duo"], "explain": ["duo"], "chart": ["duo"], "whatif": ["duo", "-8"]}
# Tried elsewhere: what takes seconds, and what has no end.
SLOW = ("run", "demo", "tune", "backfill", "chart")
STORES = ("run", "migrate", "deliveries", "doctor")


def options(command: str) -> set[str]:
    module = import_module(f"bot.cli.{COMMANDS[command]}")
    return set(inspect.signature(getattr(module, f"{command.replace('-', '_')}_command")).parameters)


CONFIGURED = [one for one in COMMANDS if "config" in options(one)]
PRICED = [one for one in COMMANDS if "prices" in options(one)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, new_york: Calendar) -> Path:
    """A configuration and its prices, in which nothing is wrong; not to be changed."""
    folder = tmp_path_factory.mktemp("sound")
    write_config(folder / "config")
    write_prices(folder / "prices", new_york)
    return folder


@pytest.fixture
def ask(typed: Type, sound: Path) -> Type:
    """Type a command about the sound configuration; what is given for an option counts in its place."""

    def run(command: str, **given: object) -> Typed:
        named = {"config": sound / "config", "prices": sound / "prices"} | given
        words = [word for name in named if name in options(command) for word in (f"--{name}", named[name])]
        return typed(command, *ARGUMENTS.get(command, []), *words)

    return run


def complaint(told: Typed, code: int, *phrases: str) -> None:
    """This exit code, and one line that holds all the phrases."""
    assert told.code == code, told
    lines = (told.err + told.out).splitlines()
    assert any(all(phrase in line for phrase in phrases) for line in lines), (phrases, told)


# 2: what was typed, and what was configured


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_that_does_not_exist(typed: Type, command: str) -> None:
    complaint(typed(command, *ARGUMENTS.get(command, []), "--nonsense"), 2, "--nonsense")


@pytest.mark.parametrize("command", CONFIGURED)
def test_no_configuration(ask: Type, command: str) -> None:
    complaint(ask(command, config="nowhere"), 2, "nowhere", "is no folder", "BOT_CONFIG_DIR")


@pytest.mark.parametrize("command", CONFIGURED)
def test_a_configuration_that_cannot_be_read(ask: Type, command: str, config: Path) -> None:
    (config / "baskets.toml").write_text("[baskets.duo\n")
    complaint(ask(command, config=config), 2, "baskets.toml", "line 1", "is not TOML", "Mend it")


@pytest.mark.parametrize("command", CONFIGURED)
def test_a_variable_that_means_nothing(ask: Type, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_SCHEDULE__POL_MINUTES", "5")
    complaint(ask(command), 2, "BOT_SCHEDULE__POL_MINUTES", "Did you mean BOT_SCHEDULE__POLL_MINUTES?")


# 3: no prices


@pytest.mark.parametrize("command", PRICED)
def test_no_prices(ask: Type, command: str) -> None:
    complaint(ask(command, prices="nowhere"), 3, "nowhere", "there is no")


@pytest.mark.parametrize("command", [one for one in PRICED if one != "run"])  # which waits for them
def test_prices_of_nothing_that_is_asked_for(ask: Type, command: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    complaint(ask(command, prices=tmp_path / "empty"), 3, "there is no file", ".csv")


# 65 and 74: the database and the disk


def _newer(file: Path, typed: Type, config: Path) -> None:
    assert typed("migrate", "--config", config).code == 0
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE alembic_version SET version_num = 'r9999'")
        database.commit()


def _no_database(file: Path, typed: Type, config: Path) -> None:
    file.write_bytes(b"no database at all" * 1000)


def _of_another_program(file: Path, typed: Type, config: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('9f00c0ffee')")
        database.commit()


def _a_folder(file: Path, typed: Type, config: Path) -> None:
    file.mkdir()


@pytest.mark.parametrize("command", STORES)
@pytest.mark.parametrize(
    ("spoil", "code", "phrase"),
    [
        (_newer, 65, "its tables (r9999) are newer than this program"),
        (_of_another_program, 65, "its tables (9f00c0ffee) are newer than this program"),
        (_no_database, 65, "it is not an SQLite database. Name another file, or move this one away"),
        (_a_folder, 74, "it cannot be opened. Look whether its folder exists and this user may write there"),
    ],
)
def test_a_database_that_cannot_be_used(
    ask: Type,
    typed: Type,
    sound: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    spoil: Callable[[Path, Type, Path], None],
    code: int,
    phrase: str,
) -> None:
    file = tmp_path / "bot.sqlite3"
    monkeypatch.setenv("BOT_STORAGE__DATABASE", f"sqlite:///{file}")
    spoil(file, typed, sound / "config")
    before = None if file.is_dir() else file.read_bytes()
    complaint(ask(command), code, str(file), phrase)
    assert file.is_dir() or file.read_bytes() == before


@pytest.mark.parametrize(("command", "code"), [("run", 74), ("doctor", 74), ("deliveries", 0), ("migrate", 0)])
def test_a_database_that_may_not_be_written(
    ask: Type, typed: Type, sound: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, code: int
) -> None:
    """Marked as of a later SQLite, which this one may read: that binds root, too. Who only looks is served."""
    file = tmp_path / "bot.sqlite3"
    monkeypatch.setenv("BOT_STORAGE__DATABASE", f"sqlite:///{file}")
    assert typed("migrate", "--config", sound / "config").code == 0
    content = bytearray(file.read_bytes())
    content[18] = 3
    file.write_bytes(content)
    told = ask(command)
    assert told.code == code
    if code:
        complaint(told, code, "it may not be written. Give this user the right to write the file and its folder")


@pytest.mark.parametrize("command", STORES)
def test_an_address_of_a_database_that_means_nothing(ask: Type, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("BOT_STORAGE__DATABASE", "mysql://user:hush@host/name")
    told = ask(command)
    complaint(told, 74, "databases of the kind 'mysql' are unknown. Write it like sqlite:///")
    assert "hush" not in told.out + told.err


@pytest.mark.parametrize("command", STORES[:-1])  # doctor would work calendars out, for which there is no place
def test_a_data_folder_that_cannot_be_made(
    ask: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, warm_data: Path, command: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BOT_STORAGE__DATA_DIR", str(tmp_path / "file"))
    told = ask(command)
    complaint(told, 74, "file: the folder cannot be made (File exists). Name another one with [storage] data_dir")


def test_a_place_that_takes_no_prices(ask: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BOT_STORAGE__DATA_DIR", str(tmp_path / "file"))
    complaint(ask("backfill"), 74, "file/prices takes no files", "Give this user the right to write there")


# 0


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in SLOW])
def test_with_everything_in_its_place_it_is_done(
    ask: Type, sound: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.setenv("BOT_STORAGE__DATABASE", f"sqlite:///{tmp_path}/bot.sqlite3")
    assert ask("migrate").code == 0
    if command == "send-test":
        monkeypatch.delenv("BOT_TELEGRAM__TOKEN", raising=False)
    told = ask(command)
    assert told.code == 0, told
