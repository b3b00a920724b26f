"""What does Yahoo say about a symbol, asked through yfinance?"""

from bot.adapters.yahoo.source import Yahoo

__all__ = ["Yahoo"]
