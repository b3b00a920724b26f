"""What would have been said?"""

from bot.backtest.replay import Session, alerts, replay

__all__ = ["Session", "alerts", "replay"]
