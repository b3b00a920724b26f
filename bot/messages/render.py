"""Which message does an alert have?"""

from __future__ import annotations

from bot.alerts import Alert
from bot.context import Context
from bot.messages.catalogue import catalogue
from bot.messages.fall import fall_lines, state_lines
from bot.messages.gap import gap_lines
from bot.messages.members import member_lines
from bot.messages.message import Message, length, printable, reading
from bot.messages.wording import Events

LONGEST = 900  # UTF-16 units, as Telegram counts: it then fits under a chart, with room for what is added on the way


def render(alert: Alert, context: Context, events: Events, language: str) -> Message:
    """The message of an alert in one of `languages()`. The first line says it all; later lines weigh less and less.

    Lines that would make it longer than LONGEST are dropped whole, the lightest first. The first line and the last one,
    which says what the prices are and how to refer to the alert, stay.
    """
    words = catalogue(language)
    if alert.subject.against:
        lines = gap_lines(alert, context, events, words)
    elif alert.subject.member or alert.rule.asks("day_low"):
        lines = member_lines(alert, context, events, words)
    elif context.entered is not None and alert.rule.asks("enters"):
        lines = state_lines(alert, context, words)
    else:
        lines = fall_lines(alert, context, events, words)
    return fitting(Message(language, tuple(map(printable, lines))))  # no alert is born with a link


def fitting(message: Message, tail: int = 1) -> Message:
    """The message without as many of the lines above the last `tail` as it takes; the first one stays."""
    kept = list(message.lines)
    while len(kept) > tail + 1 and not fits(kept):
        del kept[-tail - 1]
    return message if len(kept) == len(message.lines) else Message(message.language, tuple(kept))


def fits(lines: list[str]) -> bool:
    return length(reading("\n".join(lines))) <= LONGEST
