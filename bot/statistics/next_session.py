"""Evaluates the session after a settled history; further fall to the next claim or state."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import isnan, nan

import numpy as np

from bot.prices.bars import Floats
from bot.statistics.drawdown import StateLatches, drawdown_columns
from bot.statistics.measure import PERCENTILE_WINDOWS, VerdictColumns, worst_in_years
from bot.statistics.verdict import DrawdownState, DrawdownThresholds, Verdict

DEEPEST = tuple(DrawdownState(active.bit_length()) for active in range(16))  # by latches


@dataclass(frozen=True, slots=True)
class SettledHistory:
    """What the session after the one at `position` is judged against.

    `growth` is that of the last window - 1 sessions, NaN if one has no reading. `moves` are all moves, ascending.
    `lows` are, ascending too, the moves that no later one undercut, and `low_at`, `low_sessions` where they ended.
    `peak` is the highest level in the look-back of the next session, `holes` the sessions without a reading since.
    """

    position: int
    window: int
    since: date | None
    growth: float
    moves: array[float]
    lows: tuple[float, ...]
    low_at: tuple[int, ...]
    low_sessions: tuple[date, ...]
    level: float
    peak: float
    peak_session: date
    holes: int
    latches: StateLatches

    @classmethod
    def of(cls, verdicts: VerdictColumns, position: int, lines: DrawdownThresholds) -> SettledHistory:
        """The past up to and including the session at `position` of a series that `measure` judged with `lines`."""
        end = position + 1
        daily, move = verdicts.daily_return[:end], verdicts.move[:end]
        known = (~np.isnan(move)).nonzero()[0]
        moves = move[known]
        standing = moves == np.minimum.accumulate(moves[::-1])[::-1]
        low_at = known[standing]
        base = min(max(verdicts.first - 1, 0), position)
        down = drawdown_columns(daily[base:], lines)
        reach = len(down.index) if lines.lookback is None else lines.lookback - 1
        peak_at = _peak_at(down.index, reach)
        readable = ~np.isnan(daily[base:])
        return cls(
            position=position,
            window=verdicts.window,
            since=verdicts.day(verdicts.first) if verdicts.first <= position else None,
            growth=_growth(daily, verdicts.window - 1),
            moves=array("d", np.sort(moves).tobytes()),
            lows=tuple(moves[standing].tolist()),
            low_at=tuple(low_at.tolist()),
            low_sessions=tuple(verdicts.sessions[low_at].tolist()),
            level=float(down.index[-1]),
            peak=float(down.index[peak_at]) if reach else -np.inf,
            peak_session=verdicts.day(base + peak_at),
            holes=int((~readable[max(peak_at, 0) + 1 :]).sum()),
            latches=down.last(lines),
        )

    def next(self, session: date, daily_return: float, coverage: float) -> Verdict | None:
        """The verdict of the next session (its label, its return and coverage as fractions); None = no move."""
        move = self.growth * (1 + daily_return) - 1
        if isnan(move):
            return None
        below = bisect_left(self.moves, move)
        at_or_below = bisect_right(self.moves, move, below) + 1
        sample = len(self.moves) + 1
        low = bisect_right(self.lows, move) - 1
        worst_since = self.low_sessions[low] if low >= 0 else None
        since = self.since or session
        level = self.level * (1 + daily_return)
        new_peak = level > self.peak
        drawdown = 0.0 if new_peak else level / self.peak - 1
        active = self.latches.step(level, drawdown, new_peak=new_peak)
        return Verdict(
            session,
            self.window,
            daily_return,
            move,
            1 + below,
            sample,
            100 * at_or_below / sample if sample >= PERCENTILE_WINDOWS else None,
            worst_since,
            self.position + 1 - self.low_at[low] if low >= 0 else None,
            worst_in_years(since, worst_since, session) or None if worst_since else None,
            low < 0,
            drawdown,
            session if new_peak else self.peak_session,
            DEEPEST[active],
            coverage,
            since,
            DEEPEST[active & ~self.latches.active],
            0 if new_peak else self.holes,
        )


def _growth(daily: Floats, sessions: int) -> float:
    """The growth of the last `sessions`, oldest first as in `compound`; NaN if they are fewer or not all read."""
    if len(daily) < sessions:
        return nan
    growth = 1.0
    for one in daily[len(daily) - sessions :].tolist():
        growth *= 1 + one
    return growth


def _peak_at(level: Floats, sessions: int) -> int:
    """Position of the earliest highest level of the last `sessions`."""
    start = max(len(level) - sessions, 0)
    return start + int(level[start:].argmax()) if sessions else len(level) - 1


STEP = 0.001  # what is said has one decimal of a percent, and must be true as it is said
MAX_STEPS = 999


@dataclass(frozen=True, slots=True)
class FurtherFall:
    """Another fall by `fraction` (below 0, of the present price), and the verdict if the session ended there."""

    fraction: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class NextState:
    """The next drawdown state: it is entered by a close at or below the present one times 1 + `fraction`."""

    state: DrawdownState
    fraction: float


def smallest_further_fall(
    past: SettledHistory, session: date, daily_return: float, coverage: float, reached: Callable[[Verdict], bool]
) -> FurtherFall | None:
    """The smallest further fall, in tenths of a percent of the present price, after which `reached` holds.

    `daily_return` is the session's so far. `reached` must stay true when the session falls deeper still; every answer
    has been asked of the past itself. None = not even next to nothing would do.
    """

    def after(steps: int) -> Verdict | None:
        return past.next(session, (1 + daily_return) * (1 - steps * STEP) - 1, coverage)

    def holds(steps: int) -> bool:
        verdict = after(steps)
        return verdict is not None and reached(verdict)

    low, high = 0, MAX_STEPS  # it does not hold at `low`, it does at `high`
    if holds(low) or not holds(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    verdict = after(high)
    assert verdict is not None
    return FurtherFall(-high * STEP, verdict)


def next_state(columns: VerdictColumns, position: int, lines: DrawdownThresholds) -> NextState | None:
    """The shallowest of correction, bear market and crash that the next close can enter, from its line.

    None if it is not told by the line alone: a bear market or crash that was left since the peak comes back by more
    than that, and with a look-back the peak may pass out of sight.
    """
    drawdown, peak_at = columns.drawdown.item(position), columns.peak_at.item(position)
    state = columns.state.item(position)
    if lines.lookback is not None and position - peak_at >= lines.lookback - 1:
        return None
    for following, line in (
        (DrawdownState.CORRECTION, lines.correction),
        (DrawdownState.BEAR, lines.bear),
        (DrawdownState.CRASH, lines.crash),
    ):
        if following > state and line < drawdown:
            if following >= DrawdownState.BEAR and columns.state[peak_at : position + 1].max().item() >= following:
                return None
            return NextState(following, (1 + line) / (1 + drawdown) - 1)
    return None
