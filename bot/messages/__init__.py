"""How do we say it?"""

from bot.messages.cards import card
from bot.messages.catalogue import Catalogue, catalogue, languages
from bot.messages.changes import announcement, withdrawn
from bot.messages.message import Button, Message, printable
from bot.messages.render import render

__all__ = [
    "Button",
    "Catalogue",
    "Message",
    "announcement",
    "card",
    "catalogue",
    "languages",
    "printable",
    "render",
    "withdrawn",
]
