"""How far, how rare?"""

from bot.statistics.board import Board
from bot.statistics.measure import PERCENTILE_WINDOWS, YEARS_OF_HISTORY, Verdicts, compound, measure, measure_spread
from bot.statistics.past import Past
from bot.statistics.verdict import Lines, State, Verdict

__all__ = [
    "PERCENTILE_WINDOWS",
    "YEARS_OF_HISTORY",
    "Board",
    "Lines",
    "Past",
    "State",
    "Verdict",
    "Verdicts",
    "compound",
    "measure",
    "measure_spread",
]
