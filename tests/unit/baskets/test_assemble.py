"""Which baskets can be valued with what a source has?"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from bot.baskets import Basket, Member, assemble_market
from bot.prices.bars import Symbol
from tests.world import NEW_YORK, SEOUL, World, basket, weekdays

DAYS = weekdays(10)


def world(*symbols: str) -> World:
    made = World(DAYS)
    for symbol in symbols:
        made.trade(symbol, [0.01] * 9)
    return made


@pytest.mark.parametrize(
    ("of", "there", "kept"),
    [
        (basket("five", "A", "B", "C", "D", "E"), "ABCD", True),
        (basket("five", "A", "B", "C", "D", "E"), "ABC", False),
        (basket("five", "A", "B", "C", "D", "E", min_coverage=0.6), "ABC", True),
        (basket("two", Member(Symbol("A"), 4.0), Member(Symbol("B"), 1.0)), "A", True),
        (basket("two", Member(Symbol("A"), 4.0), Member(Symbol("B"), 1.0)), "B", False),
        (basket("five", *(Member(Symbol(name), 0.3) for name in "ABCDE")), "ABCD", True),
        (basket("one", "A"), "", False),
    ],
)
def test_a_basket_with_too_few_symbols_is_left_out(of: Basket, there: str, kept: bool) -> None:
    source = world(*there)
    market = assemble_market([of], source.rows, source)
    assert [one.id for one in market.baskets] == ([of.id] if kept else [])
    assert [one.basket.id for one in market.left_out] == ([] if kept else [of.id])
    if not kept:
        assert set(market.left_out[0].lacking) == set(of.symbols) - set(there)


def test_a_symbol_that_is_lacking_stands_in_the_table_without_prices() -> None:
    source = world("A", "B", "C", "D")
    market = assemble_market([basket("five", "A", "B", "C", "D", "E")], source.rows, source)
    table = market.tables[NEW_YORK]
    assert table.symbols == ("A", "B", "C", "D", "E")
    assert np.isnan(table.close[:, 4]).all()


def test_a_table_a_calendar_with_each_symbol_once() -> None:
    source = world("A", "B", "C.KS")
    baskets = [
        basket("one", "A", "B"),
        basket("two", "B", "C.KS"),
        basket("three", "C.KS", "A", calendar=SEOUL),
        basket("four", "X", calendar=SEOUL),
    ]
    market = assemble_market(baskets, source.rows, source)
    assert {code: table.symbols for code, table in market.tables.items()} == {
        NEW_YORK: ("A", "B", "C.KS"),
        SEOUL: ("C.KS", "A"),
    }


def test_what_was_refused_is_told_once() -> None:
    source = World(DAYS, {SEOUL: [DAYS[3]]})
    source.trade("A", [0.01] * 9)
    open_on_all = World(DAYS).trade("C.KS", [0.01] * 9)
    source.rows |= open_on_all.rows
    baskets = [basket("one", "A", "C.KS"), basket("two", "A", "C.KS", calendar=SEOUL)]
    assert [one.where for one in assemble_market(baskets, source.rows, source).refused] == [f"C.KS.csv {DAYS[3]}"]


def test_until_is_the_moment_of_judgement_on_every_calendar() -> None:
    source = world("A", "C.KS")
    baskets = [basket("one", "A"), basket("two", "C.KS", calendar=SEOUL)]
    at_noon = datetime(DAYS[4].year, DAYS[4].month, DAYS[4].day, 12, tzinfo=UTC)
    market = assemble_market(baskets, source.rows, source, until=int(at_noon.timestamp()))
    final = {code: (len(table.sessions), table.final_sessions) for code, table in market.tables.items()}
    assert final == {NEW_YORK: (4, 4), SEOUL: (5, 5)}
