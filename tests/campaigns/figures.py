"""How is a figure judged, and what does its count prove?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Told = Callable[[int, int], None]  # how much is done, of how much


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `of` says of what it was counted, and how sure that makes one.

    With neither bound it is told and not judged.
    """

    what: str
    measured: float
    unit: str = ""
    of: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def kept(self) -> bool:
        above = self.at_most is None or self.measured <= self.at_most
        return above and (self.at_least is None or self.measured >= self.at_least)

    @property
    def bound(self) -> str:
        if self.at_most is not None:
            return f"at most {self.at_most:,g} {self.unit}".rstrip()
        return f"at least {self.at_least:,g} {self.unit}".rstrip() if self.at_least is not None else ""

    @property
    def value(self) -> str:
        number = f"{self.measured:,.0f}" if float(self.measured).is_integer() else f"{self.measured:,.2f}"
        return f"{number} {self.unit}".rstrip()


def none_of(what: str, found: int, of: str = "") -> Figure:
    """A figure of which there must be none."""
    return Figure(what, found, "", of, at_most=0)


def highest_rate(found: int, of: int) -> float:
    """The rate below which the true one lies with 95 % certainty, when `found` of `of` were found (exact binomial)."""
    if found >= of:
        return 1.0
    low, high = found / of, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(found, of, middle) > 0.05 else (low, middle)
    return high


def count_of(found: int, of: int, things: str) -> str:
    """The denominator and the bound, in words."""
    return f"of {of:,} {things}, 95 %: below {100 * highest_rate(found, of):.3g} %"


def mean_and_margin(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half the width of its 95 % interval."""
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((one - mean) ** 2 for one in values) / max(1, len(values) - 1))
    return mean, 1.96 * spread / math.sqrt(len(values))


def _at_most(found: int, of: int, rate: float) -> float:
    """The chance of so few at this rate."""
    log_rate, log_rest = math.log(rate), math.log1p(-rate)
    return sum(
        math.exp(
            math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * log_rate + (of - k) * log_rest
        )
        for k in range(found + 1)
    )
