"""What would have been said?"""

from bot.backtest.replay import Session, alerts, replay
from bot.backtest.whatif import whatif
from bot.backtest.worst import worst

__all__ = ["Session", "alerts", "replay", "whatif", "worst"]
