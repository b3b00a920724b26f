"""How is a tuning divided, so that it comes out the same on one core, on many, and on a cluster?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median_low
from typing import Any, Protocol, TypeVar

from bot.alerts import Rule
from bot.backtest.fit import fitted_condition
from bot.backtest.ladders import threshold, with_threshold
from bot.backtest.tracks import Shelf
from bot.backtest.tuning import Trial, Tuning, about, try_out, tune
from bot.baskets import BasketId
from bot.pipeline import Rulebook
from bot.prices import CalendarCode, PriceTable

SHARES_A_WORKER = 6
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker gets at a time: some baskets, with the prices and rules they need."""

    tables: Mapping[CalendarCode, PriceTable]
    rulebook: Rulebook
    baskets: tuple[BasketId, ...]
    per_year: float


class Workers(Protocol):
    """Whoever does the work."""

    @property
    def count(self) -> int:
        """How many shares are worked on at a time."""
        ...

    def each(self, work: Callable[[Share], Result], shares: Iterable[Share]) -> Iterator[Result]:
        """The results of `work`, in the order of the shares, which are asked for as they are needed."""
        ...


@dataclass(frozen=True, slots=True)
class Ladder:
    """A rule with the rungs that are suggested for all its baskets together, and what they do on each."""

    rule: Rule
    trials: Mapping[BasketId, tuple[Trial, ...]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every rule on every basket, and one ladder a rule to write into the configuration.

    `short` names the rules and baskets of which there are too few years.
    """

    tunings: tuple[Tuning, ...]
    ladders: tuple[Ladder, ...]
    short: tuple[tuple[str, BasketId], ...]


def tune_all(
    tables: Mapping[CalendarCode, PriceTable],
    rulebook: Rulebook,
    baskets: Sequence[BasketId],
    per_year: float,
    workers: Workers,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Tune every rule on each of `baskets`; `per_year` as in `tune`.

    `progress` hears how many shares of the first, longer part are done, and of how many.
    """
    groups = divide(baskets, workers.count)
    found: list[Tuning] = []
    for done, some in enumerate(workers.each(tuned, shares(tables, rulebook, groups, per_year))):
        found += some
        if progress is not None:
            progress(done + 1, len(groups))
    ladders = common(found)
    trials: dict[str, dict[BasketId, tuple[Trial, ...]]] = defaultdict(dict)
    suggested = shares(tables, replace(rulebook, rules=ladders), groups, per_year)
    for some_tried in workers.each(tried, suggested):
        for basket, name, trial in some_tried:
            trials[name][basket] = trial
    counted = {(one.rule.name, one.basket.id) for one in found}
    asked = [(rule.name, basket) for basket in baskets for rule in about(rulebook, basket).rules]
    short = tuple(one for one in asked if one not in counted)
    return Outcome(tuple(found), tuple(Ladder(rule, trials[rule.name]) for rule in ladders), short)


def divide(baskets: Sequence[BasketId], workers: int) -> list[tuple[BasketId, ...]]:
    """Neighbouring baskets together, some groups for each worker."""
    size = max(1, -(-len(baskets) // (SHARES_A_WORKER * workers)))
    return [tuple(baskets[begin : begin + size]) for begin in range(0, len(baskets), size)]


def shares(
    tables: Mapping[CalendarCode, PriceTable],
    rulebook: Rulebook,
    groups: Sequence[tuple[BasketId, ...]],
    per_year: float,
) -> Iterator[Share]:
    """A share for each group, with the prices it needs."""
    for group in groups:
        needed = {one.id: one for basket in group for one in about(rulebook, basket).baskets}
        cut = {}
        for code, table in tables.items():
            symbols = {symbol for one in needed.values() if one.calendar == code for symbol in one.symbols}
            if symbols:
                cut[code] = _columns(table, [at for at, symbol in enumerate(table.symbols) if symbol in symbols])
        yield Share(cut, replace(rulebook, baskets=tuple(needed.values()), events=()), group, per_year)


def _columns(table: PriceTable, at: list[int]) -> PriceTable:
    """Those columns of a table; if they are most of it, the table as it is: workers share one, but not its copies."""
    if 2 * len(at) > len(table.symbols):
        return table
    columns: dict[str, Any] = {name: getattr(table, name)[:, at] for name in ("close", "adjusted", "low", "shut")}
    return replace(table, symbols=tuple(table.symbols[one] for one in at), refused=(), **columns)


def tuned(share: Share) -> list[Tuning]:
    """One share's part of `tune_all`."""
    shelf: Shelf = {}
    found = (tune(share.tables, share.rulebook, basket, share.per_year, shelf) for basket in share.baskets)
    return list(chain.from_iterable(found))


def tried(share: Share) -> list[tuple[BasketId, str, tuple[Trial, ...]]]:
    """What the share's rules did on each of its baskets."""
    shelf: Shelf = {}
    return [
        (basket, name, trials)
        for basket in share.baskets
        for name, trials in try_out(share.tables, share.rulebook, basket, shelf)
    ]


def common(found: Sequence[Tuning]) -> tuple[Rule, ...]:
    """For each rule the middle of the values that its baskets would have by themselves, in the order of the rules."""
    own: dict[str, list[Rule]] = defaultdict(list)
    for one in found:
        if one.suggested is not None:
            own[one.rule.name].append(one.suggested)
    return tuple(_middle(rules) for rules in own.values())


def _middle(rules: Sequence[Rule]) -> Rule:
    rungs = []
    for place, rung in enumerate(rules[0].rungs):
        condition = fitted_condition(rung)
        if condition is not None:
            limits = [threshold(rule.rungs[place], condition) for rule in rules]
            rung = with_threshold(rung, condition, median_low(one for one in limits if one is not None))  # noqa: PLW2901
        rungs.append(rung)
    baskets = tuple(chain.from_iterable(rule.baskets for rule in rules))
    return replace(rules[0], rungs=tuple(rungs), baskets=baskets)
