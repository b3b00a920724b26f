"""Catalogue of a language: numbers, dates and fixed phrases.

A language is a TOML file in this directory; months, days, plurals and separators come from Babel.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache

from babel import Locale

from bot.languages import CATALOGUES
from bot.messages.message import sanitize

MINUS = "\u2212"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The phrases of one language: `say` fills a phrase; the other methods format figures."""

    language: str
    locale: Locale
    phrases: dict[str, str | list[str] | dict[str, str]]
    months: dict[int, str]
    separators: dict[int, str]  # for str.translate, of a figure with commas between groups and a point

    def say(self, key: str, **values: object) -> str:
        """The phrase `key` with its placeholders filled; `count` selects a plural form, an exact number first.

        Values may come from outside: they are sanitized, and links in them are removed.
        """
        phrase = self.phrases[key]
        if isinstance(phrase, dict):
            count = values["count"]
            assert isinstance(count, int)
            phrase = phrase.get(str(count)) or phrase.get(str(self.locale.plural_form(count)), phrase["other"])
            values["count"] = self.number(count)
        assert isinstance(phrase, str)
        return phrase.format_map(
            {name: sanitize(value) if isinstance(value, str) else value for name, value in values.items()}
        )

    def word(self, table: str, key: str) -> str:
        """The language's word for one of a closed set: `state`, `severity`, `reason` or `condition`."""
        words = self.phrases[table]
        assert isinstance(words, dict)
        return words[key]

    def number(self, value: int) -> str:
        """Digits in groups: 7,612."""
        return f"{value:,}".translate(self.separators)

    def decimal(self, value: float, decimals: int = 1) -> str:
        """A number without a sign."""
        return f"{abs(value):,.{decimals}f}".translate(self.separators)

    def percent(self, value: float, decimals: int = 1, *, sign: bool = True) -> str:
        """A fraction as a percentage: -0.182 is written with a true minus sign as -18.2 %; exactly 0.0 has no sign."""
        figure = self.decimal(abs(value) * 100, decimals)
        zero = not any(digit in figure for digit in "123456789")
        mark = "" if zero or not sign else MINUS if value < 0 else "+"
        return str(self.phrases["percent"]).replace("{figure}", mark + figure)

    def day(self, value: date) -> str:
        return str(self.phrases["date"]).format(day=value.day, month=self.month(value), year=value.year)

    def month(self, value: date) -> str:
        return self.months[value.month]

    def moment(self, value: datetime) -> str:
        """Day and time in UTC, without the year."""
        utc = value.astimezone(UTC)
        return self.say("moment", day=utc.day, month=self.month(utc), time=f"{utc:%H:%M}")

    def weekday(self, value: date) -> str:
        return str(self.locale.days["format"]["abbreviated"][value.weekday()])

    def count_word(self, value: int) -> str:
        """Small numbers as words where the language has them in its file, digits otherwise."""
        words = self.phrases["numbers"]
        return words[value] if value < len(words) and isinstance(words, list) else str(value)

    def join(self, parts: list[str], separator: str = "comma") -> str:
        """A list, with `comma` between names and figures, `clause` between clauses, `dot` between facts of a line."""
        return str(self.phrases[separator]).join(parts)


@cache
def load_catalogue(language: str) -> Catalogue:
    """The catalogue of `language`; one of `languages()`."""
    phrases = tomllib.loads((CATALOGUES / f"{language}.toml").read_text(encoding="utf-8"))
    locale = Locale.parse(phrases["locale"])
    symbols = locale.number_symbols["latn"]  # asked for once: Babel takes a hundred times as long as a dictionary
    separators = str.maketrans({",": symbols["group"], ".": symbols["decimal"]})
    return Catalogue(language, locale, phrases, dict(locale.months["format"]["abbreviated"]), separators)
