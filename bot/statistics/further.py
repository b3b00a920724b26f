"""How much further down is the next thing worth saying?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from bot.statistics.measure import Verdicts
from bot.statistics.past import Past
from bot.statistics.verdict import Lines, State, Verdict

STEP = 0.001  # what is said has one decimal of a percent, and must be true as it is said
MOST_STEPS = 999


@dataclass(frozen=True, slots=True)
class Further:
    """Another fall by `fraction` (below 0, of the present price), and the verdict if the session ended there."""

    fraction: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class NextLine:
    """The next drawdown state: it is entered by a close at or below the present one times 1 + `fraction`."""

    state: State
    fraction: float


def further(
    past: Past, session: date, daily_return: float, coverage: float, reached: Callable[[Verdict], bool]
) -> Further | None:
    """The smallest further fall, in tenths of a percent of the present price, after which `reached` holds.

    `daily_return` is the session's so far. `reached` must stay true when the session falls deeper still; every answer
    has been asked of the past itself. None = not even next to nothing would do.
    """

    def after(steps: int) -> Verdict | None:
        return past.next(session, (1 + daily_return) * (1 - steps * STEP) - 1, coverage)

    def holds(steps: int) -> bool:
        verdict = after(steps)
        return verdict is not None and reached(verdict)

    low, high = 0, MOST_STEPS  # it does not hold at `low`, it does at `high`
    if holds(low) or not holds(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    verdict = after(high)
    assert verdict is not None
    return Further(-high * STEP, verdict)


def next_line(columns: Verdicts, position: int, lines: Lines) -> NextLine | None:
    """The shallowest of correction, bear market and crash that the next close can enter, from its line.

    None if it is not told by the line alone: a bear market or crash that was left since the peak comes back by more
    than that, and with a look-back the peak may pass out of sight.
    """
    drawdown, peak_at = columns.drawdown.item(position), columns.peak_at.item(position)
    state = State(columns.state.item(position))
    worst = State(columns.state[peak_at : position + 1].max().item())
    if lines.lookback is not None and position - peak_at >= lines.lookback - 1:
        return None
    for following, line in ((State.CORRECTION, lines.correction), (State.BEAR, lines.bear), (State.CRASH, lines.crash)):
        if following > state and line < drawdown:
            if following >= State.BEAR and worst >= following:
                return None
            return NextLine(following, (1 + line) / (1 + drawdown) - 1)
    return None
