"""What does a person get to hear?"""

from __future__ import annotations

import logging
from dataclasses import replace

from bot.conversation.asks import Ask, Reply
from bot.conversation.desk import Desk, Mistaken, say, spoken, tongue
from bot.conversation.menu import COMMANDS, Command
from bot.conversation.roles import ALLOWED, Audience, role_of
from bot.conversation.throttle import Admission
from bot.delivery.formatting import LONGEST, LONGEST_CAPTION, fit_to_limit
from bot.delivery.model import ChatKind
from bot.errors import BotError
from bot.messages.catalogue import load_catalogue

log = logging.getLogger(__name__)


async def answer(desk: Desk, ask: Ask) -> Reply | None:
    """The reply to what was asked; None = silence.

    Whoever asks too much hears so once. In a group only commands are answered: people talk to each other there.
    """
    command = _meant(ask)
    nobody = ask.kind is ChatKind.CHANNEL or (ask.kind is ChatKind.PRIVATE and ask.user is None)
    if nobody or (command is None and ask.kind is ChatKind.GROUP):
        return None
    admission = desk.throttle.admit(_who(ask), desk.clock.monotonic())
    if admission is Admission.IGNORED:
        return None
    if admission is Admission.REFUSED:
        return sorry(ask, "chat_slower")
    try:
        reply = await _served(desk, ask, command)
    except BotError as error:
        log.warning("%s could not be answered: %s", ask.command, error)
        return sorry(ask)
    return replace(reply, message=fit_to_limit(reply.message, LONGEST_CAPTION if reply.content else LONGEST))


def sorry(ask: Ask, why: str = "chat_trouble") -> Reply:
    """An answer that takes nothing but words, in the language of the person's own program."""
    words = load_catalogue(spoken(ask.language))
    return say(words, words.say(why))


def _who(ask: Ask) -> list[str]:
    """Whose patience it costs; who speaks as a group or a channel is nobody in particular."""
    return [f"chat {ask.chat}", *([] if ask.user is None else [f"user {ask.user}"])]


async def _served(desk: Desk, ask: Ask, command: Command | None) -> Reply:
    known = await desk.known(ask)
    words = tongue(known)
    if command is None:
        return say(words, words.say("chat_not_understood"))
    # Who administers a group is looked up only where it matters.
    matters = command.audience is Audience.DECIDERS and ask.kind is ChatKind.GROUP
    administers = matters and ask.user is not None and await desk.administers(ask.chat, ask.user)
    if role_of(ask, operator=ask.user in desk.operators, administers=administers) not in ALLOWED[command.audience]:
        return say(words, words.say(f"chat_only_{command.audience.value}"))
    try:
        return await command.answer(desk, ask, known)
    except Mistaken as error:
        return say(words, *error.lines, buttons=error.buttons)


def _meant(ask: Ask) -> Command | None:
    """The command; a start with a basket, as links have it, is a subscription."""
    return COMMANDS.get("subscribe" if ask.command == "start" and ask.words else ask.command)
