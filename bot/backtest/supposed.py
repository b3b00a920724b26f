"""What would the next session look like if a basket fell by so much?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import numpy as np

from bot.baskets import Basket, value
from bot.errors import NoData
from bot.prices import CalendarCode, Floats, PriceTable
from bot.statistics import compound


def suppose(
    tables: Mapping[CalendarCode, PriceTable], basket: Basket, move: float, window: int
) -> tuple[dict[CalendarCode, PriceTable], date]:
    """The tables with one more final session, and its label: `basket` then has made `move` (a fraction) over `window`.

    All members close at the same return, which is what the last session needs after those before it; everything else
    that has a price stands still. Raises NoData if that cannot be: too short a history, or too deep for one session.
    """
    table = tables[basket.calendar]
    final = table.final_sessions
    at = int(np.searchsorted(table.calendar.sessions, table.sessions[final - 1])) + 1 if final else 0
    if not final or at >= len(table.calendar.sessions):
        raise NoData(f"There is no session after the data of {basket.id}. Give longer histories.")
    daily = value(table, basket).daily_return[:final]
    before = compound(daily, window - 1)[-1:] if window > 1 else np.zeros(1)
    if not len(before) or np.isnan(before[0]):
        raise NoData(f"{basket.id} has no reading on one of its last {window - 1} sessions. Choose a shorter --window.")
    last = (1 + move) / (1 + float(before[0])) - 1
    if last <= -1:
        raise NoData(f"After its last {window - 1} sessions {basket.id} cannot come to {move:.1%} in one more.")
    factor = np.where(np.isin(table.symbols, basket.symbols), 1 + last, 1.0)
    changed = replace(
        table,
        sessions=table.calendar.sessions[at - final : at + 1],
        close=_grown(table.close[:final], factor),
        adjusted=_grown(table.adjusted[:final], factor),
        low=np.vstack((table.low[:final], table.close[final - 1] * np.minimum(factor, 1.0))),
        shut=np.vstack((table.shut[:final], np.zeros(len(table.symbols), dtype=np.bool_))),
        final_sessions=final + 1,
    )
    return {**tables, basket.calendar: changed}, changed.sessions[-1].item()


def _grown(closes: Floats, factor: Floats) -> Floats:
    return np.vstack((closes, closes[-1] * factor))
