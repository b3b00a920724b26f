"""What does a tuning look like on a page?"""

from bot.backtest.report.page import render

__all__ = ["render"]
