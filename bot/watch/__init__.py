"""Has something happened that is to be judged, and what follows from it?"""

from bot.watch.correcting import correct
from bot.watch.due import Due, Timing, as_of
from bot.watch.gate import Gate
from bot.watch.journal import Journal
from bot.watch.kept import nothing_known
from bot.watch.look import Look
from bot.watch.loop import Telling, Watch
from bot.watch.press import News, Press
from bot.watch.troubles import Notice, State, Trouble, Troubles, Unjudged, Unsure
from bot.watch.turn import Setup

__all__ = [
    "Due",
    "Gate",
    "Journal",
    "Look",
    "News",
    "Notice",
    "Press",
    "Setup",
    "State",
    "Telling",
    "Timing",
    "Trouble",
    "Troubles",
    "Unjudged",
    "Unsure",
    "Watch",
    "as_of",
    "correct",
    "nothing_known",
]
