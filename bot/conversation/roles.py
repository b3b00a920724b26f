"""Who is asking, and what may he ask?"""

from __future__ import annotations

from enum import Enum, StrEnum

from bot.conversation.asks import Ask, Origin
from bot.delivery import Kind


class Role(StrEnum):
    """What somebody is in the chat he asks in. An operator is one in private alone: elsewhere others read along."""

    STRANGER = "stranger"
    SUBSCRIBER = "subscriber"
    OPERATOR = "operator"
    MEMBER = "group member"
    ADMINISTRATOR = "group administrator"
    ANONYMOUS = "anonymous administrator"
    CHANNEL = "channel"
    FORWARDED = "forwarded"
    EDITED = "edited"


class Audience(Enum):
    """Whom a command is for: everyone, those who decide for the chat, or the operators."""

    EVERYONE = "everyone"
    DECIDERS = "deciders"
    OPERATORS = "operators"


PRIVATE = frozenset({Role.STRANGER, Role.SUBSCRIBER, Role.OPERATOR})
ALLOWED = {
    Audience.EVERYONE: PRIVATE | {Role.MEMBER, Role.ADMINISTRATOR, Role.ANONYMOUS},
    Audience.DECIDERS: PRIVATE | {Role.ADMINISTRATOR, Role.ANONYMOUS},
    Audience.OPERATORS: frozenset({Role.OPERATOR}),
}
# What was said elsewhere, or before it was changed, is no command.
UNHEARD = {Origin.FORWARDED: Role.FORWARDED, Origin.EDITED: Role.EDITED}


def role_of(ask: Ask, *, operator: bool, subscribed: bool, administers: bool) -> Role:
    """The role of whoever asked; the three facts are about him and the chat."""
    if ask.origin in UNHEARD:
        return UNHEARD[ask.origin]
    if ask.kind is Kind.GROUP:
        named = Role.ADMINISTRATOR if administers else Role.MEMBER
        return Role.ANONYMOUS if ask.anonymous else named
    if ask.kind is not Kind.PRIVATE or ask.user is None:
        return Role.CHANNEL
    known = Role.SUBSCRIBER if subscribed else Role.STRANGER
    return Role.OPERATOR if operator else known
