"""How does the bot speak and listen on Telegram, with python-telegram-bot?"""

from bot.adapters.telegram.line import TelegramLine
from bot.adapters.telegram.standing import Standing, has_webhook, introduced, standing
from bot.adapters.telegram.transport import Refused, Telegram

__all__ = ["Refused", "Standing", "Telegram", "TelegramLine", "has_webhook", "introduced", "standing"]
