"""Drawdown of a series from its peak, and the drawdown states as latches.

A state is entered on the first close at or below its line. Pullback and correction are left when half of the line's
depth is recovered; bear market and crash when the close is RISEN times the lowest close since entry; all at a new peak.
Before a new peak a bear market or crash is entered again only by a close at or below the line that is also below the
trough of the previous spell, or FALLEN times the highest close since that spell.
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


@dataclass(frozen=True, slots=True)
class StateLatches:
    """The latches after a session, to take one session further.

    `active` is a sum of bits as in DrawdownColumns. `bear` and `crash` hold the lowest level of the last spell since
    the peak and the highest level since its end (0 while the spell lasts; both infinite without a spell).
    """

    lines: DrawdownThresholds
    active: int
    bear: tuple[float, float]
    crash: tuple[float, float]

    def step(self, level: float, drawdown: float, *, new_peak: bool) -> int:
        """The active latches one session later."""
        active = self.active
        for bit, line in ((PULLBACK, self.lines.pullback), (CORRECTION, self.lines.correction)):
            if drawdown <= line:
                active |= bit
            elif drawdown >= line / 2:
                active &= ~bit
        for bit, line, (trough, high) in ((BEAR, self.lines.bear, self.bear), (CRASH, self.lines.crash, self.crash)):
            if active & bit:
                if new_peak or level >= trough * RISEN:
                    active &= ~bit
            elif drawdown <= line and (level < trough or level <= high * FALLEN):
                active |= bit
        return active


@dataclass(frozen=True, slots=True)
class DrawdownColumns:
    """Drawdown figures by session, arrays of shape (T,).

    `index` compounds the returns from 1 (a session without a reading leaves it as it is). `drawdown` is a fraction
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


def drawdown_columns(daily_return: Floats, lines: DrawdownThresholds) -> DrawdownColumns:
    """Drawdowns of a series of daily returns (fractions, NaN = no reading), shape (T,).

    The first session should be the session before the first reading: the earliest possible place of the peak.
    """
    index: Floats = np.multiply.accumulate(np.where(np.isnan(daily_return), 1.0, 1 + daily_return))
    steps = np.arange(len(index))
    if lines.lookback is None:
        peak = np.maximum.accumulate(index)
        rises = np.append(True, peak[1:] > peak[:-1])
        peak_at = np.maximum.accumulate(steps * rises)
    else:
        padded = np.append(np.full(lines.lookback - 1, -np.inf), index)
        windows = np.lib.stride_tricks.sliding_window_view(padded, lines.lookback)
        peak_at = windows.argmax(axis=1) + steps + 1 - lines.lookback
    drawdown = index / index[peak_at] - 1
    new_peak = peak_at == steps
    bear, last_bear = _deep_latch(index, drawdown <= lines.bear, new_peak)
    crash, last_crash = _deep_latch(index, drawdown <= lines.crash, new_peak)
    latches = np.zeros(len(index), dtype=np.uint8)
    for bit, active in (
        (PULLBACK, _shallow_latch(drawdown, lines.pullback)),
        (CORRECTION, _shallow_latch(drawdown, lines.correction)),
        (BEAR, bear),
        (CRASH, crash),
    ):
        latches[active] |= bit
    last = StateLatches(lines, int(latches[-1]) if len(latches) else 0, last_bear, last_crash)
    return DrawdownColumns(index, drawdown, peak_at, latches, last)


def _shallow_latch(drawdown: Floats, line: float) -> Flags:
    """On at or below the line, off at half its depth (so at a new peak too): the last of the two marks decides."""
    on = drawdown <= line
    marks = np.where(on | (drawdown >= line / 2), 2 * np.arange(len(drawdown)) + on, 0)
    return (np.maximum.accumulate(marks) & 1).astype(np.bool_)


def _deep_latch(index: Floats, below_line: Flags, new_peak: Flags) -> tuple[Flags, tuple[float, float]]:
    """A bear market or crash by session, with the trough and the high as in StateLatches."""
    states = np.zeros(len(index), dtype=np.bool_)
    steps = np.arange(len(index))
    peak_at, below_at = (np.maximum.accumulate(np.where(mark, steps, -1)) for mark in (new_peak, below_line))
    # Nothing begins between a peak and the first close below the line.
    rows = (below_at > peak_at).nonzero()[0]
    columns = (column[rows].tolist() for column in (steps, index, below_line, peak_at))
    active, trough, high, last_peak = False, inf, inf, -1
    for row, level, below, peak in zip(*columns, strict=True):
        if peak != last_peak:
            active, trough, high, last_peak = False, inf, inf, peak
        elif active and level >= trough * RISEN:
            active = False
        if active:
            trough = min(trough, level)
        elif level > high:
            high = level
        elif below and (level < trough or level <= high * FALLEN):
            active, trough, high = True, level, 0.0
        states[row] = active
    is_open = len(rows) > 0 and rows[-1] == len(index) - 1
    return states, (trough, high) if is_open else (inf, inf)
