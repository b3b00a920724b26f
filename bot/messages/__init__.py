"""How do we say it?"""

from bot.messages.catalogue import catalogue, languages
from bot.messages.message import Message
from bot.messages.render import render
from bot.messages.supposed import supposed

__all__ = ["Message", "catalogue", "languages", "render", "supposed"]
