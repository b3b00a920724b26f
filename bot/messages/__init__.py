"""How do we say it?"""

from bot.messages.catalogue import Catalogue, catalogue, languages
from bot.messages.message import Button, Message, printable
from bot.messages.render import render

__all__ = ["Button", "Catalogue", "Message", "catalogue", "languages", "printable", "render"]
