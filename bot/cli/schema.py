"""What may stand in the configuration files, as JSON Schema?"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot.settings import schemas


class File(StrEnum):
    """A file of the configuration."""

    BOT = "bot"
    BASKETS = "baskets"
    EVENTS = "events"


def command(
    file: Annotated[File, typer.Argument(help="Which file's schema to print.")] = File.BOT,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write all three into this folder instead.")] = None,
) -> None:
    """Print the JSON Schema of a configuration file; editors complete and check with it."""
    texts = {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas().items()}
    if out is None:
        sys.stdout.write(texts[f"{file}.schema.json"])
        return
    if not out.is_dir():
        raise typer.BadParameter(f"{out} is no folder. Make it first, or name another one.", param_hint="--out")
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
