"""Who is asking, and what may he ask?"""

from __future__ import annotations

from enum import Enum

from bot.conversation.asks import Ask
from bot.delivery.model import ChatKind


class Role(Enum):
    """What somebody is in the chat he asks in. An operator is one in private alone: elsewhere others read along."""

    PERSON = "person"
    OPERATOR = "operator"
    MEMBER = "group member"
    ADMINISTRATOR = "group administrator"


class Audience(Enum):
    """Whom a command is for: everyone, those who decide for the chat, or the operators."""

    EVERYONE = "everyone"
    DECIDERS = "deciders"
    OPERATORS = "operators"


ALLOWED = {
    Audience.EVERYONE: frozenset(Role),
    Audience.DECIDERS: frozenset(Role) - {Role.MEMBER},
    Audience.OPERATORS: frozenset({Role.OPERATOR}),
}


def role_of(ask: Ask, *, operator: bool, administers: bool) -> Role:
    """The role of whoever asked in private or in a group; the two facts are about him and the chat."""
    if ask.kind is ChatKind.GROUP:
        return Role.ADMINISTRATOR if administers or ask.anonymous else Role.MEMBER
    return Role.OPERATOR if operator else Role.PERSON
