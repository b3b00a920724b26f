"""How long does one event take to 100,000 subscribers, and how fast does the outbox empty?"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from datetime import time as hour
from pathlib import Path

import sqlalchemy as sa

from benchmarks.timing import Line
from bot.adapters.database import rows
from bot.adapters.database.database import Database
from bot.adapters.database.tables import basket_subscriptions, outbox, subscribers
from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.attempts import Sent, next_step
from bot.delivery.model import ChatKind, SendMode
from bot.delivery.subscribers import BasketSubscription, QuietHours, Subscriber
from tests.postgres import NoServer, server
from tests.specimens import event
from tests.virtual import NOON

SUBSCRIBERS = 100_000
BATCH = 8
ROUNDS = 100


def run() -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_measure("SQLite", f"sqlite:///{Path(folder)}/bot.sqlite3"))
    try:
        with server(durable=True) as postgres:
            yield from asyncio.run(_measure("PostgreSQL", postgres.url("postgres")))
    except NoServer as error:
        print(f"no figures for PostgreSQL: {error}")


async def _measure(name: str, url: str) -> list[Line]:
    database = await Database.open(url, upgrade=True)
    try:
        await _subscribe(database)
        seconds = []
        for number in range(3):
            begin = time.perf_counter()
            await database.commit({}, [event(f"fall {number}")], [], "telegram")
            seconds.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        for _ in range(ROUNDS):
            claimed = await database.claim("telegram", NOON, BATCH)
            assert len(claimed) == BATCH
            await database.record([next_step(one, Sent(1), NOON, 0.0) for one in claimed])
        rate = ROUNDS * BATCH / (time.perf_counter() - begin)
        async with database._transaction() as connection:  # noqa: SLF001  as if all of it had been sent
            sent = sa.update(outbox).where(outbox.c.event == 1).values(state="sent", not_before=None, message_id=1)
            await connection.execute(sent)
        correction = event("correction", mode=SendMode.EDIT, original="fall 0")
        begin = time.perf_counter()
        await database.commit({}, [correction], [], "telegram")
        edited = time.perf_counter() - begin
    finally:
        await database.close()
    backlog = f"{name}: claim and acknowledge, {BATCH} at a time, over a backlog of {3 * SUBSCRIBERS:,}"
    return [
        Line(f"{name}: one event to {SUBSCRIBERS:,} subscribers, committed", min(seconds), "s", at_most=1),
        Line(f"{name}: the same for its correction, which edits every message", edited, "s"),
        Line(backlog, rate, "/s", at_least=1000),
    ]


async def _subscribe(database: Database) -> None:
    """Every twentieth has quiet hours, every third wants two baskets."""
    everybody = [
        Subscriber(
            "telegram",
            str(10_000_000 + 7 * number),
            ChatKind.PRIVATE,
            NOON,
            language=("en", "zh")[number % 2],
            subscriptions={
                BasketId(one): BasketSubscription(Severity.NOTICE)
                for one in ("memory", "hyperscalers")[: 1 + (number % 3 == 0)]
            },
            quiet=QuietHours(hour(11), hour(13)) if number % 20 == 0 else None,
            zone=("UTC", "Europe/London")[number % 2],
        )
        for number in range(SUBSCRIBERS)
    ]
    async with database._transaction() as connection:  # noqa: SLF001  one by one they would take minutes
        await connection.execute(sa.insert(subscribers), [rows.subscriber_row(one) for one in everybody])
        await connection.execute(
            sa.insert(basket_subscriptions), [row for one in everybody for row in rows.subscription_rows(one)]
        )
