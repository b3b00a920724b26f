from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from datetime import date, time
from itertools import pairwise
from pathlib import Path
from typing import get_args

import exchange_calendars
import pytest

from bot.baskets import Basket
from bot.prices.calendars import CalendarCode, UnscheduledClosure, exchange_of
from bot.settings.load import effective_values, load_settings, unused_values
from bot.settings.schema import FILES, CalendarName, json_schemas

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"


@pytest.fixture(scope="module")
def baskets() -> dict[str, Basket]:
    return {basket.id: basket for basket in load_settings(CONFIG, {}).baskets()}


@pytest.mark.parametrize("folder", [CONFIG, CONFIG / "demo"], ids=["config", "demo"])
def test_both_folders_load_without_a_warning(folder: Path) -> None:
    settings = load_settings(folder, {})
    assert settings.rules()
    assert settings.baskets()
    assert settings.events()
    assert not unused_values(settings)


def test_the_shipped_values_are_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "baskets.toml").write_text('[baskets.x]\nname = { en = "X" }\nmembers = ["X"]\n')
    for empty in ("bot.toml", "events.toml"):
        (tmp_path / empty).touch()
    defaults = {key: value for key, value, _ in effective_values(load_settings(tmp_path, {}))}
    shipped = {key: (value, origin) for key, value, origin in effective_values(load_settings(CONFIG, {}))}
    sections = [key for key in defaults if not key.startswith(("baskets", "events", "rules"))]
    assert len(sections) > 15
    assert {key: shipped[key][0] for key in sections} == {key: defaults[key] for key in sections}
    unwritten = {key for key in sections if shipped[key][1] == "default"}
    assert unwritten == {"telegram.token", "telegram.channels", "closures"}


@pytest.mark.parametrize("file", FILES)
def test_every_shipped_key_is_commented(file: str) -> None:
    text = (CONFIG / file).read_text(encoding="utf-8")
    keys = set(re.findall(r"^(\w+) = ", text, re.MULTILINE))
    beside_it = set(re.findall(r"^(\w+) = .*[^#]# \S", text, re.MULTILINE))
    above_all = set(re.findall(r"^#   (\w+)  +\S", text, re.MULTILINE))
    in_prose = set(re.findall(r"`(\w+)`", text))
    assert keys - beside_it - above_all - in_prose == set()


def test_the_commented_blocks_are_right_ones(tmp_path: Path) -> None:
    for file in FILES:
        text = (CONFIG / file).read_text(encoding="utf-8")
        for block in re.findall(r"^# \[\[[\w.]+\]\]\n(?:# .+\n)+", text, re.MULTILINE):
            text = text.replace(block, block.replace("\n# ", "\n").removeprefix("# "))
        (tmp_path / file).write_text(text, encoding="utf-8")
    settings = load_settings(tmp_path, {})
    (channel,) = settings.telegram.channels
    assert channel.chat == "@my_channel"
    assert settings.closures() == (UnscheduledClosure(CalendarCode("XNYS"), date(2026, 12, 9), time(13)),)


@pytest.mark.parametrize("file", FILES)
def test_the_schema_files_are_fresh(file: str) -> None:
    name = file.replace(".toml", ".schema.json")
    assert json.loads((CONFIG / name).read_text(encoding="utf-8")) == json_schemas()[name]
    assert (CONFIG / file).read_text(encoding="utf-8").startswith(f"#:schema ./{name}\n")


def test_a_schema_asks_for_no_secret_and_knows_no_null() -> None:
    for schema in json_schemas().values():
        text = json.dumps(schema)
        assert '"token"' not in text
        assert "null" not in text


def test_the_calendar_codes_are_those_of_the_library() -> None:
    assert set(exchange_calendars.get_calendar_names(include_aliases=False)) == {*get_args(CalendarName)}


def test_the_shipped_baskets(baskets: dict[str, Basket]) -> None:
    assert {name: basket.symbols for name, basket in baskets.items()} == {
        "sox": ("^SOX",),
        "memory": ("MU", "WDC", "STX", "SNDK", "000660.KS", "005930.KS"),
        "equipment": ("TER", "ENTG", "KLAC", "AMAT", "LRCX", "ASML"),
        "ai_semiconductors": ("NVDA", "AVGO", "AMD", "MRVL", "TSM", "ARM"),
        "hyperscalers": ("MSFT", "GOOGL", "AMZN", "META", "ORCL"),
        "magnificent_seven": ("AAPL", "MSFT", "GOOGL", "AMZN", "META", "NVDA", "TSLA"),
        "sp500": ("SPY",),
        "nasdaq100": ("QQQ",),
        "korea_chips": ("005930.KS", "000660.KS"),
    }
    assert {member.symbol: member.since for member in baskets["memory"].members if member.since} == {
        "SNDK": date(2025, 2, 24)
    }


def test_every_basket_is_named_in_both_languages(baskets: dict[str, Basket]) -> None:
    assert {tuple(language for language, _ in basket.names) for basket in baskets.values()} == {("en", "zh")}


def test_a_basket_keeps_the_sessions_of_its_members(baskets: dict[str, Basket]) -> None:
    exchanges = {name: {exchange_of(symbol) for symbol in basket.symbols} for name, basket in baskets.items()}
    mixed = {name for name, basket in baskets.items() if exchanges[name] != {basket.calendar}}
    assert mixed == {"memory"}
    assert exchanges["memory"] == {"XNYS", "XKRX"}


# exchange_calendars asks pandas for what a later pandas will refuse.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:pandas.core.series")
def test_events_begin_and_end_with_sessions_of_new_york() -> None:
    events = load_settings(CONFIG, {}).events()
    sessions = exchange_calendars.get_calendar("XNYS", start="1987-01-02", end="2025-12-31").sessions
    days = {session.date() for session in sessions}
    assert {day for event in events for day in (event.first, event.last)} - days == set()
    assert {tuple(language for language, _ in event.names) for event in events} == {("en", "zh")}
    spans = sorted((event.first, event.last) for event in events)
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    assert len(events) == len(tomllib.loads((CONFIG / "events.toml").read_text(encoding="utf-8"))["events"])


def test_reading_the_settings_loads_nothing_heavy() -> None:
    program = """if True:
        import sys
        from pathlib import Path
        from bot.settings.load import effective_values, load_settings, unused_values
        settings = load_settings(Path(sys.argv[1]), {})
        effective_values(settings), unused_values(settings)
        heavy = {"pandas", "exchange_calendars", "yfinance", "telegram", "sqlalchemy"}
        print(sorted(heavy & set(sys.modules)))
    """
    command = [sys.executable, "-c", program, str(CONFIG)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
