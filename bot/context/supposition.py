"""What would be true of a move that has not happened?"""

from __future__ import annotations

from dataclasses import dataclass

from bot.alerts import Rule, Rung
from bot.baskets import Basket
from bot.statistics import Further, Verdict


@dataclass(frozen=True, slots=True)
class Reach:
    """The rung of a rule that the move would reach, and the next deeper one with the further fall that it takes.

    None = no rung; nothing deeper, or out of reach.
    """

    rule: Rule
    rung: Rung | None
    next_rung: Rung | None
    further: Further | None


@dataclass(frozen=True, slots=True)
class Supposition:
    """A move on the next session: its verdict, what each rule would make of it, and the next claim further down.

    `verdict.daily_return` is what that one session takes, after those before it in the window.
    """

    basket: Basket
    verdict: Verdict
    reaches: tuple[Reach, ...]
    further: Further | None
