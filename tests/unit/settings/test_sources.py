from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings.load import Settings, effective_values, load_settings

Problems = Callable[..., list[str]]
KEY = "schedule.poll_minutes"
VARIABLE = "BOT_SCHEDULE__POLL_MINUTES"


def origin_of(settings: Settings, key: str) -> tuple[object, str]:
    return next((value, origin) for name, value, origin in effective_values(settings) if name == key)


@pytest.mark.parametrize(
    ("variable", "secret", "file", "expected"),
    [
        ("2", "3", "4", (2, f"environment {VARIABLE}")),
        ("", "3", "4", (3, "secret file {secret}")),
        ("", "", "4", (4, "{folder}/bot.toml")),
        ("", "", "", (5, "default")),
        ("2", "", "4", (2, f"environment {VARIABLE}")),
        ("", "3", "", (3, "secret file {secret}")),
    ],
)
def test_precedence(folder: Path, *, variable: str, secret: str, file: str, expected: tuple[int, str]) -> None:
    hidden = folder / "secret"
    hidden.write_text(f"{secret}\n")
    (folder / "bot.toml").write_text(f"[schedule]\npoll_minutes = {file}" if file else "")
    environ = {"HOME": "/", "BOTANY": "a stranger's", VARIABLE: variable}
    environ[f"{VARIABLE}_FILE"] = str(hidden) if secret else ""
    settings = load_settings(folder, environ)
    value, origin = expected
    assert settings.schedule.poll_minutes == value
    assert origin_of(settings, KEY) == (value, origin.format(folder=folder, secret=hidden))


def test_the_folder_is_named_by_the_caller_then_the_environment_then_custom(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    folder.rename(other)
    (tmp_path / "config").mkdir()
    assert load_settings(other, {"BOT_CONFIG_DIR": "nowhere"}).schedule.poll_minutes == 15
    assert load_settings(None, {"BOT_CONFIG_DIR": str(other)}).schedule.poll_minutes == 15
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^config/baskets\.toml: whole file"):
        load_settings(None, {})
    (tmp_path / "config").rmdir()
    other.rename(tmp_path / "config")
    assert load_settings(None, {}).schedule.poll_minutes == 15


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("BOT_BASKETS__MEMORY__MIN_COVERAGE", "0.5", "baskets.memory.min_coverage", 0.5),
        ("BOT_BASKETS__MEMORY__NAME__EN", "Storage", "baskets.memory.name.en", "Storage"),
        ("BOT_BASKETS__HYPERSCALERS__NAME__ZH", "云", "baskets.hyperscalers.name.zh", "云"),
        ("BOT_BASKETS__MEMORY__MEMBERS", '["MU", {"symbol": "WDC", "from": "2020-01-02"}]', "baskets.memory.members",
         ["MU", {"symbol": "WDC", "from": "2020-01-02"}]),
        ("BOT_BASKETS__GOLD", '{"name": {"en": "Gold"}, "members": ["GLD"]}', "baskets.gold.members", ["GLD"]),
        ("BOT_DELIVERY__LANGUAGES", '["zh"]', "delivery.languages", ["zh"]),
        ("BOT_DELIVERY", '{"expiry_hours": 3}', "delivery.expiry_hours", 3.0),
        ("BOT_STORAGE__DATA_DIR", "2024", "storage.data_dir", "2024"),
        ("BOT_RULES", '[{"name": "r", "baskets": ["memory"], "enters": "crash"}]', 'rules["r"].enters', "crash"),
        ("BOT_TELEGRAM__CHANNELS", '[{"chat": -100123}]', 'telegram.channels["-100123"].chat', "-100123"),
    ],
)  # fmt: skip
def test_a_variable_for_every_key(folder: Path, variable: str, text: str, key: str, value: object) -> None:
    settings = load_settings(folder, {variable: text})
    assert origin_of(settings, key) == (value, f"environment {variable}")


def test_a_deeper_variable_changes_one_key_of_a_table_given_as_json(folder: Path) -> None:
    environ = {"BOT_SCHEDULE": '{"poll_minutes": 1, "settle_minutes": 2}', "BOT_SCHEDULE__SETTLE_MINUTES": "3"}
    schedule = load_settings(folder, environ).schedule
    assert (schedule.poll_minutes, schedule.settle_minutes) == (1, 3)


