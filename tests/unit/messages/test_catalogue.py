"""Every language says the same things, and none says something nobody asked for."""

from __future__ import annotations

import re
import string
import tomllib
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import bot.messages
from bot.alerts.episodes import DecisionReason
from bot.alerts.rules import Level, Severity
from bot.context.build import MAX_OTHERS
from bot.languages import languages
from bot.messages.catalogue import load_catalogue
from bot.statistics.verdict import DrawdownState

FOLDER = Path(bot.messages.__file__).parent
SOURCE = "".join(
    path.read_text()
    for stage in ("messages", "delivery", "chat", "chart", "app", "cli")
    for path in (FOLDER.parent / stage).glob("*.py")
)
CONDITIONS = {one.name.replace("_months", "") for one in fields(Level)} - {"severity"}
OF_THE_LANGUAGE = {"locale", "name", "date", "adjusted", "split-adjusted"}
# Words for the members of a closed set, not forms of a plural.
CLOSED = {"state", "severity", "reason", "condition"}
# Places for the same figure in two forms; a language takes the one it needs.
EITHER = {"plain", "signed", "drawdown", "depth", "words", "further"}


def phrases(language: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def places(phrase: Any) -> set[str]:
    texts = phrase.values() if isinstance(phrase, dict) else [phrase] if isinstance(phrase, str) else []
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name} - EITHER


def test_english_and_chinese() -> None:
    assert languages() == ("en", "zh")


@pytest.mark.parametrize("language", languages())
def test_every_language_has_every_phrase_with_the_same_places(language: str) -> None:
    english, own = phrases("en"), phrases(language)
    assert set(own) == set(english)
    assert {key: places(phrase) for key, phrase in own.items()} == {key: places(one) for key, one in english.items()}
    assert all(type(own[key]) is type(english[key]) for key in english)


@pytest.mark.parametrize("language", languages())
def test_every_plural_has_the_forms_of_its_language_and_no_others(language: str) -> None:
    """Which they are, Babel knows; a form for one very number may stand beside them."""
    categories = {"other", *load_catalogue(language).locale.plural_form.tags}
    tables = [phrase for key, phrase in phrases(language).items() if isinstance(phrase, dict) and key not in CLOSED]
    assert tables
    for table in tables:
        assert {form for form in table if not form.isdecimal()} == categories, table


@pytest.mark.parametrize("language", languages())
def test_every_state_and_small_number_has_a_word(language: str) -> None:
    own = phrases(language)
    assert set(own["state"]) == {state.word for state in DrawdownState if state}
    assert set(own["severity"]) == {severity.word for severity in Severity}
    assert len(own["numbers"]) == 11
    assert set(own["severity"]) == {severity.word for severity in Severity}
    assert set(own["reason"]) == {reason.name.lower() for reason in DecisionReason}
    assert set(own["condition"]) == CONDITIONS
    assert len(own["ordinals"]) == MAX_OTHERS + 2  # it itself, and none


def test_every_phrase_is_used_and_every_phrase_used_is_there() -> None:
    kinds = ("claim", "widest", "course", "widening")
    used = {kind + end for kind in kinds for end in re.findall(r"\{kind\}(_[a-z]+)", SOURCE)}
    families = tuple(re.findall(r'say\(\s*f"([a-z_]+_)\{', SOURCE))
    used |= {key + end for key in re.findall(r'f"([a-z_]+)\{live\}"', SOURCE) for end in ("", "_live")}
    written = set(re.findall(r'"([a-z_]+)"', SOURCE))
    known = {key for key in phrases("en") if not key.startswith(families)} - OF_THE_LANGUAGE
    assert known - written - used - CLOSED == set()
    assert set(re.findall(r'say\(\s*"([a-z_]+)"', SOURCE)) | used <= phrases("en").keys()


@pytest.mark.parametrize(
    ("language", "value", "decimals", "written"),
    [
        ("en", -0.1824, 1, "−18.2 %"),
        ("en", 0.008, 1, "+0.8 %"),
        ("en", -0.1824, 2, "−18.24 %"),
        ("en", -0.0004, 1, "0.0 %"),
        ("en", 0.0, 1, "0.0 %"),
        ("en", -0.0004, 2, "−0.04 %"),
        ("en", 12.345, 1, "+1,234.5 %"),
        ("zh", -0.1824, 1, "−18.2%"),
        ("zh", 0.1824, 1, "+18.2%"),
    ],
)
def test_percent(language: str, value: float, decimals: int, written: str) -> None:
    assert load_catalogue(language).percent(value, decimals) == written
    assert load_catalogue(language).percent(value, decimals, sign=False) == written.strip("−+")


def test_dates_weekdays_and_numbers() -> None:
    day = date(2020, 3, 9)
    english, chinese = load_catalogue("en"), load_catalogue("zh")
    assert (english.day(day), english.weekday(day)) == ("9 Mar 2020", "Mon")
    assert (chinese.day(day), chinese.weekday(day)) == ("2020年3月9日", "周一")
    assert english.number(7612) == chinese.number(7612) == "7,612"
    assert [english.count_word(number) for number in (1, 2, 10, 11)] == ["one", "two", "ten", "11"]
    assert [chinese.count_word(number) for number in (1, 2, 10, 11)] == ["一", "两", "十", "11"]


def test_a_count_chooses_its_form() -> None:
    english = load_catalogue("en")
    said = [english.say("all_fell", count=count) for count in (1, 2, 3, 1200)]
    assert said == ["Its only member fell", "Both members fell", "All 3 members fell", "All 1,200 members fell"]
    assert load_catalogue("zh").say("all_fell", count=3) == "3 只成分股全部下跌"
