"""Work units, worker pool protocol, merged result."""

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
    """What one worker gets at a time: some baskets, with the prices and rules they need."""

    tables: Mapping[CalendarCode, PriceTable]
    rulebook: Rulebook
    baskets: tuple[BasketId, ...]
    per_year: float


class WorkerPool(Protocol):
    """Whoever does the work."""

    @property
    def count(self) -> int:
        """How many shares are worked on at a time."""
        ...

    def each(self, work: Callable[[WorkUnit], Result], shares: Iterable[WorkUnit]) -> Iterator[Result]:
        """The results of `work`, in the order of the shares, which are asked for as they are needed."""
        ...


@dataclass(frozen=True, slots=True)
class SuggestedLevels:
    """A rule with the rungs that are suggested for all its baskets together, and what they do on each."""

    rule: Rule
    trials: Mapping[BasketId, tuple[HoldOutTest, ...]]


@dataclass(frozen=True, slots=True)
class TuningResult:
    """Every rule on every basket, and one ladder a rule to write into the configuration.

    `short` names the rules and baskets of which there are too few years.
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
    """Tune every rule on each of `baskets`; `per_year` as in `tune`.

    `progress` hears how many shares of the first, longer part are done, and of how many.
    """
    groups = group_baskets(baskets, workers.count)
    found: list[RuleTuning] = []
    for done, some in enumerate(workers.each(tune_unit, work_units(tables, rulebook, groups, per_year))):
        found += some
        if progress is not None:
            progress(done + 1, len(groups))
    ladders = median_levels(found)
    trials: dict[str, dict[BasketId, tuple[HoldOutTest, ...]]] = defaultdict(dict)
    suggested = work_units(tables, replace(rulebook, rules=ladders), groups, per_year)
    for some_tried in workers.each(test_unit, suggested):
        for basket, name, trial in some_tried:
            trials[name][basket] = trial
    counted = {(one.rule.name, one.basket.id) for one in found}
    asked = [(rule.name, basket) for basket in baskets for rule in restricted_to(rulebook, basket).rules]
    short = tuple(one for one in asked if one not in counted)
    return TuningResult(tuple(found), tuple(SuggestedLevels(rule, trials[rule.name]) for rule in ladders), short)


def group_baskets(baskets: Sequence[BasketId], workers: int) -> list[tuple[BasketId, ...]]:
    """Neighbouring baskets together, some groups for each worker."""
    size = max(1, -(-len(baskets) // (SHARES_A_WORKER * workers)))
    return [tuple(baskets[begin : begin + size]) for begin in range(0, len(baskets), size)]


def work_units(
    tables: Mapping[CalendarCode, PriceTable],
    rulebook: Rulebook,
    groups: Sequence[tuple[BasketId, ...]],
    per_year: float,
) -> Iterator[WorkUnit]:
    """A share for each group, with the prices it needs."""
    for group in groups:
        needed = {one.id: one for basket in group for one in restricted_to(rulebook, basket).baskets}
        cut = {}
        for code, table in tables.items():
            symbols = {symbol for one in needed.values() if one.calendar == code for symbol in one.symbols}
            if symbols:
                cut[code] = _columns(table, [at for at, symbol in enumerate(table.symbols) if symbol in symbols])
        yield WorkUnit(cut, replace(rulebook, baskets=tuple(needed.values()), events=()), group, per_year)


def _columns(table: PriceTable, at: list[int]) -> PriceTable:
    """Those columns of a table; if they are most of it, the table as it is: workers share one, but not its copies."""
    if 2 * len(at) > len(table.symbols):
        return table
    columns: dict[str, Any] = {name: getattr(table, name)[:, at] for name in ("close", "adjusted", "low", "shut")}
    return replace(table, symbols=tuple(table.symbols[one] for one in at), refused=(), **columns)


def tune_unit(share: WorkUnit) -> list[RuleTuning]:
    """One share's part of `tune_all`."""
    shelf: SeriesCache = {}
    found = (tune_basket(share.tables, share.rulebook, basket, share.per_year, shelf) for basket in share.baskets)
    return list(chain.from_iterable(found))


def test_unit(share: WorkUnit) -> list[tuple[BasketId, str, tuple[HoldOutTest, ...]]]:
    """What the share's rules did on each of its baskets."""
    shelf: SeriesCache = {}
    return [
        (basket, name, trials)
        for basket in share.baskets
        for name, trials in hold_out_tests(share.tables, share.rulebook, basket, shelf)
    ]


def median_levels(found: Sequence[RuleTuning]) -> tuple[Rule, ...]:
    """For each rule the middle of the values that its baskets would have by themselves, in the order of the rules."""
    own: dict[str, list[Rule]] = defaultdict(list)
    for one in found:
        if one.suggested is not None:
            own[one.rule.name].append(one.suggested)
    return tuple(_middle(rules) for rules in own.values())


def _middle(rules: Sequence[Rule]) -> Rule:
    rungs = []
    for place, rung in enumerate(rules[0].levels):
        condition = fitted_condition(rung)
        if condition is not None:
            limits = [threshold(rule.levels[place], condition) for rule in rules]
            rung = with_threshold(rung, condition, median_low(limits))  # noqa: PLW2901
        rungs.append(rung)
    baskets = tuple(chain.from_iterable(rule.baskets for rule in rules))
    return replace(rules[0], levels=tuple(rungs), baskets=baskets)
