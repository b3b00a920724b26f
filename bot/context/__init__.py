"""What else is true of this fall?"""

from bot.context.context import PLUNGE, Context, Contrast, History, MemberShare, StateEntry, Yardstick
from bot.context.explain import deeper_claim, explain
from bot.context.headlines import Headline, losers, relevant
from bot.context.members import contributions
from bot.context.supposition import Reach, Supposition

__all__ = [
    "PLUNGE",
    "Context",
    "Contrast",
    "Headline",
    "History",
    "MemberShare",
    "Reach",
    "StateEntry",
    "Supposition",
    "Yardstick",
    "contributions",
    "deeper_claim",
    "explain",
    "losers",
    "relevant",
]
