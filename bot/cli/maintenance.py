"""`check`, `schema`, `migrate`, `backfill`, `send-test`, `deliveries`."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.adapters import logs
from bot.app.sources import BackfillResult, backfill, cached_yahoo, open_calendars
from bot.baskets import symbols_of
from bot.cli.output import (
    Config,
    Output,
    OutputFormat,
    note_calendar_build,
    print_note,
    print_rows,
    print_table,
    progress,
)
from bot.clock import SystemClock
from bot.delivery.attempts import Sent
from bot.delivery.model import Delivery, DeliveryState
from bot.errors import BotError, SourceUnreachable, StoreError
from bot.settings.load import Settings, effective_values, load_settings, unused_values
from bot.settings.schema import json_schemas

MAX_VALUE_WIDTH = 40


def check_command(config: Config = None, output: Output = OutputFormat.TABLE) -> None:
    """Show every problem of the configuration, or the effective values and where each comes from."""
    settings = load_settings(config, os.environ)
    if settings.closure_tables:  # the exchanges' sessions take numpy, and seconds where they are not worked out yet
        open_calendars(settings, SystemClock(), note_calendar_build)
    rows = [(key, str(value), origin) for key, value, origin in effective_values(settings)]
    columns = ("key", "value", "origin")
    if output is not OutputFormat.TABLE:
        print_rows(output, columns, (dict(zip(columns, row, strict=True)) for row in rows))
    else:
        # Plain text: a library for tables would take a third of the time that this command takes.
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        for key, value, origin in rows:
            sys.stdout.write(f"{key:<{widths[0]}}  {value:<{min(widths[1], MAX_VALUE_WIDTH)}}  {origin}\n")
        sys.stdout.write(f"The configuration is sound. What it judges by: {settings.fingerprint()}\n")
    for problem in unused_values(settings):
        sys.stderr.write(f"Warning: {problem}\n")


class ConfigFile(StrEnum):
    """A file of the configuration."""

    BOT = "bot"
    BASKETS = "baskets"
    EVENTS = "events"


def schema_command(
    file: Annotated[ConfigFile, typer.Argument(help="Which file's schema to print.")] = ConfigFile.BOT,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write all three into this folder instead.")] = None,
) -> None:
    """Print the JSON Schema of a configuration file; editors complete and check with it."""
    texts = {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in json_schemas().items()}
    if out is None:
        sys.stdout.write(texts[f"{file}.schema.json"])
        return
    if not out.is_dir():
        raise typer.BadParameter(f"{out} is no folder. Make it first, or name another one.", param_hint="--out")
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")


def migrate_command(config: Config = None) -> None:
    """Create the database, or bring it to this version (a platform's release phase)."""
    from bot.adapters.database.database import migrate_database
    from bot.app.worker import database_url

    asyncio.run(migrate_database(database_url(load_settings(config, os.environ))))


BACKFILL_COLUMNS = ("symbol", "first", "last", "sessions", "holes", "asked", "lacking")


def backfill_command(
    config: Config = None,
    again: Annotated[bool, typer.Option("--again", help="Fetch also what is there already.")] = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Fetch the whole history of every symbol that is not there yet; ended early, it goes on where it was."""
    from bot.app.doctor import FindingStatus, check_disk

    logs.configure_logging("WARNING")
    settings = load_settings(config, os.environ)
    room = check_disk(settings.storage.data_dir / "prices")
    if room.mark is FindingStatus.FAIL:
        raise StoreError(f"{room.seen}. {room.remedy}")
    baskets, clock = settings.baskets(), SystemClock()
    calendars = open_calendars(settings, clock, note_calendar_build)
    wanted = len(symbols_of(baskets))
    results: list[BackfillResult] = []
    with progress("Prices") as report:
        for result in backfill(baskets, cached_yahoo(settings), calendars, again=again):
            results.append(result)
            report(len(results), wanted, result.symbol)
            if not sys.stderr.isatty():
                reason = f": {result.lacking}" if result.lacking else ""
                print_note(f"{len(results)} of {wanted}: {result.symbol}{reason}")
    print_backfill(results, output)
    lacking = [result for result in results if result.lacking]
    if results and results[-1].ends:
        kept = f"What was fetched is kept; {wanted - len(results) + 1} of {wanted} symbols are missing."
        raise SourceUnreachable(f"{lacking[-1].lacking} {kept} Run backfill again later: it goes on where it was.")
    if lacking:
        raise SourceUnreachable(f"nothing came of {len(lacking)} of {wanted} symbols: {lacking[0].lacking}")


def print_backfill(results: Sequence[BackfillResult], output: OutputFormat) -> None:
    rows = [
        (result.symbol, result.first, result.last, result.sessions, result.holes, not result.there, result.lacking)
        for result in results
    ]
    if output is OutputFormat.TABLE:
        cells = []
        for symbol, first, last, sessions, holes, asked, lacking in rows:
            state = "missing" if lacking else "fetched" if asked else "there"
            cells.append((symbol, str(first or ""), str(last or ""), f"{sessions:,}", f"{holes:,}", state, lacking))
        print_table(("symbol", "first", "last", "sessions>", "holes>", "", "why~"), cells)
    elif output is OutputFormat.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(BACKFILL_COLUMNS)
        writer.writerows(rows)
    else:
        for row in rows:
            sys.stdout.write(json.dumps(dict(zip(BACKFILL_COLUMNS, row, strict=True)), default=str) + "\n")


class TestMessageFailed(BotError):
    """A chat did not take the test message."""

    exit_code = 3


def send_test_command(config: Config = None) -> None:
    """Send a test message to every configured chat (without a token, to this terminal)."""
    settings = load_settings(config, os.environ)
    logs.configure_logging("WARNING", secrets=[settings.telegram.token.get_secret_value()])
    failed = asyncio.run(send_tests(settings))
    if failed:
        raise TestMessageFailed(f"{failed} chat{'s' * (failed != 1)} did not get the message; the reasons stand above.")


async def send_tests(settings: Settings) -> int:
    """Send a test message to every destination; return how many did not get it."""
    from bot.adapters.terminal import TerminalTransport
    from bot.app.service import terminal_destinations
    from bot.app.worker import open_telegram
    from bot.dispatcher import send_test_message
    from bot.messages.catalogue import load_catalogue

    clock, console, failed = SystemClock(), Console(highlight=False), 0
    async with open_telegram(settings) as telegram:
        transport = telegram or TerminalTransport(sys.stdout, clock)
        destinations = settings.destinations() if telegram else terminal_destinations(settings.delivery.languages)
        for destination in destinations:
            outcome = await send_test_message(
                transport, destination, load_catalogue(destination.language).say("test_message"), clock
            )
            reached = isinstance(outcome, Sent)
            failed += not reached
            console.print(f"{destination.chat}: {'sent' if reached else outcome}", markup=False)
        if not destinations:
            raise TestMessageFailed("No chat is configured. Name one under [[telegram.channels]] in bot.toml.")
    return failed


TRANSPORTS = ("telegram", "terminal")
DELIVERY_COLUMNS = (
    "event", "severity", "transport", "chat", "state", "reason", "created", "expires", "not_before", "attempts",
    "unconfirmed", "manner", "config",
)  # fmt: skip


def deliveries_command(config: Config = None, output: Output = OutputFormat.TABLE) -> None:
    """List every delivery that some chat has not certainly got, oldest first, and count all by their state."""
    from bot.app.worker import database_url

    deliveries, counts = asyncio.run(read_deliveries(database_url(load_settings(config, os.environ))))
    if output is OutputFormat.TABLE:
        print_deliveries(deliveries, counts)
    else:
        print_rows(
            output,
            DELIVERY_COLUMNS,
            (dict(zip(DELIVERY_COLUMNS, delivery_cells(delivery), strict=True)) for delivery in deliveries),
        )


async def read_deliveries(url: str) -> tuple[list[Delivery], Counter[DeliveryState]]:
    """The deliveries that may not have arrived, and the count of all by state."""
    from bot.adapters.database.database import Database

    database = await Database.open(url)
    try:
        counts: Counter[DeliveryState] = Counter()
        for transport in TRANSPORTS:
            counts.update(await database.counts(transport))
        return await database.undelivered(), counts
    finally:
        await database.close()


def delivery_cells(delivery: Delivery) -> tuple[str | int | None, ...]:
    """A delivery in the order of COLUMNS; moments in UTC."""
    next_try = delivery.not_before.isoformat() if delivery.not_before else None
    return (
        delivery.event_id, delivery.severity.word, delivery.transport, delivery.chat, delivery.state.value,
        delivery.reason, delivery.created.isoformat(), delivery.expires.isoformat(), next_try,
        delivery.attempts, delivery.unconfirmed, delivery.mode.value, delivery.config,
    )  # fmt: skip


def print_deliveries(deliveries: Sequence[Delivery], counts: Counter[DeliveryState]) -> None:
    if deliveries:
        rows = []
        for delivery in deliveries:
            created = f"{delivery.created:%Y-%m-%d %H:%M}"
            next_try = f"{delivery.not_before:%Y-%m-%d %H:%M}" if delivery.not_before else "never"
            about = (delivery.event_id, delivery.severity.word, delivery.chat, delivery.state.value)
            rows.append((*about, created, next_try, str(delivery.unconfirmed or ""), delivery.reason))
        columns = ("event", "severity", "chat", "state", "due (UTC)", "next try (UTC)", "copies?>", "reason~")
        print_table(columns, rows)
    summary = ", ".join(f"{counts[state]:,} {state.value}" for state in DeliveryState if counts[state])
    sys.stdout.write(f"{summary or 'no deliveries yet'}\n")
