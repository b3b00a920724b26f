"""How far below its peak is a series, and which drawdown state is it in?

A state is a latch. It is entered on the first close at or below its line. Pullback and correction are left when half
of the line's depth is recovered; bear market and crash when the close is RISE above the lowest close since entry; all
at a new peak. After a bear market was left below its line, it is entered again by crossing the line from above, or by
a close below its old trough.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.prices import Flags, Floats
from bot.statistics.kernel import Ints
from bot.statistics.verdict import Lines

RISE = 0.20
STRETCH = 128  # sessions looked at first when a deep state is entered; four times as many next
Bits = npt.NDArray[np.uint8]
# By latches, bit 0 for pullback to bit 3 for crash: the deepest State of them. The number of bits is that state.
DEEPEST = np.array([latches.bit_length() for latches in range(16)], dtype=np.int8)


@dataclass(frozen=True, slots=True)
class Drawdowns:
    """Drawdown figures by session, arrays of shape (T,).

    `level` compounds the readings from 1 (a session without a reading leaves it as it is). `drawdown` is a fraction
    <= 0, `peak_at` the position of the peak (the earliest of equals). `latches` are the active states as bits, bit 0
    for pullback to bit 3 for crash.
    """

    level: Floats
    drawdown: Floats
    peak_at: Ints
    latches: Bits

    @property
    def state(self) -> npt.NDArray[np.int8]:
        """The deepest active state."""
        return DEEPEST[self.latches]

    @property
    def entered(self) -> npt.NDArray[np.int8]:
        """The deepest state entered on that session, NONE if none was."""
        begun = self.latches.copy()
        begun[1:] &= ~self.latches[:-1]
        return DEEPEST[begun]


def drawdowns(daily_return: Floats, lines: Lines) -> Drawdowns:
    """Drawdowns of a series of daily returns (fractions, NaN = no reading), shape (T,).

    Its first session should be the one before the first reading: the peak may stand there, but no earlier.
    """
    growth = 1 + daily_return
    growth[np.isnan(growth)] = 1
    level: Floats = np.multiply.accumulate(growth)
    steps = np.arange(len(level))
    if lines.lookback is None:
        peak = np.maximum.accumulate(level)
        new = np.ones(len(level), dtype=np.bool_)
        np.greater(peak[1:], peak[:-1], out=new[1:])
        peak_at = np.maximum.accumulate(steps * new)
    else:
        peak_at = _trailing_peak(level, lines.lookback)
        peak = level[peak_at]
        new = peak_at == steps
    drawdown = level / peak - 1
    peaks = np.flatnonzero(new).tolist()
    latches = np.zeros(len(level), dtype=np.uint8)
    for bit, active in enumerate(
        (
            _shallow_latch(drawdown, lines.pullback),
            _shallow_latch(drawdown, lines.correction),
            _deep_latch(level, drawdown, peaks, lines.bear),
            _deep_latch(level, drawdown, peaks, lines.crash),
        )
    ):
        latches |= active.view(np.uint8) << np.uint8(bit)
    return Drawdowns(level, drawdown, peak_at, latches)


def _trailing_peak(level: Floats, lookback: int) -> Ints:
    """Position of the (earliest) highest level of the last `lookback` sessions."""
    padded = np.concatenate((np.full(lookback - 1, -np.inf), level))
    within: Ints = np.lib.stride_tricks.sliding_window_view(padded, lookback).argmax(axis=1)
    return within + np.arange(1 - lookback, len(level) + 1 - lookback)


def _shallow_latch(drawdown: Floats, line: float) -> Flags:
    """On at or below the line, off at half its depth (so at a new peak too): the last of the two marks decides."""
    on = drawdown <= line
    marks = np.arange(0, 2 * len(drawdown), 2, dtype=np.int32)
    marks += on
    marks *= on | (drawdown >= line / 2)
    np.maximum.accumulate(marks, out=marks)
    return (marks & 1).astype(np.bool_)


def _deep_latch(level: Floats, drawdown: Floats, peaks: Sequence[int], line: float) -> Flags:
    """On at or below the line, off RISE above the trough since; there are few entries, so each is followed alone."""
    end = len(level)
    active = np.zeros(end, dtype=np.bool_)
    under = drawdown <= line
    crossings = (np.flatnonzero(under[1:] > under[:-1]) + 1).tolist()
    entry = _next(crossings, 0, end)
    while entry < end:
        leave, trough = _leaving(level, entry, _next(peaks, entry + 1, end))
        active[entry:leave] = True
        entry = _next(crossings, leave, end)
        lower = level[leave:entry] < trough
        lower &= under[leave:entry]
        again = int(lower.argmax()) if leave < entry else 0
        if leave < entry and lower[again]:
            entry = leave + again
    return active


def _next(positions: Sequence[int], start: int, otherwise: int) -> int:
    """The first of the ascending positions that is not before `start`."""
    index = bisect_left(positions, start)
    return positions[index] if index < len(positions) else otherwise


def _leaving(level: Floats, entry: int, bound: int) -> tuple[int, float]:
    """The first position after `entry` at which a deep state is left, `bound` at the latest, and its trough."""
    reach = STRETCH
    while True:
        closes = level[entry : min(entry + reach, bound)]
        lowest = np.minimum.accumulate(closes)
        out = closes >= lowest * (1 + RISE)
        out[0] = False  # the entry itself, even where nothing is left to rise from
        first = int(out.argmax())
        if out[first]:
            return entry + first, float(lowest[first])
        if entry + reach >= bound:
            return bound, float(lowest[-1])
        reach *= 4
