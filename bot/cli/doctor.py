"""`doctor`."""

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

from bot.adapters import logs
from bot.cli.output import Config, Output, OutputFormat, Prices, note_calendar_build
from bot.clock import SystemClock
from bot.settings.load import load_settings

if TYPE_CHECKING:
    from bot.app.doctor import Finding

COLUMNS = ("subject", "mark", "seen", "remedy", "exit_code")
# On a terminal in green, yellow and red.
SIGNS = {"ok": "\033[32m✓\033[0m", "warn": "\033[33m!\033[0m", "fail": "\033[31m✗\033[0m"}


def doctor_command(config: Config = None, prices: Prices = None, output: Output = OutputFormat.TABLE) -> None:
    """Look at configuration, token, chats, source, calendars, clock, database and disk, and say what to do.

    All is looked at, whatever fails; the exit code is that of the first failure, as of the other commands.
    """
    logs.configure_logging("ERROR")  # what is worth a warning is one of the findings
    code = asyncio.run(print_findings(config, prices, output))
    if code:
        raise typer.Exit(code)


async def print_findings(config: Path | None, prices: Path | None, output: OutputFormat) -> int:
    """Print every finding at once; return the exit code of the first failure, 0 = no failure."""
    from bot.app.doctor import FindingStatus, run_checks

    code = 0
    if output is OutputFormat.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerow(COLUMNS)
    async for finding in run_checks(
        lambda: load_settings(config, os.environ), prices, SystemClock(), note_calendar_build
    ):
        print_finding(finding, output)
        if finding.mark is FindingStatus.FAIL:
            code = code or finding.exit_code
    return code


def print_finding(finding: Finding, output: OutputFormat) -> None:
    cells = asdict(finding)
    if output is OutputFormat.JSONL:
        sys.stdout.write(json.dumps(cells, ensure_ascii=False) + "\n")
    elif output is OutputFormat.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerow(cells.values())
    else:
        begin = SIGNS[finding.mark] if sys.stdout.isatty() else f"{finding.mark:<4}"
        sys.stdout.write(f"{begin}  {finding.subject}: {'. '.join(filter(None, (finding.seen, finding.remedy)))}\n")
    sys.stdout.flush()
