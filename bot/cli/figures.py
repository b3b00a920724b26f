"""`now`, `verdicts`, `whatif`, `chart`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bot.backtest.whatif import evaluate_move, parse_move
from bot.baskets import BasketId
from bot.cli.market import MeasuredMarket, measure_loaded_market, position_of
from bot.cli.output import (
    Asked,
    Baskets,
    Config,
    From,
    Lang,
    Output,
    OutputFormat,
    Prices,
    Session,
    To,
    Window,
    print_note,
    print_rows,
    print_table,
)
from bot.clock import SystemClock
from bot.errors import ConfigError, ConfigProblem, NoData
from bot.messages.history_text import render_whatif
from bot.prices.bars import Dates
from bot.prices.calendars import CalendarCode
from bot.statistics.verdict import Verdict

NOW_COLUMNS = (
    "basket", "session", "phase", "move", "rank", "sample", "percentile", "worst_since", "worst_in_years", "record",
    "drawdown", "state", "coverage", "age",
)  # fmt: skip


def now_command(
    baskets: Baskets = None,
    config: Config = None,
    prices: Prices = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """One reading of every basket: its two-session move, how rare it is, its drawdown, and how old the data are."""
    opened = measure_loaded_market(config, prices, baskets or [], alone=True, live=True)
    rows = list(latest_rows(opened))
    if output is OutputFormat.TABLE:
        print_latest(rows)
    else:
        print_rows(output, NOW_COLUMNS, rows)


def verdict_fields(verdict: Verdict | None, columns: Sequence[str]) -> dict[str, Any]:
    """The figures of a verdict by column; None where the verdict has none of that name, or is None."""
    if verdict is None:
        return dict.fromkeys(columns)
    renamed = {"state": verdict.state.word, "gap_sessions": verdict.sessions_since_worst}
    return {name: renamed[name] if name in renamed else getattr(verdict, name, None) for name in columns}


def latest_rows(opened: MeasuredMarket) -> Iterator[dict[str, Any]]:
    """A row a basket; without a reading of the latest session the figures are empty, and the phase says so."""
    now = SystemClock().now()
    for basket in opened.rulebook.baskets:
        series = opened.board.series[basket.id]
        at = len(series.sessions) - 1
        if at < 0:
            yield verdict_fields(None, NOW_COLUMNS) | {"basket": basket.id, "phase": "no data"}
            continue
        session = series.sessions[at].item()
        verdict = opened.board.of_basket(basket.id, 2).at(at)
        phase = "no reading" if verdict is None else "final" if at < series.final_sessions else "provisional"
        age = age_text(opened, basket.calendar, session, now)
        about = {"basket": basket.id, "session": session, "phase": phase, "age": age}
        yield verdict_fields(verdict, NOW_COLUMNS) | about


def age_text(opened: MeasuredMarket, code: CalendarCode, session: date, now: datetime) -> str:
    """How long ago that session closed; a session that is still open is as old as the last look, so "live"."""
    calendar = opened.market.tables[code].calendar
    close = int(calendar.closes[int(np.searchsorted(calendar.sessions, np.datetime64(session, "D")))])
    ago = now - datetime.fromtimestamp(close, UTC)
    hours = int(ago.total_seconds() // 3600)
    if ago.total_seconds() < 0:
        return "live"
    return f"{hours} h" if hours < 72 else f"{hours // 24:,} d"


def rarity_cells(row: Mapping[str, Any]) -> tuple[str, str]:
    """The cells of the percentile and of the session that was as bad."""
    percentile = "" if row["percentile"] is None else f"{row['percentile']:.2f}"
    return percentile, "record" if row["record"] else str(row["worst_since"])


def latest_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of `latest_rows` in the order of the table."""
    session = f"{row['session']}{'*' * (row['phase'] == 'provisional')}" if row["session"] else ""
    if row["move"] is None:
        return row["basket"], session, row["phase"], "", "", "", "", row["age"] or ""
    figures = (f"{row['move']:+.1%}", *rarity_cells(row), f"{row['drawdown']:.1%}", row["state"])
    return row["basket"], session, *figures, row["age"]


def print_latest(rows: list[dict[str, Any]]) -> None:
    columns = ("basket", "session", "move>", "worst %>", "worst since", "drawdown>", "state", "age>")
    print_table(columns, map(latest_cells, rows))
    if any(row["phase"] == "provisional" for row in rows):
        sys.stdout.write("* the session has not ended: provisional\n")


VERDICT_COLUMNS = (
    "session", "basket", "window", "daily_return", "move", "rank", "sample", "percentile", "worst_since",
    "gap_sessions", "worst_in_years", "record", "drawdown", "peak_session", "state", "coverage",
)  # fmt: skip
ROWS_ON_SCREEN = 20


