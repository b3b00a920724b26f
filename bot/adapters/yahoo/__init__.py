"""What does Yahoo say about a symbol, asked through yfinance?"""

from bot.adapters.yahoo.breaker import Breaker
from bot.adapters.yahoo.news import YahooNews
from bot.adapters.yahoo.source import Yahoo

__all__ = ["Breaker", "Yahoo", "YahooNews"]
