"""How do we say it?"""

from bot.messages.catalogue import catalogue, languages
from bot.messages.message import Message
from bot.messages.render import render

__all__ = ["Message", "catalogue", "languages", "render"]
