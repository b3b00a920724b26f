"""Which were the worst moves of a basket?"""

from __future__ import annotations

from bot.baskets import BasketId
from bot.statistics import Board, Case, worst_moves


def worst(board: Board, basket: BasketId, n: int, window: int = 2) -> tuple[Case, ...]:
    """The `n` worst `window`-session moves up to the last final session, worst first; no two windows overlap."""
    position = board.series[basket].final_sessions - 1
    return worst_moves(board.of_basket(basket, window), position, n) if position >= 0 else ()
