"""Per-chat and global rate limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from bot.delivery.model import TOPIC, ChatKind

PER_SECOND = 28.6  # on average; with what late timers cost, a long drain keeps 28.5
MAX_PER_SECOND = 29
# Timers wake late and databases take their time. Lateness up to this is made good by the messages that follow, which
# leave closer together, but never closer than the second figure.
MADE_GOOD = 0.1
CLOSEST = 0.02
# With one request at a time and 3 s from an answer to the next request, a chat gets at most 20 messages in any 60 s.
REST = {ChatKind.TERMINAL: 0.0, ChatKind.CHANNEL: 3.0, ChatKind.GROUP: 3.0, ChatKind.PRIVATE: 1.0}
REPLIES = 3  # a second, before everything else
# So many chats told to wait within so many seconds mean that all are meant. A stall on the way lets a few messages
# arrive too close to each other: those wait alone.
SEVERAL = 6
AT_ONCE = 2.0


class RateLimits:
    """The limits for all chats together and for each chat; every `now` is monotonic, in seconds.

    A chat rests from the answer to the next request: Telegram counts a message before the answer arrives.
    """

    def __init__(self) -> None:
        self._next = 0.0
        self._planned = 0.0
        self._left: deque[float] = deque(maxlen=MAX_PER_SECOND)
        self._replied: deque[float] = deque(maxlen=REPLIES)
        self._halted_until = 0.0
        self._rests_until: dict[str, float] = {}
        self._under_way: set[str] = set()
        self._topics: set[str] = set()  # those of one group share its limits
        self._floods: deque[tuple[float, str, float]] = deque()
        self._choosing = False

    def wait(self, now: float) -> float:
        """Seconds until the next message to any chat; 0 = now."""
        return max(0.0, self._next - now, self._halted_until - now)

    def wait_for_reply(self, now: float) -> float:
        """Seconds until a reply to a command may be sent; replies go before all messages, a few times a second."""
        full = self._left[0] + 1 if len(self._left) == MAX_PER_SECOND else 0.0
        many = self._replied[0] + 1 if len(self._replied) == REPLIES else 0.0
        return max(CLOSEST if self._choosing else 0.0, max(full, many, self._halted_until) - now)

    def replied(self, chat: str, kind: ChatKind, now: float) -> None:
        """Count a reply to a command as a message."""
        self._replied.append(now)
        self.began(chat, kind, now)

    @contextmanager
    def choosing(self, now: float) -> Iterator[frozenset[str]]:
        """Hold replies back while a message is chosen: a reply would make the chosen chat rest."""
        self._choosing = True
        try:
            yield self.resting(now)
        finally:
            self._choosing = False

    def resting(self, now: float) -> frozenset[str]:
        """The chats that may not get a message now."""
        self._rests_until = {chat: until for chat, until in self._rests_until.items() if until > now}
        resting = {*self._rests_until, *self._under_way}
        groups = {chat.partition(TOPIC)[0] for chat in resting}
        return frozenset(resting | groups | {topic for topic in self._topics if topic.partition(TOPIC)[0] in groups})

    def began(self, chat: str, kind: ChatKind, now: float) -> None:
        """Start of a request."""
        if kind is ChatKind.TERMINAL:
            return
        self._under_way.add(chat)
        if TOPIC in chat:
            self._topics.add(chat)
        self._left.append(now)
        late = now - self._planned < MADE_GOOD
        self._planned = (self._planned if late else now) + 1 / PER_SECOND
        self._next = max(self._planned, now + CLOSEST)
        if len(self._left) == MAX_PER_SECOND:
            self._next = max(self._next, self._left[0] + 1)

    def ended(self, chat: str, kind: ChatKind, now: float, *, arrived: bool = True) -> None:
        """End of a request to a chat; the chat rests unless the message certainly did not arrive."""
        self._under_way.discard(chat)
        if arrived:
            self._rest(chat, now + REST[kind])

    def flood(self, chat: str, seconds: float, now: float) -> None:
        """Rate limit of `chat` exceeded for `seconds`; several chats at once halt all."""
        self._rest(chat, now + seconds)
        self._floods.append((now, chat, seconds))
        while self._floods[0][0] < now - AT_ONCE:
            self._floods.popleft()
        if len({limited for _, limited, _ in self._floods}) >= SEVERAL:
            self.halt(max(begin + wait for begin, _, wait in self._floods) - now, now)

    def halt(self, seconds: float, now: float) -> None:
        """No message to any chat for `seconds`."""
        self._halted_until = max(self._halted_until, now + seconds)

    def _rest(self, chat: str, until: float) -> None:
        if until > self._rests_until.get(chat, 0.0):
            self._rests_until[chat] = until