def verdicts_command(
    basket: Asked,
    config: Config = None,
    prices: Prices = None,
    start: From = None,
    stop: To = None,
    window: Window = 2,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Every session of a basket, judged against its own past only."""
    opened = measure_loaded_market(config, prices, [basket], alone=True)
    columns = opened.board.of_basket(BasketId(basket), window)
    final = opened.board.series[BasketId(basket)].final_sessions
    first, last = session_range(columns.sessions[:final], start, stop)
    verdicts = [verdict for verdict in columns.rows(first, last) if verdict is not None]
    shown = verdicts[-ROWS_ON_SCREEN:] if output is OutputFormat.TABLE else verdicts
    rows = (verdict_fields(verdict, VERDICT_COLUMNS) | {"basket": basket} for verdict in shown)
    if output is not OutputFormat.TABLE:
        print_rows(output, VERDICT_COLUMNS, rows)
        return
    if len(shown) < len(verdicts):
        print_note(f"The last {len(shown)} of {len(verdicts):,} sessions; --from, --to or --format csv show more.")
    print_table(
        ("session", "day>", "move>", "rank>", "worst %>", "worst since", "drawdown>", "state", "coverage>"),
        map(verdict_cells, rows),
    )


def verdict_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of `verdicts` in the order of the table."""
    moves = (f"{row['daily_return']:+.2%}", f"{row['move']:+.2%}", f"{row['rank']:,}/{row['sample']:,}")
    drawdown = (f"{row['drawdown']:.1%}", row["state"])
    return str(row["session"]), *moves, *rarity_cells(row), *drawdown, f"{row['coverage']:.0%}"


def session_range(sessions: Dates, start: date | None, stop: date | None) -> tuple[int, int]:
    """Positions of the sessions from `start` to `stop`. Raises NoData if there are none, ConfigError if none can be."""
    if start is not None and stop is not None and start > stop:
        raise ConfigError(
            (ConfigProblem("command line", "--from", f"{start} is after --to {stop}", "Turn them round."),)
        )
    days: list[date] = sessions.tolist()
    chosen = [at for at, day in enumerate(days) if (start is None or day >= start) and (stop is None or day <= stop)]
    if not chosen:
        held = f"The data run from {days[0]} to {days[-1]}." if days else "There are no data at all."
        asked = " ".join(f"{word} {day}" for word, day in (("from", start), ("to", stop)) if day is not None)
        raise NoData(f"No session lies in what was asked for ({asked or 'everything'}). {held}")
    return chosen[0], chosen[-1] + 1


def move_typed(text: str) -> float:
    """A move as typed, as a fraction."""
    move = parse_move(text)
    if move is None:
        raise typer.BadParameter(
            f"{text!r} is no move to suppose. Write a percentage above -100 and below 1000, for example -8.5."
        )
    return move


def whatif_command(
    basket: Asked,
    move: Annotated[
        float,
        typer.Argument(parser=move_typed, metavar="PERCENT", help="The move up to the next close, such as -8."),
    ],
    window: Annotated[int, typer.Option(min=1, max=250, metavar="N", help="Sessions of the move.")] = 2,
    config: Config = None,
    prices: Prices = None,
    lang: Lang = "en",
) -> None:
    """Where such a move would rank, what each rule about the basket's closes would say, how far the next rung is."""
    opened = measure_loaded_market(config, prices, [basket], alone=True)
    supposition = evaluate_move(opened.board, opened.rulebook, BasketId(basket), move, window)
    sys.stdout.write(render_whatif(supposition, opened.rulebook.events, lang).plain + "\n")


def chart_command(
    basket: Asked,
    session: Session = None,
    window: Window = 2,
    lang: Lang = "en",
    file: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", dir_okay=False, help="Written there (default: BASKET-SESSION-LANG.png)."
        ),
    ] = None,
    config: Config = None,
    prices: Prices = None,
) -> None:
    """Draw a basket's last year and all its moves as a PNG, from data up to that session."""
    from bot.chart.data import chart_data
    from bot.chart.draw import render_chart

    if file is not None and not file.parent.is_dir():
        raise typer.BadParameter(f"{file.parent} is no folder. Make it first, or name another one.", param_hint="--out")
    opened = measure_loaded_market(config, prices, [basket], alone=True)
    series = opened.board.series[BasketId(basket)]
    position = position_of(opened, BasketId(basket), session)
    day = series.sessions[position].item()
    if position >= series.final_sessions:
        raise NoData(f"{day} is not final yet. Leave --session out to see the latest that is.")
    facts = chart_data(opened.board, BasketId(basket), window, day)
    if facts is None:
        lacking = f"{basket} has no {window}-session move on {day}: one of its sessions has no reading."
        raise NoData(f"{lacking} Choose another --session.")
    file = file or Path(f"{basket}-{day}-{lang}.png")
    file.write_bytes(render_chart(facts, lang))
    print(file)
