"""Has something happened that is to be judged, and what follows from it?"""

from bot.watch.due import Due, Timing, as_of
from bot.watch.gate import Gate
from bot.watch.loop import Journal, Watch, nothing_known
from bot.watch.revised import Correction, Published, corrections
from bot.watch.troubles import Notice, State, Trouble, Unsure
from bot.watch.turn import Setup

__all__ = [
    "Correction",
    "Due",
    "Gate",
    "Journal",
    "Notice",
    "Published",
    "Setup",
    "State",
    "Timing",
    "Trouble",
    "Unsure",
    "Watch",
    "as_of",
    "corrections",
    "nothing_known",
]
