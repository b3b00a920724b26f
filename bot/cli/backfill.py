"""The whole past of every symbol, fetched into the price cache before the bot needs it."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.beside import progress, say, say_building
from bot.cli.options import Config, Format, Output
from bot.cli.tables import plain_table, show
from bot.errors import SourceUnreachable, StoreError

if TYPE_CHECKING:
    from bot.app.backfill import Stock

COLUMNS = ("symbol", "first", "last", "sessions", "holes", "asked", "lacking")


def command(
    config: Config = None,
    again: Annotated[bool, typer.Option("--again", help="Fetch also what is there already.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Fetch the whole history of every symbol that is not there yet; ended early, it goes on where it was."""
    from bot.adapters import logs  # noqa: PLC0415 - commands import what they need and no more
    from bot.app.backfill import backfill  # noqa: PLC0415
    from bot.app.calendars import open_calendars  # noqa: PLC0415
    from bot.app.doctor import Mark, check_disk  # noqa: PLC0415
    from bot.app.prices import cache_of  # noqa: PLC0415
    from bot.baskets import symbols_of  # noqa: PLC0415
    from bot.clock import SystemClock  # noqa: PLC0415
    from bot.settings import load_settings  # noqa: PLC0415

    logs.set_up("WARNING")
    settings = load_settings(config, os.environ)
    room = check_disk(settings.storage.data_dir / "prices")
    if room.mark is Mark.FAIL:
        raise StoreError(f"{room.seen}. {room.remedy}")
    baskets, clock = settings.baskets(), SystemClock()
    calendars = open_calendars(settings, clock, say_building)
    wanted = len(symbols_of(baskets))
    found: list[Stock] = []
    with progress("Prices") as told:
        for one in backfill(baskets, cache_of(settings), calendars, again=again):
            found.append(one)
            told(len(found), wanted, one.symbol)
            if not sys.stderr.isatty():
                say(f"{len(found)} of {wanted}: {one.symbol}{': ' if one.lacking else ''}{one.lacking}")
    _show(found, output)
    lacking = [one for one in found if one.lacking]
    if found and found[-1].ends:
        kept = f"What was fetched is kept; {wanted - len(found) + 1} of {wanted} symbols are missing."
        raise SourceUnreachable(f"{lacking[-1].lacking} {kept} Run backfill again later: it goes on where it was.")
    if lacking:
        raise SourceUnreachable(f"nothing came of {len(lacking)} of {wanted} symbols: {lacking[0].lacking}")


def _show(found: Sequence[Stock], output: Format) -> None:
    rows = [(one.symbol, one.first, one.last, one.sessions, one.holes, not one.there, one.lacking) for one in found]
    if output is Format.TABLE:
        table = plain_table("symbol", "first", "last", "sessions>", "holes>", "", "why~")
        for symbol, first, last, sessions, holes, asked, lacking in rows:
            state = "missing" if lacking else "fetched" if asked else "there"
            table.add_row(symbol, str(first or ""), str(last or ""), f"{sessions:,}", f"{holes:,}", state, lacking)
        show(table)
    elif output is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    else:
        for row in rows:
            sys.stdout.write(json.dumps(dict(zip(COLUMNS, row, strict=True)), default=str) + "\n")
