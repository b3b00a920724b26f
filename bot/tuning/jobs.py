"""Work units, protocol of worker pools, merged result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median_low
from typing import Any, Protocol, TypeVar

from bot.alerts.conditions import threshold, with_threshold
from bot.alerts.rules import Rule
from bot.baskets import BasketId
from bot.pipeline import Rulebook
from bot.prices.calendars import CalendarCode
from bot.prices.table import PriceTable
from bot.tuning.fit import fitted_condition
from bot.tuning.history import SeriesCache
from bot.tuning.tune import HoldOutTest, RuleTuning, hold_out_tests, restricted_to, tune_basket

SHARES_A_WORKER = 6
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class WorkUnit:
    """Some baskets, with the prices and rules they need: the input of one task of a worker."""

    tables: Mapping[CalendarCode, PriceTable]
    rulebook: Rulebook
    baskets: tuple[BasketId, ...]
    per_year: float


class WorkerPool(Protocol):
    """A pool of workers: this process, several processes, or a cluster."""

    @property
    def count(self) -> int:
        """The number of units worked on at the same time."""
        ...

    def each(self, work: Callable[[WorkUnit], Result], shares: Iterable[WorkUnit]) -> Iterator[Result]:
        """The results of `work` in the order of the units, which are taken lazily."""
        ...


@dataclass(frozen=True, slots=True)
class SuggestedLevels:
    """A rule with the levels suggested for all its baskets together, and their tests by basket."""

    rule: Rule
    trials: Mapping[BasketId, tuple[HoldOutTest, ...]]


@dataclass(frozen=True, slots=True)
class TuningResult:
    """Every rule on every basket, and suggested levels of every rule.

    `short`: the rules and baskets with too few years of data.
    """

    tunings: tuple[RuleTuning, ...]
    ladders: tuple[SuggestedLevels, ...]
    short: tuple[tuple[str, BasketId], ...]


def tune_all(
    tables: Mapping[CalendarCode, PriceTable],
    rulebook: Rulebook,
    baskets: Sequence[BasketId],
    per_year: float,
    workers: WorkerPool,
    progress: Callable[[int, int], None] | None = None,
) -> TuningResult:
    """Every rule tuned on each of `baskets`; `per_year` as in `tune_basket`.

    `progress` gets the number of finished units of the first, longer part, and the number of all its units.
    """
    groups = group_baskets(baskets, workers.count)
    tunings: list[RuleTuning] = []
    for done, results in enumerate(workers.each(tune_unit, work_units(tables, rulebook, groups, per_year)), 1):
        tunings += results
        if progress is not None:
            progress(done, len(groups))
    rules = median_levels(tunings)
    tests: dict[str, dict[BasketId, tuple[HoldOutTest, ...]]] = defaultdict(dict)
    units = work_units(tables, replace(rulebook, rules=rules), groups, per_year)
    for basket, name, results_of_rule in chain.from_iterable(workers.each(test_unit, units)):
        tests[name][basket] = results_of_rule
    tuned = {(tuning.rule.name, tuning.basket.id) for tuning in tunings}
    pairs = [(rule.name, basket) for basket in baskets for rule in restricted_to(rulebook, basket).rules]
    short = tuple(pair for pair in pairs if pair not in tuned)
    return TuningResult(tuple(tunings), tuple(SuggestedLevels(rule, tests[rule.name]) for rule in rules), short)


def group_baskets(baskets: Sequence[BasketId], workers: int) -> list[tuple[BasketId, ...]]:
    """Groups of neighbouring baskets, SHARES_A_WORKER groups for every worker."""
    size = max(1, -(-len(baskets) // (SHARES_A_WORKER * workers)))
    return [tuple(baskets[begin : begin + size]) for begin in range(0, len(baskets), size)]


def work_units(
    tables: Mapping[CalendarCode, PriceTable],
    rulebook: Rulebook,
    groups: Sequence[tuple[BasketId, ...]],
    per_year: float,
) -> Iterator[WorkUnit]:
    """One unit for every group of baskets, with the prices it needs.

    A unit that needs most of a table gets the whole table: processes share one table, but not its copies.
    """
    for group in groups:
        needed = {basket.id: basket for id_ in group for basket in restricted_to(rulebook, id_).baskets}
        cut = {}
        for code, table in tables.items():
            symbols = {symbol for basket in needed.values() if basket.calendar == code for symbol in basket.symbols}
            at = [index for index, symbol in enumerate(table.symbols) if symbol in symbols]
            if symbols and 2 * len(at) > len(table.symbols):
                cut[code] = table
            elif symbols:
                columns: dict[str, Any] = {
                    name: getattr(table, name)[:, at] for name in ("close", "adjusted", "low", "shut")
                }
                kept = tuple(table.symbols[index] for index in at)
                cut[code] = replace(table, symbols=kept, refused=(), **columns)
        yield WorkUnit(cut, replace(rulebook, baskets=tuple(needed.values()), events=()), group, per_year)


def tune_unit(unit: WorkUnit) -> list[RuleTuning]:
    """The tunings of one unit."""
    cache: SeriesCache = {}
    tunings = (tune_basket(unit.tables, unit.rulebook, basket, unit.per_year, cache) for basket in unit.baskets)
    return list(chain.from_iterable(tunings))


def test_unit(unit: WorkUnit) -> list[tuple[BasketId, str, tuple[HoldOutTest, ...]]]:
    """The tests of the levels of the unit's rules on each of its baskets."""
    cache: SeriesCache = {}
    return [
        (basket, name, tests)
        for basket in unit.baskets
        for name, tests in hold_out_tests(unit.tables, unit.rulebook, basket, cache)
    ]


def median_levels(tunings: Sequence[RuleTuning]) -> tuple[Rule, ...]:
    """Every rule with the (lower) median of the values suggested for its baskets, in the order of the rules."""
    suggested: dict[str, list[Rule]] = defaultdict(list)
    for tuning in tunings:
        if tuning.suggested is not None:
            suggested[tuning.rule.name].append(tuning.suggested)
    medians = []
    for rules in suggested.values():
        levels = list(rules[0].levels)
        for index, level in enumerate(rules[0].levels):
            condition = fitted_condition(level)
            if condition is not None:
                values = [threshold(rule.levels[index], condition) for rule in rules]
                levels[index] = with_threshold(level, condition, median_low(values))
        baskets = tuple(chain.from_iterable(rule.baskets for rule in rules))
        medians.append(replace(rules[0], levels=tuple(levels), baskets=baskets))
    return tuple(medians)
