"""How long does something take on a machine that is never quite idle?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what was measured, in which unit, and what it may be (None = told, not judged)."""

    what: str
    measured: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def kept(self) -> bool:
        above = self.at_most is None or self.measured <= self.at_most
        return above and (self.at_least is None or self.measured >= self.at_least)

    def __str__(self) -> str:
        bound = ""
        if self.at_most is not None:
            bound = f"<= {self.at_most:g} {self.unit}"
        elif self.at_least is not None:
            bound = f">= {self.at_least:g} {self.unit}"
        missed = "" if self.kept else "   MISSED"
        return f"{self.what:<86} {self.measured:>9.2f} {self.unit:<2} {bound:>10}{missed}"


def seconds(call: Call) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def fastest(call: Call, repeats: int) -> float:
    """Seconds of the fastest of several calls."""
    return min(seconds(call) for _ in range(repeats))


def side_by_side(ways: Sequence[Sequence[Call]], repeats: int) -> list[float]:
    """Total seconds of several ways over the same cases, each case's fastest of `repeats` rounds.

    `ways` holds one call a case for every way. In a round each way goes over all its cases: they take turns, so that a
    slow spell of the machine meets all alike, but not so often that one finds the other's data in the caches.
    """
    best = [[float("inf")] * len(calls) for calls in ways]
    for _ in range(repeats):
        for calls, times in zip(ways, best, strict=True):
            for case, call in enumerate(calls):
                times[case] = min(times[case], seconds(call))
    return [sum(times) for times in best]
