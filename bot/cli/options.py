"""Which options do several commands share?"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot.languages import languages


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


def language(text: str) -> str:
    """A language as typed."""
    if text not in languages():
        raise typer.BadParameter(f"{text!r} is no language of ours. Choose one of {', '.join(languages())}.")
    return text


def iso_date(text: str) -> date:
    """A date as typed."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date. Write it as YYYY-MM-DD, for example 2025-04-04.") from None


Asked = Annotated[str, typer.Argument(metavar="BASKET", help="The basket's name in baskets.toml.")]
Baskets = Annotated[
    list[str] | None, typer.Argument(metavar="BASKET", help="Names of baskets in baskets.toml (default: all).")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="DIR", help="Folder of the configuration (default: config).")
]
Prices = Annotated[
    Path | None,
    typer.Option("--prices", metavar="DIR", help="A folder of SYMBOL.csv files in the place of Yahoo."),
]
From = Annotated[
    date | None, typer.Option("--from", parser=iso_date, metavar="DATE", help="First session shown, as YYYY-MM-DD.")
]
To = Annotated[
    date | None, typer.Option("--to", parser=iso_date, metavar="DATE", help="Last session shown, as YYYY-MM-DD.")
]
Output = Annotated[Format, typer.Option("--format", metavar="table|csv|jsonl", help="How the result is written.")]
Lang = Annotated[
    str, typer.Option("--lang", parser=language, metavar="|".join(languages()), help="Language of the messages.")
]
