"""How does a language say numbers, dates and fixed phrases?

A language is a TOML file beside this one; Babel knows its dates, plurals and separators. A new language is a new file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_skeleton

FOLDER = Path(__file__).parent
MINUS = "\u2212"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The phrases of one language. `say` fills a phrase; the others write figures the language's way."""

    language: str
    locale: Locale
    phrases: dict[str, str | list[str] | dict[str, str]]

    def say(self, key: str, **values: object) -> str:
        """The phrase `key` with its places filled; `count` chooses among plural forms."""
        phrase = self.phrases[key]
        if isinstance(phrase, dict):
            count = values["count"]
            assert isinstance(count, int)
            phrase = phrase.get(_plural(self.locale, count), phrase["other"])
            values["count"] = self.number(count)
        assert isinstance(phrase, str)
        return phrase.format(**values)

    def number(self, value: int) -> str:
        """Digits in groups: 7,612."""
        return self._local(f"{value:,}")

    def decimal(self, value: float, decimals: int = 1) -> str:
        """A number without a sign."""
        return self._local(f"{abs(value):,.{decimals}f}")

    def percent(self, value: float, decimals: int = 1, *, sign: bool = True) -> str:
        """A fraction as a percentage: -0.182 is written with a true minus sign as -18.2 %; exactly 0.0 has no sign."""
        figure = f"{abs(value) * 100:,.{decimals}f}"
        mark = "" if not sign or float(figure.replace(",", "")) == 0 else MINUS if value < 0 else "+"
        return self.say("percent", figure=mark + self._local(figure))

    def day(self, value: date) -> str:
        return _day(value, self.locale, str(self.phrases["date"]))

    def weekday(self, value: date) -> str:
        return _weekday(value, self.locale)

    def count_word(self, value: int) -> str:
        """Small numbers as words where the language has them in its file, digits otherwise."""
        words = self.phrases["numbers"]
        return words[value] if value < len(words) and isinstance(words, list) else str(value)

    def join(self, parts: list[str]) -> str:
        return str(self.phrases["comma"]).join(parts)

    def dotted(self, facts: list[str]) -> str:
        """Facts of one line, side by side."""
        return str(self.phrases["dot"]).join(facts)

    def _local(self, figure: str) -> str:
        """1,234.5 with the language's own signs for groups and decimals."""
        return figure.translate(_signs(self.locale))


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of `language`; one of `languages()`."""
    phrases = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return Catalogue(language, Locale.parse(phrases["locale"]), phrases)


def languages() -> tuple[str, ...]:
    """Every language there is a catalogue for."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def _day(value: date, locale: Locale, pattern: str) -> str:
    if pattern.startswith("skeleton:"):
        return format_skeleton(pattern.removeprefix("skeleton:"), value, locale=locale)
    return format_date(value, pattern, locale=locale)


@cache
def _weekday(value: date, locale: Locale) -> str:
    return format_date(value, "EEE", locale=locale)


@cache
def _plural(locale: Locale, count: int) -> str:
    return str(locale.plural_form(count))


@cache
def _signs(locale: Locale) -> dict[int, str]:
    symbols = locale.number_symbols["latn"]
    return {ord(","): symbols["group"], ord("."): symbols["decimal"]}
