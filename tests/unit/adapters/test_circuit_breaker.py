from __future__ import annotations

from datetime import date

import pytest

from bot.adapters.yahoo.source import CircuitBreaker
from bot.errors import NoData, SourceUnreachable
from bot.prices.bars import Bars, Symbol, empty_bars
from tests.virtual import VirtualClock

MU, DAY = Symbol("MU"), date(2026, 1, 2)


class Vendor:
    def __init__(self) -> None:
        self.asked = 0
        self.fails: Exception | None = SourceUnreachable("too many requests")

    def bars(self, symbol: Symbol) -> Bars:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return empty_bars(symbol)

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        return self.bars(symbol)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def breaker(vendor: Vendor, clock: VirtualClock) -> CircuitBreaker:
    return CircuitBreaker(vendor, clock, chance=lambda: 0.5)


def fail(breaker: CircuitBreaker, times: int) -> None:
    for number in range(times):
        with pytest.raises(SourceUnreachable):
            breaker.bars_since(MU, DAY) if number % 2 else breaker.bars(MU)


def test_after_five_failures_it_is_left_alone_and_says_for_how_long(breaker: CircuitBreaker, vendor: Vendor) -> None:
    fail(breaker, 50)
    assert vendor.asked == 5
    with pytest.raises(SourceUnreachable, match=r"MU .* 5 times in a row .* 330 s more"):
        breaker.bars(MU)


def test_one_question_after_the_rest_decides(breaker: CircuitBreaker, vendor: Vendor, clock: VirtualClock) -> None:
    fail(breaker, 5)
    clock.seconds += 329
    fail(breaker, 1)
    assert vendor.asked == 5
    clock.seconds += 2
    fail(breaker, 10)
    assert vendor.asked == 6
    clock.seconds += 331
    vendor.fails = None
    for _ in range(10):
        breaker.bars(MU)
    assert vendor.asked == 16
    vendor.fails = SourceUnreachable("again")
    fail(breaker, 10)
    assert vendor.asked == 21


def test_a_symbol_that_does_not_exist_is_an_answer(breaker: CircuitBreaker, vendor: Vendor) -> None:
    fail(breaker, 4)
    vendor.fails = NoData("no such symbol")
    for _ in range(20):
        with pytest.raises(NoData):
            breaker.bars(MU)
    vendor.fails = SourceUnreachable("again")
    fail(breaker, 4)
    assert vendor.asked == 28


def test_a_day_of_refusals_costs_one_request_in_five_minutes(
    breaker: CircuitBreaker, vendor: Vendor, clock: VirtualClock
) -> None:
    for _ in range(24 * 12):
        fail(breaker, 50)
        clock.seconds += 300
    assert vendor.asked <= 5 + 24 * 12
