"""Made-up markets, each with one message worth reading: prices go in, and come out as words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from bot.alerts.rules import NamedEvent
from bot.baskets import Member
from bot.context.headlines import Headline
from bot.pipeline import Rulebook
from bot.prices.bars import Symbol
from bot.statistics.verdict import DrawdownState
from tests.world import LADDER, SEOUL, World, basket, book, contrast, falling, rule, weekdays


@dataclass(frozen=True)
class Scene:
    """A market and its rules; the message is the last one of `speaking`, with the headlines that were found.

    `belated` says that only revised closes bring it about.
    """

    world: World
    rulebook: Rulebook
    speaking: str = "two-session fall"
    headlines: tuple[Headline, ...] = ()
    belated: bool = False


SCENES: dict[str, Callable[[], Scene]] = {}


def scene(make: Callable[[], Scene]) -> Callable[[], Scene]:
    SCENES[make.__name__] = make
    return make


MEMORY = {"zh": "存储板块"}
BUYERS = {"zh": "云计算巨头"}
TARIFFS = NamedEvent("tariffs", (("en", "tariff shock"), ("zh", "关税冲击")), date(2021, 4, 1), date(2021, 4, 30))
YEARS = 1900  # sessions: weekdays of more than seven years


def market(count: int = YEARS, start: date = date(2016, 1, 4), **paths: Mapping[int, float]) -> World:
    """A symbol for every path of falls; `_` in a name stands for the dot."""
    world = World(weekdays(count, start))
    for seed, (symbol, falls) in enumerate(paths.items()):
        world.trade(symbol.replace("_", "."), falling(count - 1, falls, seed))
    return world


def fall(
    world: World, *members: Any, name: str = "memory", zh: str = "存储板块", levels: Any = LADDER, **more: Any
) -> Scene:
    asked = rule("two-session fall", name, levels=levels, **more)
    return Scene(world, book([basket(name, *members, zh=zh)], asked))


@scene
def fall_with_every_line() -> Scene:
    """A bear market is entered, members fall out of bed, the other side rises, one member was not there then."""
    world = market(
        MU={-900: -0.16, -899: -0.07, -2: -0.10, -1: -0.12},
        WDC={-900: -0.16, -899: -0.09, -2: -0.09, -1: -0.14},
        STX={-900: -0.15, -899: -0.08, -2: -0.11, -1: -0.08},
        MSFT={-900: -0.03, -2: 0.004, -1: 0.004},
        ORCL={-900: -0.03, -2: 0.006, -1: 0.002},
    )
    world.trade("SNDK", falling(399, {-2: -0.12, -1: -0.155}, seed=9), listed=YEARS - 400, lows={-1: -0.19})
    baskets = [
        basket("memory", "MU", "WDC", "STX", "SNDK", zh="存储板块"),
        basket("hyperscalers", "MSFT", "ORCL", zh="云计算巨头"),
    ]
    asked = rule("two-session fall", "memory")
    gap = contrast("payers against receivers", "hyperscalers", "memory", {"warning": {"percentile": 99.5}})
    return Scene(world, book(baskets, asked, gap))


@scene
def fall_with_headlines() -> Scene:
    """No more than two are quoted, and of addresses those of https."""
    world = market(_SOX={700: -0.06, 701: -0.05, -2: -0.05, -1: -0.051})
    made = fall(world, ".SOX", name="sox", zh="费城半导体指数")
    at = datetime(2023, 4, 14, 14, 5, tzinfo=UTC)
    found = (
        Headline("Chips & “memory” <tumble>", "The Wire", "https://wire.example.com/a?b=1&c=2", at),
        Headline("存储芯片价格下跌", "通讯社", "http://not.secure.example.com/", at.replace(hour=9)),
        Headline("A third that nobody sees", "The Wire", "https://wire.example.com/d", at),
    )
    return replace(made, headlines=found)


@scene
def fall_on_revised_closes() -> Scene:
    return replace(fall_of_a_single_symbol(), belated=True)


@scene
def fall_of_a_single_symbol() -> Scene:
    world = market(_SOX={700: -0.06, 701: -0.05, -2: -0.05, -1: -0.051})
    return fall(world, ".SOX", name="sox", zh="费城半导体指数")


@scene
def record() -> Scene:
    return fall(market(MU={700: -0.10, -2: -0.08, -1: -0.09}, WDC={700: -0.11, -2: -0.08, -1: -0.11}), "MU", "WDC")


@scene
def since_a_named_event() -> Scene:
    falls = {weekdays(YEARS, date(2016, 1, 4)).index(date(2021, 4, 5)) - 1: -0.14, -1: -0.09}
    made = fall(market(MU=falls, WDC=falls), "MU", "WDC")
    return replace(made, rulebook=replace(made.rulebook, events=(TARIFFS,)))


@scene
def worst_in_months() -> Scene:
    return fall(market(MU={-120: -0.05, -1: -0.032}, WDC={-120: -0.05, -1: -0.03}), "MU", "WDC")


@scene
def worst_since_a_date() -> Scene:
    """As bad less than a month before: only a rung by the move itself speaks of it."""
    return fall(
        market(MU={-16: -0.09, -1: -0.06}, WDC={-16: -0.09, -1: -0.07}),
        "MU",
        "WDC",
        levels={"warning": {"move": -0.06}},
    )


@scene
def short_history() -> Scene:
    world = market(120, date(2025, 1, 6), MU={-2: -0.03, -1: -0.04}, WDC={-1: -0.05})
    return fall(world, "MU", "WDC", levels={"notice": {"worst_in_months": 3}})


@scene
def two_years_of_history() -> Scene:
    """Enough for a percentile; the worst in 14 months is not called the worst in a year."""
    world = market(520, date(2024, 1, 8), MU={200: -0.06, -1: -0.05}, WDC={200: -0.06, -1: -0.045})
    return fall(world, "MU", "WDC", levels={"warning": {"percentile": 1.0}})


@scene
def overlapping_window() -> Scene:
    """A bear market begins; yesterday's window, which shares a session, was deeper: nothing is claimed of today's."""
    falls = {-3: -0.12, -2: -0.05, -1: -0.045}
    return fall(market(MU=falls, WDC=falls), "MU", "WDC", levels={"severe": {"state": DrawdownState.BEAR}})


@scene
def one_more_decimal() -> Scene:
    """Today's fall and the one of years ago are both 9.0 % when rounded, and are not the same."""
    days = {1000: -0.045, 1001: -0.0478}
    return fall(market(MU=days | {-2: -0.045, -1: -0.0477}), "MU", name="micron", zh="美光科技")


