from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from bot.adapters.price_files import CsvFolder, PriceCache
from bot.adapters.yahoo.source import YahooPrices
from bot.errors import NoData
from bot.prices.bars import PriceSource, Symbol
from tests.fake_yahoo import Day, Listing, fake_yahoo

Publish = Callable[[str, list[Day]], None]
MU = Symbol("MU")


class Market:
    """A source, and a way to put prices where it finds them."""

    def __init__(self, kind: str, folder: Path, stack: ExitStack) -> None:
        self.kind = kind
        self.folder = folder
        self.source: PriceSource = CsvFolder(folder)
        if kind != "csv folder":
            self.yahoo, session = stack.enter_context(fake_yahoo())
            self.source = yahoo = YahooPrices(folder / "yahoo", 20.0, session)
            stack.callback(yahoo.close)
        if kind.startswith("cache"):
            self.source = PriceCache(folder / "kept", yahoo)

    def publish(self, symbol: str, days: list[Day]) -> None:
        if self.kind == "csv folder":
            rows = [(str(day.date), day.close, day.adjusted, day.high, day.low) for day in days]
            lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
            (self.folder / f"{symbol}.csv").write_text("\n".join(["date,close,adj_close,high,low", *lines]))
            return
        kind = "INDEX" if symbol.startswith("^") else "EQUITY"
        self.yahoo.listings[symbol] = Listing(days, kind=kind)
        if self.kind == "cache, warm" and len(days) > 3:
            self.yahoo.listings[symbol] = Listing(days[:-3], kind=kind)
            self.source.bars(Symbol(symbol))
            self.yahoo.listings[symbol] = Listing(days, kind=kind)


@pytest.fixture(params=["csv folder", "yahoo", "cache, cold", "cache, warm"])
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Market]:
    with ExitStack() as stack:
        yield Market(request.param, tmp_path, stack)


def days(closes: list[float | None]) -> list[Day]:
    first = date(2024, 1, 1)
    return [Day(first + timedelta(days=n), close, close and close * 0.9) for n, close in enumerate(closes)]


def test_every_row_comes_as_it_was_published(market: Market) -> None:
    market.publish("MU", [Day(date(2024, 1, 2), 10.1, 9.25, 11.5, 9.75), Day(date(2024, 1, 3), 10.0, 10.0, 10.0, 10.0)])
    bars = market.source.bars(MU)
    assert bars.symbol == "MU"
    assert bars.where
    assert bars.dates.astype(str).tolist() == ["2024-01-02", "2024-01-03"]
    assert [bars.close.tolist(), bars.adjusted.tolist()] == [[10.1, 10.0], [9.25, 10.0]]
    assert [bars.high.tolist(), bars.low.tolist()] == [[11.5, 10.0], [9.75, 10.0]]
    assert bars.refused == ()


def test_types_and_shapes(market: Market) -> None:
    market.publish("MU", days([10.0] * 25))
    bars = market.source.bars(MU)
    assert bars.dates.dtype == np.dtype("M8[D]")
    for values in (bars.close, bars.adjusted, bars.high, bars.low):
        assert (values.dtype, values.shape) == (np.dtype("float64"), (25,))
    assert np.isnan(bars.high).all()
    assert (np.diff(bars.dates) > np.timedelta64(0)).all()


def test_a_missing_price_is_nan_and_is_not_filled(market: Market) -> None:
    market.publish("MU", days([*[10.0] * 20, None, 12.0, None]))
    bars = market.source.bars(MU)
    known = dict(zip(bars.dates.astype(str).tolist(), bars.close.tolist(), strict=True))
    assert known["2024-01-22"] == 12.0
    assert np.isnan(known.get("2024-01-21", np.nan))
    assert np.isnan(known.get("2024-01-23", np.nan))


def test_what_is_no_price_is_refused_with_its_place(market: Market) -> None:
    market.publish("MU", days([10.0, 11.0, -5.0, 12.0, 13.0, 14.0]))
    bars = market.source.bars(MU)
    assert np.flatnonzero(np.isnan(bars.close)).tolist() == [2]
    if market.kind != "cache, warm":  # it has said so the first time
        assert [one.why for one in bars.refused] == [
            f"{name} {price} is no price; it is left out" for name, price in (("close", -5.0), ("adjusted close", -4.5))
        ]


def test_index_symbols(market: Market) -> None:
    market.publish("^SOX", days([10.0, 11.0]))
    bars = market.source.bars(Symbol("^SOX"))
    assert bars.symbol == "^SOX"
    assert bars.close.tolist() == [10.0, 11.0]


def test_foreign_symbols(market: Market) -> None:
    market.publish("000660.KS", days([10.0, 11.0]))
    assert market.source.bars(Symbol("000660.KS")).close.tolist() == [10.0, 11.0]


def test_an_unknown_symbol_is_no_data(market: Market) -> None:
    market.publish("MU", days([10.0, 11.0]))
    with pytest.raises(NoData, match="NOPE"):
        market.source.bars(Symbol("NOPE"))


def test_asking_twice_changes_nothing(market: Market) -> None:
    market.publish("MU", days([10.0 + n for n in range(30)]))
    one, other = market.source.bars(MU), market.source.bars(MU)
    for name in ("dates", "close", "adjusted", "high", "low"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
