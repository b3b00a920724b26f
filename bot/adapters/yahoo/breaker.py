"""When is a source that fails left alone?"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date

from bot.clock import Clock
from bot.errors import SourceBackingOff, SourceUnreachable
from bot.prices.bars import Bars, IncrementalSource, Symbol

FAILURES = 5
REST_SECONDS = 300.0
JITTER = 0.2  # of the rest, so that many bots do not come back at one moment


class Breaker:
    """A source that is not asked for five minutes after five failures in a row; then one question decides.

    That it does not know a symbol is an answer, not a failure. `chance` gives numbers from 0 to 1.
    """

    def __init__(self, upstream: IncrementalSource, clock: Clock, chance: Callable[[], float] = random.random) -> None:
        self._upstream = upstream
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._rests_until = 0.0

    def bars(self, symbol: Symbol) -> Bars:
        """The whole history. Raises what the upstream source raises, and SourceResting while it is left alone."""
        return self._ask(symbol, lambda: self._upstream.bars(symbol))

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        """The rows from `day` on. Raises as `bars` does."""
        return self._ask(symbol, lambda: self._upstream.bars_since(symbol, day))

    def _ask(self, symbol: Symbol, question: Callable[[], Bars]) -> Bars:
        left = self._rests_until - self._clock.monotonic()
        if self._failures >= FAILURES and left > 0:
            raise SourceBackingOff(
                f"{symbol} is not asked about: the source failed {self._failures} times in a row and is left alone for"
                f" {left:.0f} s more. What failed is in the log before this; nothing needs to be done."
            )
        try:
            answer = question()
        except SourceUnreachable:
            self._failures += 1
            self._rests_until = self._clock.monotonic() + REST_SECONDS * (1 + JITTER * self._chance())
            raise
        except Exception:
            self._failures = 0
            raise
        self._failures = 0
        return answer