@scene
def one_more_decimal_against_the_runner_up() -> Scene:
    """Years of calm moves, one of which would be called as bad if it were rounded."""
    days = {1000: -0.10, 1600: -0.045, 1601: -0.0477}
    return fall(market(MU=days | {-2: -0.045, -1: -0.0478}), "MU", name="micron", zh="美光科技")


@scene
def a_gain_over_a_long_window() -> Scene:
    """It enters a bear market and is higher than twenty sessions before: there is nothing bad to claim."""
    path = dict.fromkeys(range(-20, -10), 0.03) | dict.fromkeys(range(-10, 0), -0.0225)
    return fall(market(MU=path, WDC=path), "MU", "WDC", levels={"severe": {"state": DrawdownState.BEAR}}, window=20)


@scene
def some_rose() -> Scene:
    """Parts that exceed the whole, because others rose."""
    world = market(MU={-2: -0.08, -1: -0.07}, WDC={-2: 0.03, -1: 0.02}, STX={-2: 0.01, -1: 0.02}, SNDK={-1: -0.01})
    return fall(world, "MU", "WDC", "STX", "SNDK", levels={"notice": {"move": -0.015}})


@scene
def one_session() -> Scene:
    return fall(market(MU={500: -0.12, -1: -0.11}, WDC={500: -0.12, -1: -0.09}), "MU", "WDC", window=1)


