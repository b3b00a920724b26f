"""What does a person ask, and what does he get to hear?"""

from bot.conversation.answering import answer, sorry
from bot.conversation.asks import Ask, Reply
from bot.conversation.desk import Condition, Desk, View
from bot.conversation.menu import MENU, does
from bot.conversation.roles import ALLOWED, Audience, Role

__all__ = [
    "ALLOWED",
    "MENU",
    "Ask",
    "Audience",
    "Condition",
    "Desk",
    "Reply",
    "Role",
    "View",
    "answer",
    "does",
    "sorry",
]
