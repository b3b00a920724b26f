"""What would have been said?"""

from bot.backtest.replay import Session, alerts, replay
from bot.backtest.review import Review, RungRate, Said, review
from bot.backtest.whatif import distances, whatif
from bot.backtest.worst import worst

__all__ = ["Review", "RungRate", "Said", "Session", "alerts", "distances", "replay", "review", "whatif", "worst"]
