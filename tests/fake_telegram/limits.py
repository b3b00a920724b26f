"""Does this message come too fast?"""

from __future__ import annotations

from collections import defaultdict, deque

EVERYWHERE = (30, 1.0)
PRIVATE = (1, 1.0)
GROUP = (20, 60.0)


class Window:
    """At most so many moments in any stretch of so many seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self.seconds = seconds
        self._last: deque[float] = deque(maxlen=most)

    def is_full(self, now: float) -> bool:
        return len(self._last) == self._last.maxlen and self._last[0] > now - self.seconds

    def count(self, now: float) -> None:
        self._last.append(now)


class Limits:
    """The limits as Telegram describes them, with no tolerance at all."""

    def __init__(self) -> None:
        self._everywhere = Window(*EVERYWHERE)
        self._private: defaultdict[str, Window] = defaultdict(lambda: Window(*PRIVATE))
        self._groups: defaultdict[str, Window] = defaultdict(lambda: Window(*GROUP))

    def take(self, chat: str, now: float, *, private: bool) -> bool:
        """Whether one more message to `chat` is within the limits; if so, it is counted."""
        own = (self._private if private else self._groups)[chat]
        if own.is_full(now) or self._everywhere.is_full(now):
            return False
        own.count(now)
        self._everywhere.count(now)
        return True
