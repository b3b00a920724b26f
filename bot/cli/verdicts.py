"""One row a session: how far, how rare?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated

import typer

from bot.baskets import BasketId
from bot.cli.beside import say
from bot.cli.market import open_market
from bot.cli.options import Asked, Config, Format, From, Output, Prices, To
from bot.cli.tables import plain_table, show, write
from bot.errors import ConfigError, NoData, Problem
from bot.prices import Dates
from bot.statistics import Verdict

COLUMNS = (
    "session", "basket", "window", "daily_return", "move", "rank", "sample", "percentile", "worst_since",
    "gap_sessions", "worst_in_years", "record", "drawdown", "peak_session", "state", "coverage",
)  # fmt: skip
ROWS_ON_SCREEN = 20


def command(
    basket: Asked,
    config: Config = None,
    prices: Prices = None,
    start: From = None,
    stop: To = None,
    window: Annotated[int, typer.Option(min=1, max=250, metavar="N", help="Sessions of a move.")] = 2,
    output: Output = Format.TABLE,
) -> None:
    """Every session of a basket, judged against its own past only."""
    opened = open_market(config, prices, [basket], alone=True)
    columns = opened.board.of_basket(BasketId(basket), window)
    final = opened.board.series[BasketId(basket)].final_sessions
    first, last = stretch(columns.sessions[:final], start, stop)
    found = [one for one in columns.rows(first, last) if one is not None]
    if output is Format.TABLE:
        _table(found)
    else:
        write(output, COLUMNS, (dict(zip(COLUMNS, cells(basket, one), strict=True)) for one in found))


def stretch(sessions: Dates, start: date | None, stop: date | None) -> tuple[int, int]:
    """Positions of the sessions from `start` to `stop`. Raises NoData if there are none, ConfigError if none can be."""
    if start is not None and stop is not None and start > stop:
        raise ConfigError((Problem("command line", "--from", f"{start} is after --to {stop}", "Turn them round."),))
    days: list[date] = sessions.tolist()
    chosen = [at for at, day in enumerate(days) if (start is None or day >= start) and (stop is None or day <= stop)]
    if not chosen:
        held = f"The data run from {days[0]} to {days[-1]}." if days else "There are no data at all."
        asked = " ".join(f"{word} {day}" for word, day in (("from", start), ("to", stop)) if day is not None)
        raise NoData(f"No session lies in what was asked for ({asked or 'everything'}). {held}")
    return chosen[0], chosen[-1] + 1


def cells(basket: str, verdict: Verdict) -> tuple[object, ...]:
    """A verdict in the order of COLUMNS."""
    return (
        verdict.session, basket, verdict.window, verdict.daily_return, verdict.move, verdict.rank, verdict.sample,
        verdict.percentile, verdict.worst_since, verdict.gap_sessions, verdict.worst_in_years, verdict.record,
        verdict.drawdown, verdict.peak_session, verdict.state.word, verdict.coverage,
    )  # fmt: skip


def _table(verdicts: Sequence[Verdict]) -> None:
    shown = verdicts[-ROWS_ON_SCREEN:]
    if len(shown) < len(verdicts):
        say(f"The last {len(shown)} of {len(verdicts):,} sessions; --from, --to or --format csv show more.")
    table = plain_table(
        "session", "day>", "move>", "rank>", "worst %>", "worst since", "drawdown>", "state", "coverage>"
    )
    for one in shown:
        table.add_row(
            str(one.session),
            f"{one.daily_return:+.2%}",
            f"{one.move:+.2%}",
            f"{one.rank:,}/{one.sample:,}",
            "" if one.percentile is None else f"{one.percentile:.2f}",
            "record" if one.record else str(one.worst_since),
            f"{one.drawdown:.1%}",
            one.state.word,
            f"{one.coverage:.0%}",
        )
    show(table)
