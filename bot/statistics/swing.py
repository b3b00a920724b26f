"""How large is a move, seen against the days before it?"""

from __future__ import annotations

from math import sqrt

import numpy as np

from bot.prices import Floats

LAMBDA = 0.94  # a day's weight over that of the day after it (RiskMetrics)
REACH = 500  # readings; older ones would weigh less than 1e-13
FEWEST_READINGS = 63
WEIGHTS = LAMBDA ** np.arange(REACH - 1, -1, -1)


def volatility(daily_return: Floats, before: int) -> float | None:
    """The daily volatility from the readings before position `before`: the root of their weighted mean square.

    None with fewer than FEWEST_READINGS, or if nothing moved.
    """
    recent = daily_return[max(before - 2 * REACH, 0) : before]
    read = recent[~np.isnan(recent)][-REACH:]
    if len(read) < FEWEST_READINGS:
        return None
    weights = WEIGHTS[-len(read) :]
    return sqrt(float(weights @ (read * read)) / float(weights.sum())) or None


def swing(daily_return: Floats, move: float, position: int, window: int) -> float | None:
    """The `window`-session move that ended at `position`, in multiples of what the days before the window suggest."""
    usual = volatility(daily_return, position - window + 1)
    return None if usual is None else move / (usual * sqrt(window))
