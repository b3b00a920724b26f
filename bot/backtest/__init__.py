"""What would have been said?"""

from bot.backtest.replay import Session, alerts, replay
from bot.backtest.review import Review, RungRate, Said, review

__all__ = ["Review", "RungRate", "Said", "Session", "alerts", "replay", "review"]
