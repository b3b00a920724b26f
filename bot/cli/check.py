"""Is the configuration sound, and what does it amount to?"""

from __future__ import annotations

import csv
import json
import os
import sys

from bot.cli.beside import say_building
from bot.cli.options import Config, Format, Output
from bot.settings import effective, load_settings, warnings

WIDEST_VALUE = 40


def command(config: Config = None, output: Output = Format.TABLE) -> None:
    """Show every problem of the configuration, or the effective values and where each comes from."""
    settings = load_settings(config, os.environ)
    if settings.closure_tables:  # the exchanges' sessions take numpy, and seconds where they are not worked out yet
        from bot.app.calendars import open_calendars  # noqa: PLC0415
        from bot.clock import SystemClock  # noqa: PLC0415

        open_calendars(settings, SystemClock(), say_building)
    rows = [(key, str(value), origin) for key, value, origin in effective(settings)]
    if output is Format.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerows([("key", "value", "origin"), *rows])
    elif output is Format.JSONL:
        for key, value, origin in rows:
            written = json.dumps({"key": key, "value": value, "origin": origin}, ensure_ascii=False)
            sys.stdout.write(written + "\n")
    else:
        # Plain text: a library for tables would take a third of the time that this command takes.
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        for key, value, origin in rows:
            sys.stdout.write(f"{key:<{widths[0]}}  {value:<{min(widths[1], WIDEST_VALUE)}}  {origin}\n")
        sys.stdout.write(f"The configuration is sound. What it judges by: {settings.fingerprint()}\n")
    for problem in warnings(settings):
        sys.stderr.write(f"Warning: {problem}\n")
