"""Drawdown of a series from its peak, and the drawdown states as latches.

A state is entered on the first close at or below its threshold. Pullback and correction are left when half of that
depth is recovered; bear market and crash when the close is RISEN times the lowest close since entry; all at a new peak.
Before a new peak a bear market or crash is entered again only by a close at or below its threshold that is also below
the trough of the previous spell, or FALLEN times the highest close since that spell.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from bot.prices.bars import Floats
from bot.prices.table import Flags
from bot.statistics.ranks import Ints
from bot.statistics.verdict import DrawdownThresholds

RISEN = 1.20
FALLEN = 0.80
Bits = npt.NDArray[np.uint8]
PULLBACK, CORRECTION, BEAR, CRASH = 1, 2, 4, 8
# The deepest state of a sum of bits: the number of the highest bit, from 1.
DEEPEST = np.array([bits.bit_length() for bits in range(16)], dtype=np.int8)


# Of a bear market or crash: whether it is active, the lowest index of the last spell since the peak, and the highest
# index since its end (0 while the spell lasts; both infinite without a spell).
DeepLatch = tuple[bool, float, float]
NO_SPELL: DeepLatch = (False, inf, inf)


def step_deep_latch(latch: DeepLatch, index: float, *, below_line: bool) -> DeepLatch:
    """A bear market or crash one session later, on a session that is no new peak."""
    active, trough, high = latch
    if active and index < trough * RISEN:
        return True, min(trough, index), 0.0
    if index > high:
        return False, trough, index
    if below_line and (index < trough or index <= high * FALLEN):
        return True, index, 0.0
    return False, trough, high


@dataclass(frozen=True, slots=True)
class StateLatches:
    """The latches after a session, to take one session further; `active` is a sum of bits as in DrawdownColumns."""

    thresholds: DrawdownThresholds
    active: int
    bear: DeepLatch
    crash: DeepLatch

    def step(self, index: float, drawdown: float, *, new_peak: bool) -> int:
        """The active latches one session later."""
        active = self.active
        for bit, line in ((PULLBACK, self.thresholds.pullback), (CORRECTION, self.thresholds.correction)):
            if drawdown <= line:
                active |= bit
            elif drawdown >= line / 2:
                active &= ~bit
        for bit, line, latch in ((BEAR, self.thresholds.bear, self.bear), (CRASH, self.thresholds.crash, self.crash)):
            is_active = not new_peak and step_deep_latch(latch, index, below_line=drawdown <= line)[0]
            active = active | bit if is_active else active & ~bit
        return active


@dataclass(frozen=True, slots=True)
class DrawdownColumns:
    """Drawdown figures by session, arrays of shape (T,).

    `index` compounds the returns from 1 (a session without a value leaves it as it is). `drawdown` is a fraction
    <= 0, `peak_at` the position of the peak (the earliest of equals). `latches` are the active states as sums of bits,
    `last` the latches after the last session.
    """

    index: Floats
    drawdown: Floats
    peak_at: Ints
    latches: Bits
    last: StateLatches

    @property
    def state(self) -> npt.NDArray[np.int8]:
        """The deepest active state."""
        return DEEPEST[self.latches]

    @property
    def entered(self) -> npt.NDArray[np.int8]:
        """The deepest state entered on that session, NONE if none was."""
        entries = self.latches.copy()
        entries[1:] &= ~self.latches[:-1]
        return DEEPEST[entries]


def drawdown_columns(daily_return: Floats, thresholds: DrawdownThresholds) -> DrawdownColumns:
    """Drawdowns of a series of daily returns (fractions, NaN = no value), shape (T,).

    The first session should be the session before the first value: the earliest possible place of the peak.
    """
    index: Floats = np.multiply.accumulate(np.where(np.isnan(daily_return), 1.0, 1 + daily_return))
    steps = np.arange(len(index))
    if thresholds.lookback is None:
        peak = np.maximum.accumulate(index)
        rises = np.append(True, peak[1:] > peak[:-1])
        peak_at = np.maximum.accumulate(steps * rises)
    else:
        padded = np.append(np.full(thresholds.lookback - 1, -np.inf), index)
        windows = np.lib.stride_tricks.sliding_window_view(padded, thresholds.lookback)
        peak_at = windows.argmax(axis=1) + steps + 1 - thresholds.lookback
    drawdown = index / index[peak_at] - 1
    new_peak = peak_at == steps
    latches = np.zeros(len(index), dtype=np.uint8)
    for bit, line in ((PULLBACK, thresholds.pullback), (CORRECTION, thresholds.correction)):
        # On at or below the line, off at half its depth (so at a new peak too): the last of the two marks decides.
        on = drawdown <= line
        marks = np.where(on | (drawdown >= line / 2), 2 * steps + on, 0)
        latches[(np.maximum.accumulate(marks) & 1).astype(np.bool_)] |= bit
    last = []
    last_peak = np.maximum.accumulate(np.where(new_peak, steps, -1))
    for bit, line in ((BEAR, thresholds.bear), (CRASH, thresholds.crash)):
        active, latch = _deep_states(index, drawdown <= line, last_peak)
        latches[active] |= bit
        last.append(latch)
    after = StateLatches(thresholds, int(latches[-1]) if len(latches) else 0, *last)
    return DrawdownColumns(index, drawdown, peak_at, latches, after)


def _deep_states(index: Floats, below_line: Flags, last_peak: Ints) -> tuple[Flags, DeepLatch]:
    """A bear market or crash by session, and its latch after the last one."""
    states = np.zeros(len(index), dtype=np.bool_)
    below_at = np.maximum.accumulate(np.where(below_line, np.arange(len(index)), -1))
    # Nothing begins between a peak and the first close below the line.
    rows = (below_at > last_peak).nonzero()[0]
    latch, peak_before = NO_SPELL, -1
    columns = (column[rows].tolist() for column in (index, below_line, last_peak))
    for row, level, below, peak in zip(rows.tolist(), *columns, strict=True):
        latch = step_deep_latch(latch if peak == peak_before else NO_SPELL, level, below_line=below)
        states[row], peak_before = latch[0], peak
    is_open = len(rows) > 0 and rows[-1] == len(index) - 1
    return states, latch if is_open else NO_SPELL