@scene
def twenty_sessions() -> Scene:
    falls = dict.fromkeys(range(-20, 0), -0.0114)
    return fall(market(MU=falls, WDC=falls), "MU", "WDC", levels={"notice": {"state": DrawdownState.BEAR}}, window=20)


@scene
def a_price_is_missing() -> Scene:
    world = market(**{name: {600: -0.2, -2: -0.07, -1: -0.09} for name in ("A", "B", "C", "D")})
    returns: list[float | None] = [*falling(YEARS - 1, {600: -0.2, -2: -0.30}, seed=8)]
    world.trade("E", [*returns[:-1], None])
    return fall(world, "A", "B", "C", "D", "E")


@scene
def one_member_enters_a_bear_market() -> Scene:
    world = market(MU={-1: -0.21}, WDC={-1: -0.03})
    entered = rule("bear market", "memory", levels={"warning": {"enters": DrawdownState.BEAR}}, members=True)
    return Scene(world, book([basket("memory", "MU", "WDC", zh="存储板块")], entered), "bear market")


@scene
def three_members_enter_a_bear_market() -> Scene:
    world = market(MU={-1: -0.21}, WDC={-1: -0.37}, STX={-1: -0.22}, SNDK={-1: -0.02})
    entered = rule("bear market", "memory", levels={"warning": {"enters": DrawdownState.BEAR}}, members=True)
    return Scene(world, book([basket("memory", "MU", "WDC", "STX", "SNDK", zh="存储板块")], entered), "bear market")


@scene
def five_members_enter_a_bear_market() -> Scene:
    names = ("MU", "WDC", "STX", "SNDK", "NTAP")
    world = market(**{name: {-1: -0.21 - 0.01 * at} for at, name in enumerate(names)})
    entered = rule("bear market", "memory", levels={"warning": {"enters": DrawdownState.BEAR}}, members=True)
    return Scene(world, book([basket("memory", *names, zh="存储板块")], entered), "bear market")


@scene
def five_entries_beside_a_fall() -> Scene:
    names = ("MU", "WDC", "STX", "SNDK", "NTAP")
    return fall(market(**{name: {-2: -0.01, -1: -0.21 - 0.01 * at} for at, name in enumerate(names)}), *names)


@scene
def plunges_during_trading() -> Scene:
    world = World(weekdays(600, date(2023, 1, 2)))
    for seed, (symbol, low, close) in enumerate(
        [("TER", -0.124, -0.08), ("ENTG", -0.101, -0.099), ("KLAC", -0.05, -0.03)]
    ):
        world.trade(symbol, falling(599, {-1: close}, seed), lows={-1: low})
    levels = {"warning": {"day_low": -0.10}, "severe": {"day_low": -0.12}}
    plunge = rule("member plunge", "equipment", levels=levels, members=True)
    return Scene(world, book([basket("equipment", "TER", "ENTG", "KLAC", zh="半导体设备")], plunge), "member plunge")


@scene
def plunge_of_a_lone_symbol() -> Scene:
    world = World(weekdays(600, date(2023, 1, 2))).trade("SPY", falling(599, {-1: -0.02}), lows={-1: -0.108})
    plunge = rule("member plunge", "fund", levels={"warning": {"day_low": -0.10}}, members=True)
    return Scene(world, book([basket("fund", "SPY", zh="标普500基金")], plunge), "member plunge")


@scene
def falls_of_members() -> Scene:
    """A ladder for each member by itself."""
    world = market(MU={1000: -0.15, -1: -0.14}, WDC={-2: -0.02, -1: -0.08}, STX={-1: -0.01})
    of = basket("memory", "MU", "WDC", "STX", zh="存储板块")
    return Scene(world, book([of], rule("member falls", "memory", members=True)), "member falls")


@scene
def state_of_a_basket() -> Scene:
    world = market(MU={-9: -0.12, -1: -0.10}, WDC={-9: -0.12, -1: -0.11})
    entered = rule("basket in a bear market", "memory", levels={"severe": {"enters": DrawdownState.BEAR}})
    return Scene(world, book([basket("memory", "MU", "WDC", zh="存储板块")], entered), "basket in a bear market")


