"""What does a basket's own past say of its fall?"""

from __future__ import annotations

from bot.alerts import Alert, Severity
from bot.baskets import BasketId
from bot.context.context import History
from bot.statistics import (
    Board,
    Path,
    Verdict,
    crossing,
    next_line,
    precedents,
    return_period,
    swing,
)

TOLD_AFTER = 63  # sessions after earlier falls
MOST_OTHERS = 3  # of a fall that is "only the n-th time", the others are named


def history_of(board: Board, alert: Alert, verdict: Verdict, position: int) -> History:
    """Everything of a fall at `position`.

    What followed earlier ones is worked out for warnings and louder, and for what nobody is told of; how often it is to
    be expected for severe ones.
    """
    basket, window = alert.subject.basket, alert.rule.window
    columns = board.of_basket(basket, window)
    series = board.series[basket]
    fell = verdict.move < 0
    level = alert.severity if alert.speaks else Severity.WARNING
    loud, severe = fell and level >= Severity.WARNING, fell and level >= Severity.SEVERE
    path = board.once(("path", basket), lambda: Path.of(series.daily_return))
    line = next_line(columns, position, board.lines) if not verdict.holes else None
    return History(
        swing=swing(series.daily_return, verdict.move, position, window) if fell else None,
        period=return_period(columns, position) if severe else None,
        crossing=crossing(columns, position, MOST_OTHERS) if fell else None,
        precedents=precedents(columns, path, position, (TOLD_AFTER,)) if loud else None,
        line=line,
        close=_close(board, basket, position) if line is not None else None,
    )


def _close(board: Board, basket: BasketId, position: int) -> float | None:
    """The close of a basket of one symbol; with dividends, the level of a line is not a price to wait for."""
    of = board.series[basket].basket
    if len(of.members) > 1 or of.prices == "adjusted":
        return None
    return board.close(of.calendar, of.symbols[0], position)
