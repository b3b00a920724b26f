from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ConfigError, ConfigProblem
from bot.settings import load
from bot.settings.load import effective_values, load_settings
from bot.settings.sources import ConfigLayer, read_files

BAD = Path(__file__).parent / "bad"
GOOD = Path(__file__).parent / "good"
Problems = Callable[..., list[str]]


@pytest.mark.parametrize("bad", sorted(path.name for path in BAD.iterdir()))
def test_each_mistake_has_its_sentence(bad: str, folder: Path, problems: Problems) -> None:
    file = bad.partition(".")[0] + ".toml"
    text = (BAD / bad).read_text(encoding="utf-8")
    (folder / file).write_text(text, encoding="utf-8")
    prefix = "# expect: "
    expected = [f"{file}: {line.removeprefix(prefix)}" for line in text.splitlines() if line.startswith(prefix)]
    assert expected
    assert problems() == expected


def test_everything_is_told_at_once(folder: Path, problems: Problems) -> None:
    shutil.copy(BAD / "bot.level_order.toml", folder / "bot.toml")
    (folder / "baskets.toml").write_text("[baskets.memory]\nmembers = ['MU', 'MU']\nweigths = 'equal'\n")
    (folder / "events.toml").unlink()
    environ = {"BOT_SCHEDULE__POLL": "5", "BOT_EPISODES__CLOSE_AFTER_SESSIONS": "many"}
    told = problems(environ)
    assert [sentence.split(": ")[:2] for sentence in told] == [
        ["baskets.toml", "baskets.memory.name"],
        ["baskets.toml", "baskets.memory.weigths"],
        ["baskets.toml", 'baskets.memory.members["MU"]'],
        ["bot.toml", 'rules["fall"].levels.severe'],
        ["events.toml", "whole file"],
        ["environment", "BOT_EPISODES__CLOSE_AFTER_SESSIONS"],
        ["environment", "BOT_SCHEDULE__POLL"],
    ]


def test_a_problem_has_its_file_as_the_operator_wrote_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    (folder / "bot.toml").write_text("[schedule]\npoll_minutes = 0\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("config"), {})
    problem = ConfigProblem(
        "config/bot.toml", "schedule.poll_minutes", "must be at least 1, but is 0", "Choose a larger number."
    )
    assert caught.value.problems == (problem,)
    assert caught.value.exit_code == 2


def test_a_missing_folder_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: whole folder: is no folder\. Name the folder") as caught:
        load_settings(tmp_path / "nowhere", {})
    assert len(caught.value.problems) == 1


def test_a_missing_file_brings_no_other_problems_along(folder: Path, problems: Problems) -> None:
    (folder / "baskets.toml").unlink()
    shutil.copy(BAD / "bot.rule_contrast_self.toml", folder / "bot.toml")
    assert [sentence.split(":")[0] for sentence in problems()] == ["baskets.toml", "bot.toml"]
    shutil.copy(BAD / "bot.rule_basket.toml", folder / "bot.toml")
    (told,) = problems()
    assert told.startswith("baskets.toml: whole file: cannot be read: No such file or directory. Create it, or name")


def test_a_file_in_another_encoding(folder: Path, problems: Problems) -> None:
    (folder / "events.toml").write_bytes("# 关税冲击".encode("gb18030"))
    assert problems() == ["events.toml: whole file: is not UTF-8 text. Save it as UTF-8."]


def test_windows_line_ends_and_byte_order_mark_are_no_mistake(folder: Path) -> None:
    (folder / "bot.toml").write_bytes(b"\xef\xbb\xbf[schedule]\r\npoll_minutes = 7\r\n")
    assert load_settings(folder, {}).schedule.poll_minutes == 7


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["levels", "name", "baskets", "contrast", "members", "symbol", "from", "until", "first", "chat"])
rule_like = st.lists(st.dictionaries(keys, anything, max_size=5), max_size=3)
places = st.sampled_from(
    ["schedule", "statistics", "statistics.bear", "telegram", "telegram.channels", "rules", "baskets", "baskets.memory",
     "baskets.memory.members", "baskets.memory.name", "events", "events.tariff_shock", "storage.data_dir", "x.y"]
)  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(places, anything | rule_like | st.dictionaries(keys, anything), max_size=4))
def test_whatever_is_written_either_loads_or_is_told(given: dict[str, Any]) -> None:
    files, _ = read_files(GOOD)
    said = [ConfigLayer(nested(key, value), "a file", "a file") for key, value in given.items()]
    with patch.object(load, "read_files", lambda _: ([*files, *said], [])), suppress(ConfigError):
        loaded = load_settings(GOOD, {})
        assert loaded.rules() == loaded.rules()
        assert loaded.baskets()
        assert effective_values(loaded)


def nested(key: str, value: Any) -> dict[str, Any]:
    first, _, rest = key.partition(".")
    return {first: nested(rest, value) if rest else value}
