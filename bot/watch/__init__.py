"""Has something happened that is to be judged, and what follows from it?"""

from bot.watch.correcting import correct
from bot.watch.due import Due, Timing, as_of
from bot.watch.gate import Gate
from bot.watch.loop import Journal, Telling, Watch, nothing_known
from bot.watch.press import News, Press
from bot.watch.troubles import Notice, State, Trouble, Unsure
from bot.watch.turn import Setup

__all__ = [
    "Due",
    "Gate",
    "Journal",
    "News",
    "Notice",
    "Press",
    "Setup",
    "State",
    "Telling",
    "Timing",
    "Trouble",
    "Unsure",
    "Watch",
    "as_of",
    "correct",
    "nothing_known",
]
