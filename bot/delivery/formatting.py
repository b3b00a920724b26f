"""Late and repeat marks, fitting to length limits, alert buttons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.delivery.model import Delivery
from bot.messages.catalogue import load_catalogue
from bot.messages.message import Button, Message, utf16_length, visible_text

LONGEST, LONGEST_CAPTION = 4096, 1024  # UTF-16 units after the markup is read: what Telegram takes
LATE = timedelta(minutes=10)


def message_to_send(delivery: Delivery, now: datetime) -> Message:
    """The delivery's message to send at `now`, with marks below the first line if late or a possible duplicate.

    A message of `render_alert` fits a caption with both marks.
    """
    words = load_catalogue(delivery.message.language)
    marks = []
    if delivery.unconfirmed:
        marks.append(words.say("repeated"))
    if now - delivery.created > LATE:
        marks.append(words.say("late", when=f"{delivery.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC"))
    first, *rest = delivery.message.lines
    return fit_to_limit(
        Message(words.language, (first, *marks, *rest)), LONGEST_CAPTION if delivery.is_caption else LONGEST
    )


def fit_to_limit(message: Message, limit: int) -> Message:
    """`message` without the last lines that exceed `limit` UTF-16 units.

    No line is cut, and the first stays: no line is longer than a message may be.
    """
    kept: list[str] = []
    room = limit + 1
    for line in message.lines:
        room -= utf16_length(visible_text(line)) + 1
        if kept and room < 0:
            break
        kept.append(line)
    return Message(message.language, tuple(kept))


def alert_buttons(delivery: Delivery) -> tuple[tuple[Button, ...], ...]:
    """The buttons below an alert; an alert about two baskets has the buttons of the first."""
    if not delivery.baskets or delivery.session is None:
        return ()
    words, basket = load_catalogue(delivery.message.language), delivery.baskets[0]
    rows = (("status", "chart"), ("why", "mute"))
    about = {"mute": f"{basket} 1d"}
    return tuple(
        tuple(
            Button(words.say(f"key_{command}"), f"{command} {about.get(command, f'{basket} {delivery.session}')}")
            for command in row
        )
        for row in rows
    )
