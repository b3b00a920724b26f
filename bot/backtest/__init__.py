"""What would have been said?"""

from bot.backtest.inquiry import Answer, inquire
from bot.backtest.replay import Session, alerts, replay
from bot.backtest.review import Review, RungRate, Said, review
from bot.backtest.whatif import distances, supposed_move, whatif
from bot.backtest.worst import worst

__all__ = [
    "Answer",
    "Review",
    "RungRate",
    "Said",
    "Session",
    "alerts",
    "distances",
    "inquire",
    "replay",
    "review",
    "supposed_move",
    "whatif",
    "worst",
]