def test_keys_that_nobody_wrote_have_their_default_as_origin(folder: Path) -> None:
    settings = load_settings(folder, {"BOT_RULES": '[{"name": "r", "baskets": ["*"], "enters": "bear"}]'})
    assert origin_of(settings, 'rules["r"].window') == (2, "default")
    assert origin_of(settings, "baskets.memory.weights") == ("equal", "default")
    assert origin_of(settings, "baskets.memory.role") == ("", "default")


NO_NAME = "no setting has this name."
NO_FILE = "names a file that cannot be read:"
GIVE_PATH = "Give the path of a file that holds the secret and that the bot may read."


@pytest.mark.parametrize(
    ("variable", "text", "sentence"),
    [
        ("BOT_SCHEDUL__POLL_MINUTES", "5", f"{NO_NAME} Did you mean BOT_SCHEDULE__POLL_MINUTES?"),
        ("BOT_BASKETS__MEMRY__ROLE", "x", f"{NO_NAME} Did you mean BOT_BASKETS__MEMORY__ROLE?"),
        ("BOT_TELEGRAM__TOKN_FILE", "x", f"{NO_NAME} Did you mean BOT_TELEGRAM__TOKEN?"),
        ("BOT_RULES__0__STEP", "1", f"{NO_NAME} Did you mean BOT_RULES?"),
        ("BOT_XYZZY", "1", f"{NO_NAME} `drawdown-bot schema` lists what may."),
        ("BOT_SCHEDULE__POLL_MINUTES", "often", "must be a whole number. Write digits, without quotes."),
        ("BOT_RULES", "[{",
         """is not JSON. Lists and tables are written as JSON in the environment: '["en", "zh"]'."""),
        ("BOT_BASKETS__GOLD", "{", "must be a table. Write { key = value }, or [table] with its keys below."),
        ("BOT_RULES", '[{"name": "r", "baskets": ["*"], "enters": "bear", "step": 0}]',
         'rules["r"].step: must be above 0. Choose a larger number.'),
        ("BOT_TELEGRAM__TOKEN_FILE", "/nowhere/token", f"{NO_FILE} No such file or directory. {GIVE_PATH}"),
        ("BOT_TELEGRAM__TOKEN_FILE", "/", f"{NO_FILE} Is a directory. {GIVE_PATH}"),
    ],
)  # fmt: skip
def test_mistakes_in_the_environment(problems: Problems, variable: str, text: str, sentence: str) -> None:
    assert problems({variable: text}) == [f"environment: {variable}: {sentence}"]


def test_a_secret_file_that_is_no_text(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe\x00")
    (told,) = problems({"BOT_TELEGRAM__TOKEN_FILE": str(tmp_path / "token")})
    assert told.startswith("environment: BOT_TELEGRAM__TOKEN_FILE: names a file that cannot be read: it is not UTF-8")


def test_the_database_that_a_platform_offers_counts_unless_one_is_named(folder: Path) -> None:
    offered = {"DATABASE_URL": "postgres://somewhere/bot"}
    settings = load_settings(folder, offered)
    assert settings.storage.database.get_secret_value() == "postgres://somewhere/bot"
    assert settings.origin(("storage", "database")) == "environment DATABASE_URL"
    named = load_settings(folder, offered | {"BOT_STORAGE__DATABASE": "sqlite:///own.sqlite3"})
    assert named.storage.database.get_secret_value() == "sqlite:///own.sqlite3"


def test_what_a_list_in_the_environment_lacks_is_not_looked_for_in_the_file(folder: Path, problems: Problems) -> None:
    (folder / "bot.toml").write_text('[[telegram.channels]]\nchat = "@falls"\n')
    (problem,) = problems({"BOT_TELEGRAM__CHANNELS": '[{"topic": 3}]'})
    assert problem.startswith("environment: BOT_TELEGRAM__CHANNELS: telegram.channels[#1].chat: is missing. Add it")
