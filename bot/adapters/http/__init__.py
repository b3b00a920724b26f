"""How do those who look from outside see the bot?"""

from bot.adapters.http.window import Window

__all__ = ["Window"]
