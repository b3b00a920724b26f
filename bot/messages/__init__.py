"""How do we say it?"""

from bot.messages.catalogue import Catalogue, catalogue, languages
from bot.messages.changes import announcement, corrected, noted, quoted, revoked, withdrawn
from bot.messages.message import Button, Message, printable, reading
from bot.messages.render import render
from bot.messages.supposed import supposed
from bot.messages.wording import another, window_words

__all__ = [
    "Button",
    "Catalogue",
    "Message",
    "announcement",
    "another",
    "catalogue",
    "corrected",
    "languages",
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
