"""How far below its peak is a series, and which drawdown state is it in?

A state is a latch. It is entered on the first close at or below its line. Pullback and correction are left when half
of the line's depth is recovered; bear market and crash when the close is RISEN times the lowest close since entry; all
at a new peak. A bear market or crash that was left comes back, before there is a new peak, by a close at or below the
line that is also below its old trough, or FALLEN times the highest close since it was left: drifting across the line
is not enough.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
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
BLOCK = 32
Bits = npt.NDArray[np.uint8]
PULLBACK, CORRECTION, BEAR, CRASH = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class DrawdownColumns:
    """Drawdown figures by session, arrays of shape (T,).

    `level` compounds the readings from 1 (a session without a reading leaves it as it is). `drawdown` is a fraction
    <= 0, `peak_at` the position of the peak (the earliest of equals). `latches` are the active states as sums of bits.
    """

    index: Floats
    drawdown: Floats
    peak_at: Ints
    latches: Bits

    @property
    def state(self) -> npt.NDArray[np.int8]:
        """The deepest active state."""
        return _deepest(self.latches)

    @property
    def entered(self) -> npt.NDArray[np.int8]:
        """The deepest state entered on that session, NONE if none was."""
        begun = self.latches.copy()
        begun[1:] &= ~self.latches[:-1]
        return _deepest(begun)

    def last(self, lines: DrawdownThresholds) -> StateLatches:
        """The latches as they stand after the last session."""
        last_peak = int((self.peak_at == np.arange(len(self.peak_at))).nonzero()[0][-1])
        bear, crash = (_last_spell(self.index, (self.latches & bit) != 0, last_peak) for bit in (BEAR, CRASH))
        return StateLatches(lines, int(self.latches[-1]), bear, crash)


@dataclass(frozen=True, slots=True)
class StateLatches:
    """The latches after a session, to take one session further.

    `active` is a sum of bits as in Drawdowns. `bear` and `crash` hold the lowest level of the last spell since the
    peak and the highest level since it was left (both infinite if there was none).
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


def _deepest(latches: Bits) -> npt.NDArray[np.int8]:
    """The deepest State of those active: the number of the highest bit, from 1."""
    filled = latches | latches >> 1
    filled |= filled >> 2
    deepest: npt.NDArray[np.int8] = np.bitwise_count(filled).view(np.int8)
    return deepest


def drawdown_columns(daily_return: Floats, lines: DrawdownThresholds) -> DrawdownColumns:
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
    peaks = new.nonzero()[0].tolist()
    blocks = BlockExtremes.of(level)
    latches = np.zeros(len(level), dtype=np.uint8)
    for bit, active in (
        (PULLBACK, _shallow_latch(drawdown, lines.pullback)),
        (CORRECTION, _shallow_latch(drawdown, lines.correction)),
        (BEAR, _deep_latch(blocks, drawdown, peaks, lines.bear)),
        (CRASH, _deep_latch(blocks, drawdown, peaks, lines.crash)),
    ):
        latches |= active.view(np.uint8) * np.uint8(bit)
    return DrawdownColumns(level, drawdown, peak_at, latches)


@dataclass(frozen=True, slots=True)
class BlockExtremes:
    """A level with the lowest and the highest value of every block of BLOCK sessions (the last may be shorter)."""

    index: Floats
    lows: list[float]
    highs: list[float]

    @classmethod
    def of(cls, level: Floats) -> BlockExtremes:
        starts = np.arange(0, len(level), BLOCK)
        return cls(level, np.minimum.reduceat(level, starts).tolist(), np.maximum.reduceat(level, starts).tolist())

    def between(self, start: int, stop: int) -> Iterable[tuple[int, float, float]]:
        """First position, lowest and highest level of the blocks from that of session `start` to that before `stop`."""
        part = slice(start // BLOCK, -(-stop // BLOCK))
        return zip(range(part.start * BLOCK, stop, BLOCK), self.lows[part], self.highs[part], strict=True)

    def closes(self, start: int, stop: int) -> Iterable[tuple[int, float]]:
        """The levels of sessions `start` to `stop`, each with its position."""
        return enumerate(self.index[start:stop].tolist(), start)


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


def _deep_latch(blocks: BlockExtremes, drawdown: Floats, peaks: Sequence[int], line: float) -> Flags:
    """On at or below the line, off at RISEN times the trough since; entries are few, so each is followed alone."""
    end = len(drawdown)
    active = np.zeros(end, dtype=np.bool_)
    under = drawdown <= line
    crossings = ((under[1:] > under[:-1]).nonzero()[0] + 1).tolist()
    entry = _next(crossings, 0, end)
    while entry < end:
        peak = _next(peaks, entry + 1, end)
        leave, trough = _leaving(blocks, entry, peak)
        active[entry:leave] = True
        entry = _returning(blocks, leave, peak, trough, under)
        if entry == peak:
            entry = _next(crossings, peak, end)
    return active


def _next(positions: Sequence[int], start: int, otherwise: int) -> int:
    """The first of the ascending positions that is not before `start`."""
    index = bisect_left(positions, start)
    return positions[index] if index < len(positions) else otherwise


def _leaving(blocks: BlockExtremes, entry: int, peak: int) -> tuple[int, float]:
    """Where a deep state entered at `entry` is left, at the next peak at the latest, and its trough."""
    trough = inf
    for start, low, high in blocks.between(entry, peak):
        bottom = min(trough, low)
        if start >= entry and high < bottom * RISEN:
            trough = bottom
            continue
        for at, close in blocks.closes(max(start, entry), min(start + BLOCK, peak)):
            if close < trough:
                trough = close
            elif close >= trough * RISEN:
                return at, trough
    return peak, trough


def _returning(blocks: BlockExtremes, left: int, peak: int, trough: float, under: Flags) -> int:
    """Where a deep state left at `left` comes back before the next peak; that peak if it does not."""
    highest = 0.0
    for start, low, high in blocks.between(left, peak):
        top = max(highest, high)
        if start >= left and low >= trough and low > top * FALLEN:
            highest = top
            continue
        for at, close in blocks.closes(max(start, left), min(start + BLOCK, peak)):
            if close > highest:
                highest = close
            elif (close < trough or close <= highest * FALLEN) and under[at]:
                return at
    return peak


def _last_spell(level: Floats, active: Flags, last_peak: int) -> tuple[float, float]:
    """The trough of the last spell of a deep latch since the last peak, and the highest level since it was left.

    If there was no such spell, any level counts as below the trough; while it lasts, nothing has been left.
    """
    during = active.nonzero()[0]
    if not len(during) or during[-1] < last_peak:
        return inf, inf
    breaks = (np.diff(during) > 1).nonzero()[0]
    begin, left = int(during[breaks[-1] + 1] if len(breaks) else during[0]), int(during[-1]) + 1
    return float(level[begin:left].min()), float(level[left:].max(initial=0.0))
