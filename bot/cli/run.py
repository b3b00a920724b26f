"""The worker: watch and post until told to stop."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from typing import Annotated

import typer

from bot.cli.options import Config, Prices

M_ARENA_MAX = -8  # as in glibc's malloc.h
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def command(
    config: Config = None,
    prices: Prices = None,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
    json_logs: Annotated[
        bool | None,
        typer.Option(
            "--json-logs/--text-logs", help="One JSON object a log line; the default where nobody reads along."
        ),
    ] = None,
) -> None:
    """Watch the baskets and post alerts until SIGTERM or Ctrl-C."""
    from bot.adapters import logs  # noqa: PLC0415 - commands import what they need and no more
    from bot.app.prices import source_of  # noqa: PLC0415
    from bot.app.worker import run  # noqa: PLC0415
    from bot.clock import SystemClock  # noqa: PLC0415
    from bot.settings import load_settings  # noqa: PLC0415

    if log_level.upper() not in LEVELS:
        raise typer.BadParameter(f"{log_level!r} is none. Choose {', '.join(LEVELS)}.", param_hint="--log-level")
    settings = load_settings(config, os.environ)  # its mistakes are told before anything is opened
    json = not sys.stderr.isatty() if json_logs is None else json_logs
    logs.set_up(log_level.upper(), secrets=settings.secrets(), json=json)
    share_one_heap()
    asyncio.run(run(lambda: load_settings(config, os.environ), SystemClock(), source_of(settings, prices)))


def share_one_heap() -> None:
    """Let all threads allocate from one heap, where the system's C library is glibc: prices are read in a thread, and
    what that frees then serves the others too. It spares the worker a tenth of its memory."""
    try:
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
    except (AttributeError, OSError, TypeError):
        return  # another C library: nothing is lost but the spared memory
