"""Rank of every value against the earlier ones, and the latest earlier value as low, in O(n log n)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.prices.bars import Floats

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class PastRanks:
    """Ranks of the values of a series against the earlier ones; all arrays have shape (n,).

    `below` and `at_or_below` count earlier values; `latest` is the position of the latest earlier value at or below,
    or -1.
    """

    below: Ints
    at_or_below: Ints
    latest: Ints


def rank_against_past(values: Floats) -> PastRanks:
    """Comparison of every value with all earlier ones. `values` has shape (n,) and no NaN."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    at_or_below = _earlier_and_lower(order)
    below = at_or_below.copy()
    below[order] -= np.arange(len(values)) - np.searchsorted(ordered, ordered)
    return PastRanks(below, at_or_below, latest_at_or_below(values, values))


def latest_at_or_below(values: Floats, limits: Floats) -> Ints:
    """The position of the latest earlier value at or below each limit, -1 = none: a search by powers of two.

    `values` and `limits` have shape (n,) and no NaN.
    """
    lowest = [values]  # lowest[p][i] is the lowest of the 2**p values from i on
    while 2 ** len(lowest) <= len(values):
        half = 2 ** (len(lowest) - 1)
        lowest.append(np.minimum(lowest[-1][:-half], lowest[-1][half:]))
    end = np.arange(len(limits))
    for power, minima in reversed([*enumerate(lowest)]):
        begin = end - 2**power
        higher = (begin >= 0) & (minima[begin.clip(0)] > limits)
        end = np.where(higher, begin, end)
    return end - 1


def _earlier_and_lower(order: Ints) -> Ints:
    """For each position, the number of earlier positions that precede it in `order`, a permutation of (n,).

    Groups of positions, each in the order of `order`, are halved in time until they are single positions; at each step
    a position of a later half counts the positions of the earlier half before it.
    """
    counts = np.zeros_like(order)
    steps = np.arange(len(order))
    for bit in reversed(range(len(order).bit_length())):
        late = (order >> bit & 1).astype(np.bool_)
        begin = order >> bit + 1 << bit + 1
        early = np.cumsum(~late) - (begin >> 1)
        counts[order[late]] += early[late]
        halved = np.empty_like(order)
        halved[np.where(late, steps - early + (1 << bit), begin + early - 1)] = order
        order = halved
    return counts
