"""What else is true of this fall?"""

from bot.context.context import PLUNGE, Context, Contrast, History, MemberShare, StateEntry, Yardstick
from bot.context.explain import explain
from bot.context.members import contributions

__all__ = [
    "PLUNGE",
    "Context",
    "Contrast",
    "History",
    "MemberShare",
    "StateEntry",
    "Yardstick",
    "contributions",
    "explain",
]
