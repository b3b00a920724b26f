"""Which made-up baskets are measured? Daily returns of about 1.2 %, with the heavy tails that real ones have."""

from __future__ import annotations

import numpy as np

from bot.baskets import Basket, BasketId, BasketSeries, Member
from bot.prices.bars import Symbol
from bot.prices.table import SymbolReturns

BASKETS = 200
YEARS_30 = 7560  # sessions
DAILY = 0.012
DRIFT = 0.0003


def baskets(count: int = BASKETS, sessions: int = YEARS_30, seed: int = 1) -> list[BasketSeries]:
    """Series as `bot.baskets.value_basket` gives them, of one member each; the first session has no return."""
    rng = np.random.default_rng(seed)
    spread = DAILY / np.sqrt(2)  # student-t with 4 degrees of freedom has variance 2
    returns = DRIFT + spread * rng.standard_t(4, (count, sessions))
    returns = np.maximum(returns, -0.5)
    returns[:, 0] = np.nan
    days = np.busday_offset("1996-01-02", np.arange(sessions), roll="forward").astype("datetime64[D]")
    return [series(BasketId(f"b{number}"), days, daily) for number, daily in enumerate(returns)]


def series(name: BasketId, days: np.ndarray, daily: np.ndarray) -> BasketSeries:
    return BasketSeries(
        basket=Basket(name, (), (Member(Symbol(name.upper())),)),
        sessions=days,
        daily_return=daily,
        coverage=np.where(np.isnan(daily), np.nan, 1.0),
        alone=(SymbolReturns(daily, daily, np.zeros(len(days), dtype=np.bool_), 0),),
        rows=(slice(0, len(days)),),
        final_sessions=len(days),
    )
