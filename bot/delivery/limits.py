"""How long must the next message wait, so that no limit of the chat product is broken?"""

from __future__ import annotations

from collections import deque

from bot.delivery.deliveries import Kind

PER_SECOND = 28.5
# A timer wakes late, and the loss would add up. With up to this many seconds made good by the next message there are
# still at most 29 in any second: (1 + 0.015) * 28.5 < 29.
SLACK = 0.015
# With one request at a time and 3 s from an answer to the next request, a chat gets at most 20 messages in any 60 s.
REST = {Kind.TERMINAL: 0.0, Kind.CHANNEL: 3.0, Kind.GROUP: 3.0, Kind.PRIVATE: 1.0}
SEVERAL = 3
AT_ONCE = 10.0


class Limits:
    """The limits towards all chats together and towards each chat; every `now` is monotonic, in seconds.

    A chat rests from the answer to the next request, for the moment at which a message counts lies before its answer.
    """

    def __init__(self) -> None:
        self._next = 0.0
        self._halted_until = 0.0
        self._rests_until: dict[str, float] = {}
        self._floods: deque[tuple[float, str, float]] = deque()

    def wait(self, now: float) -> float:
        """Seconds until a message may leave, to whomever; 0 = now."""
        return max(0.0, self._next - now, self._halted_until - now)

    def resting(self, now: float) -> frozenset[str]:
        """The chats that must hear nothing now."""
        self._rests_until = {chat: until for chat, until in self._rests_until.items() if until > now}
        return frozenset(self._rests_until)

    def began(self, kind: Kind, now: float) -> None:
        """A request leaves."""
        if kind is not Kind.TERMINAL:
            self._next = max(self._next, now - SLACK) + 1 / PER_SECOND

    def ended(self, chat: str, kind: Kind, now: float) -> None:
        """A message that began has arrived, or may have."""
        self._rest(chat, now + REST[kind])

    def flood(self, chat: str, seconds: float, now: float) -> None:
        """We were told to leave `chat` alone; when several chats say so at once, all are left alone."""
        self._rest(chat, now + seconds)
        self._floods.append((now, chat, seconds))
        while self._floods[0][0] < now - AT_ONCE:
            self._floods.popleft()
        if len({told for _, told, _ in self._floods}) >= SEVERAL:
            self.halt(max(when + told for when, _, told in self._floods) - now, now)

    def halt(self, seconds: float, now: float) -> None:
        """Nobody hears anything for `seconds`."""
        self._halted_until = max(self._halted_until, now + seconds)

    def _rest(self, chat: str, until: float) -> None:
        if until > self._rests_until.get(chat, 0.0):
            self._rests_until[chat] = until
