"""Of a symbol that nobody asks about, the whole history is there at the next look, though few rows are kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from bot.engine.fetching import COLUMNS, ROWS, RecentRows
from bot.prices.bars import Bars, Symbol

MU = Symbol("MU")
NOW = datetime(2026, 7, 2, 21, tzinfo=UTC)


def history(rows: int) -> Bars:
    dates = np.arange("2020-01-01", rows, dtype="M8[D]")
    close = 50 + np.arange(rows, dtype=np.float64)
    close[rows // 2] = np.nan
    return Bars(MU, dates, close, close * 0.9, close + 1, close - 1, "Yahoo", volume=close * 1000)


def on_disk(bars: Bars, rows: int) -> Bars:
    """The final rows, as a file has them: without volumes."""
    columns = {name: getattr(bars, name)[:rows] for name in ("dates", *COLUMNS)}
    return replace(bars, **columns, volume=None, where="MU.csv")


def still(whole: Bars, older: Bars | None) -> Bars | None:
    kept = RecentRows(lambda _: older)
    kept.keep({MU: whole}, NOW)
    return asyncio.run(kept.histories([MU])).get(MU)


@pytest.mark.parametrize("rows", [3, ROWS, ROWS + 1, 500])
def test_the_whole_history_is_there(rows: int) -> None:
    whole = history(rows)
    found = still(whole, on_disk(whole, rows - 1))
    assert found is not None
    for name in ("dates", *COLUMNS):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert whole.volume is not None
    assert found.volume is not None
    np.testing.assert_array_equal(found.volume[-ROWS:], whole.volume[-ROWS:])
    assert found.where == "Yahoo"


def test_what_does_not_fit_is_asked_for() -> None:
    whole = history(500)
    older = on_disk(whole, 499)
    split = replace(older, close=older.close / 2)
    longer = history(501)
    for other in (None, split, on_disk(whole, 500 - ROWS), longer):
        assert still(whole, other) is None


def test_of_a_source_that_keeps_nothing_all_is_kept_and_what_is_asked_for_is_let_go() -> None:
    kept, whole = RecentRows(), history(500)
    kept.keep({MU: whole, Symbol("WDC"): whole}, NOW)
    found = asyncio.run(kept.histories([MU]))
    assert list(found) == [MU]
    assert len(found[MU].dates) == 500
    assert dict(kept.fetched_at) == {MU: NOW}
