"""Verdict of the session after a settled history; further fall to the next claim or state."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import isnan, nan, prod

import numpy as np

from bot.statistics.drawdown import StateLatches, drawdown_columns
from bot.statistics.measure import PERCENTILE_WINDOWS, STATES, VerdictColumns, worst_in_years
from bot.statistics.verdict import DrawdownState, DrawdownThresholds, Verdict

STEP = 0.001  # messages show one decimal of a percent, which must hold as shown
MAX_STEPS = 999


@dataclass(frozen=True, slots=True)
class SettledHistory:
    """The history up to and including the session at `position`, against which the next session is evaluated.

    `growth` is that of the last window - 1 sessions, NaN if a value is missing. `moves` are all moves, ascending.
    `lows` are, ascending too, the moves without a lower later move, and `low_at`, `low_sessions` the ends of their
    windows. `peak` is the highest index in the look-back of the next session, `missing_sessions` are those since then.
    """

    position: int
    window: int
    since: date | None
    growth: float
    moves: array[float]
    lows: tuple[float, ...]
    low_at: tuple[int, ...]
    low_sessions: tuple[date, ...]
    index: float
    peak: float
    peak_session: date
    missing_sessions: int
    latches: StateLatches

    @classmethod
    def of(cls, verdicts: VerdictColumns, position: int, thresholds: DrawdownThresholds) -> SettledHistory:
        """The history of a series, up to and including the session at `position`; `thresholds` as in `verdicts`."""
        end = position + 1
        daily, move = verdicts.daily_return[:end], verdicts.move[:end]
        rows = (~np.isnan(move)).nonzero()[0]
        moves = move[rows]
        standing = moves == np.minimum.accumulate(moves[::-1])[::-1]
        low_at = rows[standing]
        base = min(max(verdicts.first - 1, 0), position)
        down = drawdown_columns(daily[base:], thresholds)
        reach = len(down.index) if thresholds.lookback is None else thresholds.lookback - 1
        start = max(len(down.index) - reach, 0)
        peak_at = start + int(down.index[start:].argmax()) if reach else len(down.index) - 1
        growth_from = end - (verdicts.window - 1)
        return cls(
            position=position,
            window=verdicts.window,
            since=verdicts.day(verdicts.first) if verdicts.first <= position else None,
            growth=prod((1 + daily[growth_from:]).tolist(), start=1.0) if growth_from >= 0 else nan,
            moves=array("d", np.sort(moves).tobytes()),
            lows=tuple(moves[standing].tolist()),
            low_at=tuple(low_at.tolist()),
            low_sessions=tuple(verdicts.sessions[low_at].tolist()),
            index=float(down.index[-1]),
            peak=float(down.index[peak_at]) if reach else -np.inf,
            peak_session=verdicts.day(base + peak_at),
            missing_sessions=int(np.isnan(daily[base + peak_at + 1 :]).sum()),
            latches=down.last,
        )

    def next(self, session: date, daily_return: float, coverage: float) -> Verdict | None:
        """The verdict of the next session (its date, its return and coverage as fractions); None = no move."""
        move = self.growth * (1 + daily_return) - 1
        if isnan(move):
            return None
        below = bisect_left(self.moves, move)
        at_or_below = bisect_right(self.moves, move, below) + 1
        sample = len(self.moves) + 1
        low = bisect_right(self.lows, move) - 1
        worst_since = self.low_sessions[low] if low >= 0 else None
        since = self.since or session
        level = self.index * (1 + daily_return)
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
            STATES[active.bit_length()],
            coverage,
            since,
            STATES[(active & ~self.latches.active).bit_length()],
            0 if new_peak else self.missing_sessions,
        )


@dataclass(frozen=True, slots=True)
class FurtherFall:
    """A further fall by `fraction` (below 0, of the present price), and the verdict of a session that ends there."""

    fraction: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class NextState:
    """The next drawdown state: it is entered by a close at or below the present one times 1 + `fraction`."""

    state: DrawdownState
    fraction: float


def smallest_further_fall(
    history: SettledHistory, session: date, daily_return: float, coverage: float, reached: Callable[[Verdict], bool]
) -> FurtherFall | None:
    """The smallest further fall, in steps of STEP of the present price, after which `reached` holds.

    `daily_return` is the session's so far. `reached` must stay true when the session falls deeper still. None if
    `reached` holds already, or not even after MAX_STEPS.
    """

    def verdict_after(steps: int) -> Verdict | None:
        return history.next(session, (1 + daily_return) * (1 - steps * STEP) - 1, coverage)

    def holds(steps: int) -> bool:
        verdict = verdict_after(steps)
        return verdict is not None and reached(verdict)

    if holds(0) or not holds(MAX_STEPS):
        return None
    steps = bisect_left(range(MAX_STEPS), True, lo=1, key=holds)
    verdict = verdict_after(steps)
    assert verdict is not None
    return FurtherFall(-steps * STEP, verdict)


def next_state(columns: VerdictColumns, position: int, thresholds: DrawdownThresholds) -> NextState | None:
    """The shallowest of correction, bear market and crash that the next close can enter, from its line.

    None if the line alone does not decide: a bear market or crash that was left since the peak needs more to be entered
    again, and with a look-back the peak may leave the window.
    """
    drawdown, peak_at = columns.drawdown.item(position), columns.peak_at.item(position)
    state = columns.state.item(position)
    if thresholds.lookback is not None and position - peak_at >= thresholds.lookback - 1:
        return None
    for following, line in (
        (DrawdownState.CORRECTION, thresholds.correction),
        (DrawdownState.BEAR, thresholds.bear),
        (DrawdownState.CRASH, thresholds.crash),
    ):
        if following > state and line < drawdown:
            if following >= DrawdownState.BEAR and columns.state[peak_at : position + 1].max().item() >= following:
                return None
            return NextState(following, (1 + line) / (1 + drawdown) - 1)
    return None
