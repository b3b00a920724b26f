"""What keeps the bot from working here? A line a check, with the remedy."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bot.cli.beside import say_building
from bot.cli.options import Config, Format, Output, Prices

if TYPE_CHECKING:
    from bot.app.doctor import Finding

COLUMNS = ("subject", "mark", "seen", "remedy", "exit_code")
# On a terminal in green, yellow and red.
SIGNS = {"ok": "\033[32m✓\033[0m", "warn": "\033[33m!\033[0m", "fail": "\033[31m✗\033[0m"}


def command(config: Config = None, prices: Prices = None, output: Output = Format.TABLE) -> None:
    """Look at configuration, token, chats, source, calendars, clock, database and disk, and say what to do.

    All is looked at, whatever fails; the exit code is that of the first failure, as of the other commands.
    """
    from bot.adapters import logs  # noqa: PLC0415 - commands import what they need and no more

    logs.set_up("ERROR")  # what is worth a warning is one of the findings
    code = asyncio.run(_examine(config, prices, output))
    if code:
        raise typer.Exit(code)


async def _examine(config: Path | None, prices: Path | None, output: Format) -> int:
    """Print each finding as soon as it is there; the answer is the first failure's exit code, 0 = nothing failed."""
    from bot.app.doctor import Mark, examine  # noqa: PLC0415
    from bot.clock import SystemClock  # noqa: PLC0415
    from bot.settings import load_settings  # noqa: PLC0415

    code = 0
    if output is Format.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerow(COLUMNS)
    async for found in examine(lambda: load_settings(config, os.environ), prices, SystemClock(), say_building):
        _show(found, output)
        if found.mark is Mark.FAIL:
            code = code or found.exit_code
    return code


def _show(found: Finding, output: Format) -> None:
    cells = asdict(found)
    if output is Format.JSONL:
        sys.stdout.write(json.dumps(cells, ensure_ascii=False) + "\n")
    elif output is Format.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerow(cells.values())
    else:
        begin = SIGNS[found.mark] if sys.stdout.isatty() else f"{found.mark:<4}"
        sys.stdout.write(f"{begin}  {found.subject}: {'. '.join(filter(None, (found.seen, found.remedy)))}\n")
    sys.stdout.flush()
