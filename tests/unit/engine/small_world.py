"""A small world in which what falls, and when, is known."""

from __future__ import annotations

from datetime import date

from bot.pipeline import Rulebook
from tests.world import NEW_YORK, SEOUL, World, basket, book, contrast, falling, rule, weekdays

DAYS = weekdays(160, date(2025, 1, 2))
TECH = ("AA", "BB", "CC", "DD", "EE")
# Sessions by their place in DAYS; a move has two sessions.
LONG_AGO, EARLIER, AGAIN, WARNED = 60, 110, 120, 130
RUNGS = {"notice": {"move": -0.03}, "warning": {"move": -0.06}}
FALLS = {LONG_AGO: -0.05, EARLIER: -0.04, AGAIN: -0.04, WARNED: -0.07}


def rulebook() -> Rulebook:
    return book(
        [
            basket("tech", *TECH),
            basket("oil", "XX", "YY"),
            basket("korea", "S.KS", "T.KS", calendar=SEOUL),
        ],
        rule("fall", "tech", "oil", "korea", levels=RUNGS),
        contrast("gap", "tech", "oil", {"warning": {"move": -0.06}}),
    )


def world(falls: dict[str, dict[int, float]] | None = None, **more: object) -> World:
    """Tech falls as FALLS has it, each of its members alike; nothing else happens but for `falls` by symbol."""
    made = World(days=DAYS, **more)
    for symbol in (*TECH, "XX", "YY", "S.KS", "T.KS"):
        days = made.sessions(SEOUL if symbol.endswith(".KS") else NEW_YORK)
        happens = (falls or {}).get(symbol, FALLS if symbol in TECH else {})
        # The first return is that of DAYS[1].
        made.trade(symbol, falling(len(days) - 1, {at - 1: fall for at, fall in happens.items()}))
    return made
