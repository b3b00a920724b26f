"""How does a message reach Telegram, with python-telegram-bot?"""

from bot.adapters.telegram.transport import Telegram

__all__ = ["Telegram"]
