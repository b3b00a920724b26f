"""What is true around a fall? The definitions of context once more, in the plainest Python, beside tests/oracle.py."""

from __future__ import annotations

from math import sqrt

Number = float | None


def apart(moves: list[Number], candidates: list[int], sessions: int) -> list[int]:
    """Take the deepest (of equals the earliest), drop what is near it, and so on; by position."""
    left = list(candidates)
    kept = []
    while left:
        best = min(left, key=lambda one: (moves[one], one))
        kept.append(best)
        left = [one for one in left if abs(one - best) >= sessions]
    return sorted(kept)


def comparable(moves: list[Number], t: int) -> list[int]:
    """Earlier windows at least 80 % as deep, 20 sessions before t and from each other."""
    deep = [s for s in range(t - 19) if moves[s] is not None and moves[s] <= 0.8 * moves[t]]
    return apart(moves, deep, 20)


def others_beyond(moves: list[Number], t: int, limit: float) -> list[int]:
    """Earlier episodes beyond a round figure."""
    return apart(moves, [s for s in range(t - 19) if moves[s] is not None and moves[s] < -limit], 20)


def afterwards(returns: list[Number], s: int, sessions: int, t: int) -> Number:
    """The return over the `sessions` after s; None if they are not over at t, or one has no reading."""
    if s + sessions > t:
        return None
    growth = 1.0
    for one in returns[s + 1 : s + sessions + 1]:
        if one is None:
            return None
        growth *= 1 + one
    return growth - 1


def swing(returns: list[Number], move: float, t: int, window: int) -> Number:
    """The move over the root of the window times the volatility before it, day by day (RiskMetrics)."""
    before = [one for one in returns[: t - window + 1] if one is not None]
    if len(before) < 63 or not any(before):
        return None
    squares = weights = 0.0
    for one in before[-600:]:  # what is older weighs less than 1e-15
        squares = 0.94 * squares + 0.06 * one * one
        weights = 0.94 * weights + 0.06
    return move / sqrt(squares / weights * window)


def peaks(moves: list[Number], t: int) -> tuple[float, list[float]]:
    """The 95th percentile of the losses up to t, and the highest loss of every cluster above it, less that."""
    losses = {s: -moves[s] for s in range(t + 1) if moves[s] is not None}
    ordered = sorted(losses.values())
    place = 0.95 * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    threshold = ordered[low] + (place - low) * (ordered[high] - ordered[low])
    found: list[float] = []
    last = None
    for s, loss in losses.items():
        if loss > threshold:
            if last is None or s - last > 5:
                found.append(loss)
            found[-1] = max(found[-1], loss)
            last = s
    return threshold, [one - threshold for one in found]
