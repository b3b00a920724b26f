"""How does the bot speak and listen on Telegram, with python-telegram-bot?"""

from bot.adapters.telegram.line import TelegramLine
from bot.adapters.telegram.transport import Telegram

__all__ = ["Telegram", "TelegramLine"]
