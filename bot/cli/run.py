"""`run`, `demo`."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import tempfile
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.adapters import logs
from bot.app.sources import price_source
from bot.cli.output import Config, Lang, Prices, iso_date
from bot.clock import SystemClock
from bot.errors import NoData
from bot.settings.load import load_settings

M_ARENA_MAX = -8  # as in glibc's malloc.h
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def run_command(
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
    from bot.app.worker import run_worker

    if log_level.upper() not in LEVELS:
        raise typer.BadParameter(f"{log_level!r} is none. Choose {', '.join(LEVELS)}.", param_hint="--log-level")
    settings = load_settings(config, os.environ)  # its mistakes are told before anything is opened
    json = not sys.stderr.isatty() if json_logs is None else json_logs
    logs.configure_logging(log_level.upper(), secrets=settings.secrets(), json=json)
    share_one_heap()
    asyncio.run(run_worker(lambda: load_settings(config, os.environ), SystemClock(), price_source(settings, prices)))


def share_one_heap() -> None:
    """Let all threads allocate from one heap of glibc; without effect on other C libraries."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)  # 225 MB at the first check instead of 237, 240 instead of 288 later


FOLDER = Path(__file__).resolve().parents[2] / "config" / "demo"
FIRST, LAST = date(2020, 2, 20), date(2020, 3, 23)


def demo_command(
    lang: Lang = "en",
    start: Annotated[
        date | None, typer.Option("--from", parser=iso_date, metavar="DATE", help="First session (default 2020-02-20).")
    ] = None,
    stop: Annotated[
        date | None, typer.Option("--to", parser=iso_date, metavar="DATE", help="Last session (default 2020-03-23).")
    ] = None,
    pause: Annotated[float, typer.Option(min=0, max=10, help="Seconds between two sessions.")] = 0.0,
    charts: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the alerts' charts there, not to data/demo/charts."),
    ] = None,
) -> None:
    """Replay the crash of March 2020, from prices that come with the project: no token, no network."""
    if not FOLDER.is_dir():
        raise NoData(f"The demo's prices are not there ({FOLDER}). Run it from a checkout of the project: make demo")
    if charts is not None and not charts.is_dir():
        raise typer.BadParameter(f"{charts} is no folder. Make it first, or name another one.", param_hint="--charts")
    with tempfile.TemporaryDirectory(prefix="drawdown-demo-") as folder:
        asyncio.run(play_demo(Path(folder), lang, start or FIRST, stop or LAST, pause, charts))


async def play_demo(folder: Path, language: str, first: date, last: date, pause: float, charts: Path | None) -> None:
    """Replay the sessions from `first` to `last` to the terminal; `charts` = None: below the data folder."""
    from bot.app.demo import open_demo

    logs.configure_logging("WARNING")
    # The environment is left out on purpose: a demo never posts to a real chat.
    settings = load_settings(FOLDER, {})
    console = Console(highlight=False, soft_wrap=True)
    if charts is None:
        charts = settings.storage.data_dir / "charts"
        charts.mkdir(parents=True, exist_ok=True)
    async with open_demo(settings, FOLDER / "prices", language, sys.stdout, folder, charts) as played:
        days = played.sessions(first, last)
        names = ", ".join(basket.name(language) for basket in played.engine.config.rulebook.baskets)
        stretch = f"{days[0]} to {days[-1]}"
        console.print(f"Recorded closes, {stretch}, through the live engine. Baskets: {names}.\n", markup=False)
        await played.warm_up(days[0])
        for day in days:
            before = played.engine.counts["events"]
            await played.step(day)
            if played.engine.counts["events"] == before:
                console.print(f"{day}: nothing to say", style="dim")
            await asyncio.sleep(pause)
        count = played.engine.counts["events"]
        console.print(
            f"\n{len(days)} sessions, {count} alerts, {played.charts.hung} charts in {charts}. "
            "Next: the README says how to subscribe, deploy and tune.",
            markup=False,
        )
