"""What did the operator order?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from bot.baskets import BasketId


@dataclass(frozen=True, slots=True)
class Note:
    """A dated line that stands beside the alerts of a basket (None = of all) until a moment."""

    basket: BasketId | None
    text: str
    written: date
    until: datetime


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody hears of a basket (None = of any) until a moment, for a reason."""

    basket: BasketId | None
    until: datetime
    reason: str
