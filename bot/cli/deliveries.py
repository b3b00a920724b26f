"""What has some chat not certainly got, and why?"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from bot.cli.options import Config, Format, Output
from bot.cli.tables import plain_table, show, write
from bot.delivery import Delivery, State

TRANSPORTS = ("telegram", "terminal")
COLUMNS = (
    "event", "severity", "transport", "chat", "state", "reason", "created", "expires", "not_before", "attempts",
    "unconfirmed", "manner", "config",
)  # fmt: skip


def command(config: Config = None, output: Output = Format.TABLE) -> None:
    """List every delivery that some chat has not certainly got, oldest first, and count all by their state."""
    from bot.app.worker import database_url  # noqa: PLC0415 - commands import what they need and no more
    from bot.settings import load_settings  # noqa: PLC0415

    found, counts = asyncio.run(_look(database_url(load_settings(config, os.environ))))
    if output is Format.TABLE:
        _table(found, counts)
    else:
        write(output, COLUMNS, (dict(zip(COLUMNS, _cells(one), strict=True)) for one in found))


async def _look(url: str) -> tuple[list[Delivery], Counter[State]]:
    from bot.adapters.database import Database  # noqa: PLC0415

    database = await Database.open(url)
    try:
        counts: Counter[State] = Counter()
        for transport in TRANSPORTS:
            counts.update(await database.counts(transport))
        return await database.undelivered(), counts
    finally:
        await database.close()


def _cells(one: Delivery) -> tuple[str | int | None, ...]:
    """A delivery in the order of COLUMNS; moments in UTC."""
    next_try = one.not_before.isoformat() if one.not_before else None
    return (
        one.event_id, one.severity.word, one.transport, one.chat, one.state.value, one.reason, one.created.isoformat(),
        one.expires.isoformat(), next_try, one.attempts, one.unconfirmed,
        one.manner.value, one.config,
    )  # fmt: skip


def _table(found: Sequence[Delivery], counts: Counter[State]) -> None:
    if found:
        table = plain_table("event", "severity", "chat", "state", "due (UTC)", "next try (UTC)", "copies?>", "reason~")
        for one in found:
            when = _minute(one.not_before) if one.not_before else "never"
            copies = str(one.unconfirmed or "")
            table.add_row(
                one.event_id,
                one.severity.word,
                one.chat,
                one.state.value,
                _minute(one.created),
                when,
                copies,
                one.reason,
            )
        show(table)
    said = ", ".join(f"{counts[state]:,} {state.value}" for state in State if counts[state])
    sys.stdout.write(f"{said or 'no deliveries yet'}\n")


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
