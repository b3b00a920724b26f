from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings.load import effective_values, load_settings

Problems = Callable[..., list[str]]
CANARY = "1234567:" + "CANARY-in-a-coal-mine" * 2
PASSWORD = "postgresql://bot:coal@host/name"
PING = "https://host/coal"


def test_a_token_is_known_to_the_program_and_to_nobody_else(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(CANARY + "\n")
    for environ in ({"BOT_TELEGRAM__TOKEN": CANARY}, {"BOT_TELEGRAM__TOKEN_FILE": str(tmp_path / "token")}):
        settings = load_settings(
            folder, environ | {"BOT_STORAGE__DATABASE": PASSWORD, "BOT_OPERATION__HEARTBEAT": PING}
        )
        assert settings.telegram.token.get_secret_value() == CANARY
        assert settings.storage.database.get_secret_value() == PASSWORD
        assert settings.secrets() == [CANARY, PASSWORD, PING]
        rows = effective_values(settings)
        seen = [repr(settings), str(settings), settings.model_dump_json(), repr(settings.__dict__), str(rows)]
        assert not [text for text in seen if "CANARY" in text or "coal" in text]
        assert {"telegram.token", "storage.database", "operation.heartbeat"} <= {
            key for key, value, _ in rows if value == "**********"
        }


def test_where_the_secret_comes_from_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(CANARY)
    rows = effective_values(load_settings(folder, {"BOT_TELEGRAM__TOKEN_FILE": str(tmp_path / "token")}))
    assert [origin for key, _, origin in rows if key == "telegram.token"] == [f"secret file {tmp_path / 'token'}"]


@pytest.mark.parametrize(
    "environ",
    [
        {"BOT_TELEGRAM__TOKEN": CANARY + " with spaces"},
        {"BOT_TELEGRAM__TOKEN": "bot" + CANARY},
        {"BOT_TELEGRAM__TOKN": CANARY},
        {"BOT_TELEGRAM__TOKEN_FILE": CANARY},
        {"BOT_TELEGRAM": CANARY},
        {"BOT_TELEGRAM": f'{{"tokn": "{CANARY}"}}'},
        {"BOT_TELEGRAM__CHANNELS": f'[{{"chat": "{CANARY}"}}]'},
        {"BOT_SCHEDULE__POLL_MINUTES": CANARY},
        {"BOT_STORAGE__DATABASE": "bot:CANARY@host"},
        {"BOT_OPERATION__HEARTBEAT": "host/CANARY"},
        {"BOT_DELIVERY__LANGUAGES": f'["{CANARY}"]'},
    ],
)
def test_no_mistake_in_the_environment_shows_a_secret(folder: Path, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(folder, environ)
    assert "CANARY" not in "".join(traceback.format_exception(caught.value)) + repr(caught.value.problems)


@pytest.mark.parametrize(
    "line",
    [
        "token = '{}'",
        "tokn = '{}'",
        "'{}' = 5",
        "base_url = 'https://api.telegram.org/bot{}'",
        "channels = [{{ chat = '{}' }}]",
        "channels = [{{ chat = '@falls', baskets = ['{}'] }}]",
        "read_timeout_seconds = '{}'",
    ],
)
def test_no_mistake_in_a_file_shows_a_token(folder: Path, problems: Problems, line: str) -> None:
    (folder / "bot.toml").write_text("[telegram]\n" + line.format(CANARY))
    assert "CANARY" not in str(problems())


def test_no_mistake_in_a_file_shows_a_password(folder: Path, problems: Problems) -> None:
    (folder / "bot.toml").write_text("[storage]\ndatabase = 'bot:CANARY@host'")
    assert "CANARY" not in str(problems())
