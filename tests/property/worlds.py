"""Worlds and rulebooks nobody would think of."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from bot.alerts.conditions import level_conditions
from bot.alerts.rules import Level, Rule, Severity
from bot.baskets import Member
from bot.pipeline import Rulebook
from bot.prices.bars import Symbol
from bot.statistics.verdict import DrawdownState, DrawdownThresholds
from tests.world import NEW_YORK, SEOUL, World, basket, book, contrast, rule

STATES = [DrawdownState.PULLBACK, DrawdownState.CORRECTION, DrawdownState.BEAR, DrawdownState.CRASH]


def any_rung(rng: random.Random, severity: Severity, kinds: tuple[str, ...]) -> Level:
    """One to three conditions out of `kinds`."""
    conditions: dict[str, Any] = {
        "percentile": rng.choice([0.5, 2.0, 20.0]),
        "worst_in_months": rng.choice([1, 3, 12, 40]),
        "record": True,
        "move": rng.choice([-0.01, -0.05, -0.2]),
        "drawdown": rng.choice([-0.05, -0.25, -0.5]),
        "state": rng.choice(STATES),
        "day_low": rng.choice([-0.02, -0.1]),
        "enters": rng.choice(STATES),
    }
    chosen = rng.sample(kinds, rng.randint(1, min(3, len(kinds))))
    return Level(severity, **{kind: conditions[kind] for kind in chosen})


def any_rule(rng: random.Random, name: str, kinds: tuple[str, ...], **more: Any) -> Rule:
    severities = sorted(rng.sample(list(Severity), rng.randint(1, 4)))
    rungs = tuple(any_rung(rng, severity, kinds) for severity in severities)
    return replace(rule(name), levels=rungs, window=rng.choice([1, 2, 2, 3, 20]), step=rng.choice([0.01, 0.02]), **more)


def any_gap_rule(rng: random.Random, name: str, one: str, other: str) -> Rule:
    """A spread looked at from below, or from above."""
    below = any_rule(rng, name, ("percentile", "worst_in_months", "record", "move"))
    rungs = below.levels
    if rng.random() < 0.5:
        high = rng.choice([80.0, 99.5])
        rungs = tuple(
            replace(rung, percentile=high if rung.percentile or not at else None, move=None)
            for at, rung in enumerate(rungs)
        )
        # Without its move a level may have no condition left: the settings refuse such a level.
        rungs = tuple(rung if any(level_conditions(rung)) else replace(rung, record=True) for rung in rungs)
    return replace(contrast(name, one, other, {}), levels=rungs, window=below.window, step=below.step)


def any_returns(rng: random.Random, count: int) -> list[float | None]:
    """Returns with falls, ties and, in some, missing closes."""
    holes = rng.choice([0.0, 0.0, 0.03])
    steps = [-0.3, -0.12, -0.05, -0.02, -0.01, 0.0, 0.0, 0.01, 0.02, 0.05, 0.2]
    calm = rng.choice([0.5, 0.95])
    return [
        None if rng.random() < holes else rng.choice(steps) if rng.random() > calm else rng.uniform(-0.01, 0.011)
        for _ in range(count)
    ]


def any_world(seed: int, longest: int = 340) -> tuple[World, Rulebook]:
    """Two baskets of New York and one of Seoul on sessions days or weeks apart, and every kind of rule."""
    rng = random.Random(seed)
    step = rng.choice([1, 1, 7, 30])
    days = [date(2001, 1, 1) + timedelta(days=step * at) for at in range(rng.choice([20, 90, longest]))]
    shut = {code: [day for day in days[1:] if rng.random() < 0.05] for code in (NEW_YORK, SEOUL)}
    world = World(days, shut)
    symbols = ["AAA", "BBB", "CCC", "DDD", "EEE.KS", "FFF.KS"]
    for symbol in symbols:
        sessions = world.sessions(SEOUL if symbol.endswith(".KS") else NEW_YORK)
        listed = rng.choice([0, 0, rng.randrange(len(sessions) // 2)])
        returns = any_returns(rng, len(sessions) - listed - 1)
        lows = {at: min(returns[at] or 0.0, 0.0) - rng.choice([0.0, 0.01, 0.1]) for at in range(0, len(returns), 3)}
        world.trade(symbol, returns, listed=listed, lows=lows)
    gone = Member(Symbol("DDD"), until=rng.choice([None, rng.choice(days)]))
    baskets = (
        basket("one", "AAA", "BBB", gone, "EEE.KS", min_coverage=rng.choice([0.5, 0.8])),
        basket("other", "CCC", "AAA"),
        basket("seoul", "EEE.KS", "FFF.KS", "AAA", calendar=SEOUL),
        basket("alone", "BBB"),
    )
    names = tuple(one.id for one in baskets)
    about_baskets = ("percentile", "worst_in_months", "record", "move", "drawdown", "state")
    rules = [
        any_rule(rng, "falls", about_baskets, baskets=names),
        any_rule(rng, "members", about_baskets, baskets=names, members=True),
        any_rule(rng, "enters", ("enters",), baskets=names, members=rng.random() < 0.5),
        any_rule(rng, "plunges", ("day_low",), baskets=names, members=True),
        any_gap_rule(rng, "gap", "one", "other"),
        any_gap_rule(rng, "gap abroad", "other", "seoul"),
    ]
    lines = DrawdownThresholds(lookback=rng.choice([None, 20]))
    return world, book(baskets, *rules, drawdown_thresholds=lines, close_after_sessions=rng.choice([1, 5]))
