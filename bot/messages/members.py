"""What is said by a rule about members?"""

from __future__ import annotations

from collections.abc import Iterator

from bot.alerts import Alert
from bot.baskets import Basket
from bot.context import Context
from bot.messages import wording
from bot.messages.catalogue import Catalogue
from bot.messages.wording import MOST_NAMED, Events
from bot.statistics import Verdict


def member_lines(alert: Alert, context: Context, events: Events, words: Catalogue) -> Iterator[str]:
    """A headline that names the members, then a line for each."""
    basket = context.sides[0][0]
    time = wording.time_of(alert, context)
    if alert.rule.asks("day_low"):
        said = _plunges(alert, basket, words, time)
    elif alert.rule.asks("enters") and context.entries:
        said = _states(context, words)
    else:
        said = _falls(alert, events, words, time)
    icon, name = wording.ICONS[alert.severity], basket.name(words.language)
    yield words.say("members_headline", icon=icon, name=name, said=next(said))
    yield wording.closed(alert, context, words)
    yield from said
    yield wording.foot(alert, context, words)


def _plunges(alert: Alert, basket: Basket, words: Catalogue, time: str) -> Iterator[str]:
    live = "_live" if time else ""
    limits = [one.rung.day_low for one in alert.decisions if one.rung is not None and one.rung.day_low is not None]
    lows = [(one.subject.member or basket.symbols[0], one.evidence) for one in alert.decisions]
    symbols = wording.named([symbol for symbol, _ in lows], words)
    yield words.say("plunged_low", symbols=symbols, limit=wording.limit(max(limits), words))
    for symbol, seen in lows:
        assert seen.verdict is not None  # the rung asked for it,
        assert seen.day_low is not None  # and for this
        low, close = words.percent(seen.day_low), words.percent(seen.verdict.daily_return)
        yield words.say(f"low_line{live}", symbol=symbol, low=low, close=close)


def _states(context: Context, words: Catalogue) -> Iterator[str]:
    entered = context.entries
    states = {one.verdict.entered for one in entered}
    lines = [
        wording.entry_line(words.say("ticker", name=one.symbol), one, words)
        for one in sorted(entered, key=lambda one: one.verdict.drawdown)
    ]
    if len(lines) > 1:
        phrase = "entered_state" if len(states) == 1 else "entered_or_worse"
        symbols = wording.named([str(one.symbol) for one in entered], words)
        yield words.say(phrase, symbols=symbols, state=wording.state_words(min(states), words))
    yield from lines


def _falls(alert: Alert, events: Events, words: Catalogue, time: str) -> Iterator[str]:
    fallen = sorted(((one.subject.member, _verdict(one.evidence.verdict)) for one in alert.decisions), key=_depth)
    moves = [f"{symbol} {words.percent(verdict.move)}" for symbol, verdict in fallen]
    said = words.join(moves) if len(moves) <= MOST_NAMED else words.say("many", count=len(moves))
    yield words.say("moved", moves=said, window=wording.window_words(alert.rule.window, words))
    for symbol, verdict in fallen:
        yield wording.headline("•", words.say("ticker", name=symbol), verdict, 1, events, words, time)


def _depth(fallen: tuple[str, Verdict]) -> float:
    return fallen[1].move


def _verdict(verdict: Verdict | None) -> Verdict:
    assert verdict is not None  # only a verdict can reach a rung
    return verdict
