"""How far, how rare?"""

from bot.statistics.board import Board
from bot.statistics.further import Further, NextLine, further, next_line
from bot.statistics.measure import PERCENTILE_WINDOWS, YEARS_OF_HISTORY, Verdicts, compound, measure, measure_spread
from bot.statistics.past import Past
from bot.statistics.precedents import (
    FEWEST_CASES,
    HORIZONS,
    Aftermath,
    Case,
    Crossing,
    Path,
    Precedents,
    crossing,
    precedents,
    worst_moves,
)
from bot.statistics.swing import swing
from bot.statistics.tail import ReturnPeriod, return_period
from bot.statistics.verdict import Lines, State, Verdict

__all__ = [
    "FEWEST_CASES",
    "HORIZONS",
    "PERCENTILE_WINDOWS",
    "YEARS_OF_HISTORY",
    "Aftermath",
    "Board",
    "Case",
    "Crossing",
    "Further",
    "Lines",
    "NextLine",
    "Past",
    "Path",
    "Precedents",
    "ReturnPeriod",
    "State",
    "Verdict",
    "Verdicts",
    "compound",
    "crossing",
    "further",
    "measure",
    "measure_spread",
    "next_line",
    "precedents",
    "return_period",
    "swing",
    "worst_moves",
]
