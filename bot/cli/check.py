"""Is the configuration sound, and what does it amount to?"""

from __future__ import annotations

import csv
import json
import os
import sys

from rich.console import Console

from bot.cli.options import Config, Format, Output
from bot.cli.tables import plain_table, show
from bot.settings import effective, load_settings, warnings


def command(config: Config = None, output: Output = Format.TABLE) -> None:
    """Show every problem of the configuration, or the effective values and where each comes from."""
    settings = load_settings(config, os.environ)
    rows = [(key, str(value), origin) for key, value, origin in effective(settings)]
    if output is Format.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerows([("key", "value", "origin"), *rows])
    elif output is Format.JSONL:
        for key, value, origin in rows:
            written = json.dumps({"key": key, "value": value, "origin": origin}, ensure_ascii=False)
            sys.stdout.write(written + "\n")
    else:
        table = plain_table("key", "value~", "origin")
        for row in rows:
            table.add_row(*row)
        show(table)
        sys.stdout.write("The configuration is sound.\n")
    for problem in warnings(settings):
        Console(stderr=True, highlight=False).print(f"Warning: {problem}", markup=False, soft_wrap=True)
