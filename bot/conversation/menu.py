"""Which commands are there, for whom, and who answers each?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.conversation import choices, market, operating, records, subscribing
from bot.conversation.asks import Ask, Reply
from bot.conversation.desk import Desk, say, tongue
from bot.conversation.roles import Audience
from bot.delivery.subscribers import Subscriber
from bot.messages.catalogue import Catalogue

DECIDERS, EVERYONE, OPERATORS = Audience.DECIDERS, Audience.EVERYONE, Audience.OPERATORS


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name without the slash, whom it is for, and who answers, told the choices of the chat."""

    name: str
    audience: Audience
    answer: Callable[[Desk, Ask, Subscriber], Awaitable[Reply]]


async def help_(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    words = tongue(known)
    lines = [
        words.say("chat_help_line", name=one.name, does=does(one, words))
        for one in MENU
        if one.audience is not OPERATORS
    ]
    return say(words, words.say("chat_purpose"), *lines)


def does(command: Command, words: Catalogue) -> str:
    """What the command does, in a few words."""
    return words.say(f"chat_cmd_{command.name}")


MENU = (
    Command("start", EVERYONE, subscribing.start),
    Command("help", EVERYONE, help_),
    Command("subscribe", DECIDERS, subscribing.subscribe),
    Command("unsubscribe", DECIDERS, subscribing.unsubscribe),
    Command("stop", DECIDERS, subscribing.stop),
    Command("baskets", EVERYONE, market.baskets),
    Command("status", EVERYONE, market.status),
    Command("worst", EVERYONE, market.worst),
    Command("chart", EVERYONE, market.chart),
    Command("why", EVERYONE, market.why),
    Command("whatif", EVERYONE, market.whatif),
    Command("level", DECIDERS, choices.level),
    Command("mute", DECIDERS, choices.mute),
    Command("unmute", DECIDERS, choices.unmute),
    Command("quiet", DECIDERS, choices.quiet),
    Command("timezone", DECIDERS, choices.timezone),
    Command("language", DECIDERS, choices.language),
    Command("settings", DECIDERS, choices.settings),
    Command("privacy", EVERYONE, records.privacy),
    Command("export", DECIDERS, records.export),
    Command("delete", DECIDERS, records.delete),
    Command("health", OPERATORS, operating.health),
    Command("reload", OPERATORS, operating.reload),
    Command("silence", OPERATORS, operating.silence),
    Command("outbox", OPERATORS, operating.outbox),
    Command("note", OPERATORS, operating.note),
    Command("tune", OPERATORS, operating.tune),
)
COMMANDS = {command.name: command for command in MENU}