@scene
def state_of_a_basket_with_holes() -> Scene:
    """Sessions without a reading since the high: how far it fell is not known."""
    returns: list[float | None] = [*falling(YEARS - 1, {-9: -0.12, -1: -0.11})]
    world = market(MU={-9: -0.12, -1: -0.10})
    world.trade("WDC", [*returns[:-6], None, *returns[-5:]])
    entered = rule("basket in a bear market", "memory", levels={"severe": {"enters": DrawdownState.BEAR}})
    return Scene(world, book([basket("memory", "MU", "WDC", zh="存储板块")], entered), "basket in a bear market")


def gap(levels: Any, one: str, other: str, **more: Any) -> Scene:
    world = market(
        MU={800: -0.10, 801: -0.02, 1500: 0.20, -2: -0.06, -1: -0.04},
        WDC={800: -0.10, 801: -0.02, 1500: 0.20, -2: -0.05, -1: -0.03},
        MSFT={800: 0.01, -2: 0.01},
        ORCL={800: 0.01, -2: 0.01},
    )
    baskets = [basket("memory", "MU", "WDC", zh="存储板块"), basket("hyperscalers", "MSFT", "ORCL", zh="云计算巨头")]
    return Scene(world, book(baskets, contrast("gap", one, other, levels), **more), "gap")


@scene
def a_gap_that_opens_upwards() -> Scene:
    """Between the two, memory was once further ahead of the hyperscalers: not the same gap."""
    return gap({"warning": {"percentile": 99.5}}, "hyperscalers", "memory")


@scene
def a_gap_that_opens_downwards() -> Scene:
    return gap({"severe": {"worst_in_months": 36}}, "memory", "hyperscalers")


@scene
def widest_gap_on_record() -> Scene:
    world = market(MU={800: -0.06, -1: -0.08}, WDC={800: -0.06, -1: -0.09}, MSFT={-1: 0.01}, ORCL={})
    baskets = [basket("memory", "MU", "WDC", zh="存储板块"), basket("hyperscalers", "MSFT", "ORCL", zh="云计算巨头")]
    levels = {"warning": {"percentile": 99.5}, "extreme": {"record": True}}
    return Scene(world, book(baskets, contrast("gap", "hyperscalers", "memory", levels)), "gap")


@scene
def a_gap_since_a_named_event() -> Scene:
    days = weekdays(YEARS, date(2016, 1, 4))
    event = NamedEvent("scare", (("en", "chip scare"), ("zh", "芯片恐慌")), days[800], days[803])
    return gap({"warning": {"percentile": 99.5}}, "hyperscalers", "memory", events=[event])


@scene
def seoul() -> Scene:
    """A basket of another exchange, with dates of Seoul."""
    world = World(weekdays(YEARS, date(2016, 1, 4)))
    for seed, symbol in enumerate(("005930.KS", "000660.KS")):
        world.trade(symbol, falling(YEARS - 1, {600: -0.12, -2: -0.06, -1: -0.05}, seed))
    made = fall(world, "005930.KS", "000660.KS", name="korea", zh="韩国存储芯片")
    return replace(made, rulebook=replace(made.rulebook, baskets=(replace(made.rulebook.baskets[0], calendar=SEOUL),)))


@scene
def a_member_that_trades_in_seoul() -> Scene:
    """Its session was over before New York's began."""
    falls = {600: -0.12, -2: -0.06, -1: -0.05}
    world = market(**dict.fromkeys(("MU", "WDC", "000660_KS"), falls))
    return fall(world, "MU", "WDC", "000660.KS")


@scene
def a_member_joins_within_the_window() -> Scene:
    world = market(MU={600: -0.2, -2: -0.07, -1: -0.09}, WDC={600: -0.2, -2: -0.07, -1: -0.09})
    world.trade("SNDK", [-0.15], listed=YEARS - 2)
    return fall(world, "MU", "WDC", Member(Symbol("SNDK")))
