"""Rules, their levels by severity, and named events of the market."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from bot.baskets import BasketId
from bot.statistics.verdict import DrawdownState


class Severity(IntEnum):
    """How loud an alert is; also the names of the rungs, shallowest first."""

    NOTICE = 1
    WARNING = 2
    SEVERE = 3
    EXTREME = 4

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a rule's ladder; every condition that is not None must hold.

    `percentile` is 0 to 100 (at or below it; at or above it if it is over 50), `worst_in_months` whole months,
    `move`, `drawdown` and `day_low` are fractions (at or below), `state` is the drawdown state reached or a deeper
    one, `enters` a state entered on this very session.
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
    """A named question asked of baskets, of their members, or of two baskets' spread.

    `step` is a fraction: how much deeper a move must be for a new alert on the same rung. With `members` the rule
    looks at each member by itself. `contrast` names the two baskets of a spread (first minus second); `baskets` is
    then empty.
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
        """Whether the rule looks for a spread that opens upwards (a percentile over 50)."""
        return any(rung.percentile is not None and rung.percentile > 50 for rung in self.levels)

    def uses_condition(self, condition: str) -> bool:
        """Whether a rung has a condition of that name."""
        return any(getattr(rung, condition) is not None for rung in self.levels)


@dataclass(frozen=True, slots=True)
class NamedEvent:
    """A stretch of sessions that people know by a name; `names` holds (language, name) pairs."""

    id: str
    names: tuple[tuple[str, str], ...]
    first: date
    last: date

    def name(self, language: str) -> str:
        names = dict(self.names)
        return names.get(language) or names.get("en") or self.id
