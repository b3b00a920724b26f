"""Verdict of a session of a series, drawdown states and their thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum


class DrawdownState(IntEnum):
    """Drawdown states, shallowest first."""

    NONE = 0
    PULLBACK = 1
    CORRECTION = 2
    BEAR = 3
    CRASH = 4

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class DrawdownThresholds:
    """The drawdown thresholds as fractions (-0.05), and the look-back of the peak in sessions (None = all history)."""

    pullback: float = -0.05
    correction: float = -0.10
    bear: float = -0.20
    crash: float = -0.35
    lookback: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures of a session of a series, against the series up to and including that session.

    Moves, drawdown and coverage are fractions, `percentile` is 0 to 100; None = not defined. `since` is the first
    session with a value. `entered_state` is the deepest drawdown state entered on this session (NONE if none was).
    `missing_sessions` counts sessions without a value between the peak and this session.
    """

    session: date
    window: int
    daily_return: float
    move: float
    rank: int
    sample: int
    percentile: float | None
    worst_since: date | None
    sessions_since_worst: int | None
    worst_in_years: int | None
    record: bool
    drawdown: float
    peak_session: date
    state: DrawdownState
    coverage: float
    since: date
    entered_state: DrawdownState
    missing_sessions: int
