"""Has something happened that is to be judged, and what follows from it?"""

from bot.watch.due import Due, Timing, as_of
from bot.watch.loop import Journal, Watch, nothing_known
from bot.watch.turn import Setup

__all__ = ["Due", "Journal", "Setup", "Timing", "Watch", "as_of", "nothing_known"]
