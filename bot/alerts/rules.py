"""Rules, their levels by severity, and named events of the market."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from bot.baskets import BasketId
from bot.statistics.verdict import DrawdownState


class Severity(IntEnum):
    """The severity of an alert and of a level, lowest first."""

    NOTICE = 1
    WARNING = 2
    SEVERE = 3
    EXTREME = 4

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a rule: a severity with its conditions; every condition that is not None must hold.

    `percentile` is 0 to 100 (at or below it; at or above it if it is over 50), `worst_in_months` whole months,
    `move`, `drawdown` and `day_low` are fractions (at or below), `state` is the lowest drawdown state,
    `enters` a state entered on the session itself.
    """

    severity: Severity
    percentile: float | None = None
    worst_in_months: int | None = None
    record: bool = False
    move: float | None = None
    drawdown: float | None = None
    state: DrawdownState | None = None
    day_low: float | None = None
    enters: DrawdownState | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule about baskets, their members, or the spread of two baskets.

    `step` is a fraction: the further fall that fires again on the same level. With `members` the rule is evaluated for
    every member by itself. `contrast` names the two baskets of a spread (first minus second); `baskets` is then empty.
    """

    name: str
    baskets: tuple[BasketId, ...]
    levels: tuple[Level, ...]
    window: int = 2
    step: float = 0.02
    members: bool = False
    contrast: tuple[BasketId, BasketId] | None = None

    @property
    def upward(self) -> bool:
        """Whether the rule is about a spread that opens upwards (a percentile over 50)."""
        return any(level.percentile is not None and level.percentile > 50 for level in self.levels)

    def uses_condition(self, condition: str) -> bool:
        """Whether a level has a condition of that name (a field of Level)."""
        return any(getattr(level, condition) is not None for level in self.levels)


@dataclass(frozen=True, slots=True)
class NamedEvent:
    """A named stretch of sessions, from `first` to `last`; `names` holds (language, name) pairs."""

    id: str
    names: tuple[tuple[str, str], ...]
    first: date
    last: date

    def name(self, language: str) -> str:
        names = dict(self.names)
        return names.get(language) or names.get("en") or self.id
