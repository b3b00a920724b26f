"""How does a message read when it leaves late, again, or too long?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.delivery.deliveries import Delivery
from bot.messages import Message

LONGEST = 4096  # UTF-16 units after the markup is read: what Telegram takes
LATE = timedelta(minutes=10)
REPEATED = {
    "en": "Possibly a repeat: the first copy was not confirmed.",
    "zh": "可能重复:上一条未获送达确认。",
}
DELAYED = {
    "en": "Late: this was ready at {when:%Y-%m-%d %H:%M} UTC.",
    "zh": "迟到:本消息生成于 {when:%Y-%m-%d %H:%M} UTC。",
}


def dress(delivery: Delivery, now: datetime) -> Message:
    """The delivery's message as it leaves at `now`: marked below its first line when it is late or may be a repeat."""
    language = delivery.message.language
    marks = []
    if delivery.unconfirmed:
        marks.append(REPEATED.get(language, REPEATED["en"]))
    if now - delivery.created > LATE:
        marks.append(DELAYED.get(language, DELAYED["en"]).format(when=delivery.created.astimezone(UTC)))
    first, *rest = delivery.message.lines
    return fit(Message(language, (first, *marks, *rest)), LONGEST)


def fit(message: Message, limit: int) -> Message:
    """`message` without as many of its last lines as it takes to stay within `limit` UTF-16 units.

    No line is cut, and the first stays whatever its length.
    """
    kept: list[str] = []
    room = limit + 1
    for line in message.lines:
        room -= len(line.encode("utf-16-le", "surrogatepass")) // 2 + 1
        if kept and room < 0:
            break
        kept.append(line)
    return Message(message.language, tuple(kept))
