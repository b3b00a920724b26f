"""How do we say it?"""

from bot.languages import languages
from bot.messages.catalogue import Catalogue, catalogue
from bot.messages.changes import abandoned, announcement, belated, corrected, noted, quoted, revoked, withdrawn
from bot.messages.message import Button, Message, length, printable, reading
from bot.messages.render import render
from bot.messages.supposed import supposed
from bot.messages.wording import another, window_words

__all__ = [
    "Button",
    "Catalogue",
    "Message",
    "abandoned",
    "announcement",
    "another",
    "belated",
    "catalogue",
    "corrected",
    "languages",
    "length",
    "noted",
    "printable",
    "quoted",
    "reading",
    "render",
    "revoked",
    "supposed",
    "window_words",
    "withdrawn",
]
