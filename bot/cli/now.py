"""How does every basket stand at this moment?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from bot.baskets import BasketId
from bot.cli.market import Opened, open_market
from bot.cli.options import Baskets, Config, Format, Output, Prices
from bot.cli.tables import plain_table, show, write
from bot.clock import SystemClock
from bot.prices import CalendarCode

COLUMNS = (
    "basket", "session", "phase", "move", "rank", "sample", "percentile", "worst_since", "worst_in_years", "record",
    "drawdown", "state", "coverage", "age",
)  # fmt: skip


def command(
    baskets: Baskets = None,
    config: Config = None,
    prices: Prices = None,
    output: Output = Format.TABLE,
) -> None:
    """One reading of every basket: its two-session move, how rare it is, its drawdown, and how old the data are."""
    opened = open_market(config, prices, baskets or [], alone=True, live=True)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in _rows(opened)]
    if output is Format.TABLE:
        _table(rows)
    else:
        write(output, COLUMNS, rows)


def _rows(opened: Opened) -> Iterator[tuple[Any, ...]]:
    """One row a basket; where its latest session has no reading the figures are empty and the phase says so."""
    board = opened.board
    now = SystemClock().now()
    for basket in opened.rulebook.baskets:
        series = board.series[basket.id]
        at = len(series.sessions) - 1
        if at < 0:
            yield (basket.id, None, "no data", *[None] * (len(COLUMNS) - 3))
            continue
        session = series.sessions[at].item()
        verdict = board.of_basket(BasketId(basket.id), 2).at(at)
        age = _age(opened, basket.calendar, session, now)
        if verdict is None:
            yield (basket.id, session, "no reading", *[None] * (len(COLUMNS) - 4), age)
            continue
        phase = "final" if at < series.final_sessions else "provisional"
        yield (
            basket.id, session, phase, verdict.move, verdict.rank, verdict.sample, verdict.percentile,
            verdict.worst_since, verdict.worst_in_years, verdict.record, verdict.drawdown, verdict.state.word,
            verdict.coverage, age,
        )  # fmt: skip


def _age(opened: Opened, code: CalendarCode, session: date, now: datetime) -> str:
    """How long ago that session closed; a session that is still open is as old as the last look, so "live"."""
    calendar = opened.market.tables[code].calendar
    close = int(calendar.closes[int(np.searchsorted(calendar.sessions, np.datetime64(session, "D")))])
    ago = now - datetime.fromtimestamp(close, UTC)
    hours = int(ago.total_seconds() // 3600)
    if ago.total_seconds() < 0:
        return "live"
    return f"{hours} h" if hours < 72 else f"{hours // 24:,} d"


def _table(rows: list[dict[str, Any]]) -> None:
    table = plain_table("basket", "session", "move>", "worst %>", "worst since", "drawdown>", "state", "age>")
    for row in rows:
        session = f"{row['session']}{'*' * (row['phase'] == 'provisional')}" if row["session"] else ""
        if row["move"] is None:
            table.add_row(row["basket"], session, row["phase"], "", "", "", "", row["age"] or "")
            continue
        table.add_row(
            row["basket"],
            session,
            f"{row['move']:+.1%}",
            "" if row["percentile"] is None else f"{row['percentile']:.2f}",
            "record" if row["record"] else str(row["worst_since"]),
            f"{row['drawdown']:.1%}",
            row["state"],
            row["age"],
        )
    show(table)
    if any(row["phase"] == "provisional" for row in rows):
        sys.stdout.write("* the session has not ended: provisional\n")
