"""Lines about rarity, precedents, next state; what-if answer."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bot.context.model import AlertContext, HistoryFacts, LevelForecast, WhatIfResult
from bot.messages import wording
from bot.messages.catalogue import Catalogue, load_catalogue
from bot.messages.message import Message
from bot.messages.wording import Events
from bot.statistics.next_session import FurtherFall
from bot.statistics.precedents import MIN_CASES, Precedents
from bot.statistics.verdict import DrawdownState, Verdict

MIN_VOLATILITY_MULTIPLE = 2.0  # below it a move is nothing unusual
EXACT_BELOW = 2.0  # years that are told with a decimal
SLACK = 1e-9


def rarity_facts(history: HistoryFacts, words: Catalogue) -> Iterator[str]:
    """How often such a fall is to be expected, and how it compares with the weeks before."""
    if history.period is not None:
        years, low, high = (
            words.decimal(years, 1 if years < EXACT_BELOW else 0)
            for years in (history.period.years, history.period.low, history.period.high)
        )
        yield words.say("period", years=years, low=low, high=high)
    if history.swing is not None and -history.swing >= MIN_VOLATILITY_MULTIPLE:
        yield words.say("swing", times=words.decimal(history.swing))


def nth_fall_line(verdict: Verdict, decimals: int, history: HistoryFacts, words: Catalogue) -> Iterator[str]:
    """The n-th time beyond a round figure, and when the others were."""
    crossing = history.crossing
    if (
        crossing is None
        or not wording.has_enough_years(verdict)
        or round(-verdict.move * 100, decimals) <= crossing.limit * 100
    ):
        return
    facts = {
        "limit": wording.limit_text(crossing.limit, words),
        "words": words.count_word(verdict.window),
        "year": verdict.since.year,
    }
    if not crossing.earlier:
        yield words.say("first_beyond", **facts)
        return
    ordinals = words.phrases["ordinals"]
    assert isinstance(ordinals, list)
    dates = words.join([words.day(alert.session) for alert in crossing.earlier])
    yield words.say("nth_beyond", count=len(crossing.earlier), nth=ordinals[crossing.time], dates=dates, **facts)


def next_state_and_precedents(name: str, verdict: Verdict, context: AlertContext, words: Catalogue) -> Iterator[str]:
    """The next line down, and what came after earlier falls like this one."""
    yield from _line(name, verdict, context.history, words)
    precedents = context.history.precedents
    if precedents is None or not wording.has_enough_years(verdict):
        return
    if precedents.alone:
        yield words.say("no_precedent", words=words.count_word(verdict.window), year=verdict.since.year)
    elif precedents.sessions:
        yield _cases(precedents, words)


def _cases(precedents: Precedents, words: Catalogue) -> str:
    (after,) = precedents.aftermath
    unknown = len(precedents.sessions) - after.known
    rest = words.say("not_known", count=unknown) if unknown else ""
    counts = {"sessions": after.sessions, "higher": after.higher, "known": after.known}
    if after.known >= MIN_CASES:
        return words.say("followed", median=words.percent(after.median), **counts) + rest
    dates = words.join([words.day(day) for day in precedents.sessions])
    later = words.say("higher_later", **counts) if after.known else ""
    return words.say("cases", dates=dates) + later + rest


def _line(name: str, verdict: Verdict, history: HistoryFacts, words: Catalogue) -> Iterator[str]:
    if history.line is None or verdict.entered_state >= DrawdownState.CORRECTION:
        return
    facts = {
        "name": name,
        "depth": words.percent(verdict.drawdown, sign=False),
        "date": words.day(verdict.peak_session),
        "state": wording.state_text(history.line.state, words),
    }
    if history.close is not None:
        level = math.floor(history.close * (1 + history.line.fraction) * 100 + SLACK) / 100
        yield words.say("line_level", level=words.decimal(level, 2), **facts)
    else:
        further = math.ceil(-history.line.fraction * 1000 - SLACK) / 1000
        yield words.say("line_further", **wording.further_fall_fields(-further, words), **facts)


def further_fall_line(further: FurtherFall | None, words: Catalogue) -> Iterator[str]:
    """What a further fall would make of a session that has not ended."""
    if further is None:
        return
    another = wording.further_fall_fields(further.fraction, words)
    if further.verdict.worst_in_years is not None:
        yield words.say("further_years", count=further.verdict.worst_in_years, **another)
    elif wording.has_enough_years(further.verdict):
        yield words.say("further_record", date=words.day(further.verdict.since), **another)


def render_whatif(supposition: WhatIfResult, events: Events, language: str) -> Message:
    """The answer to "what if" in one of `languages()`."""
    return Message(language, tuple(_lines(supposition, events, load_catalogue(language))))


def _lines(supposition: WhatIfResult, events: Events, words: Catalogue) -> Iterator[str]:
    verdict = supposition.verdict
    name = supposition.basket.name(words.language)
    yield words.say(
        "supposed",
        name=name,
        daily=words.percent(verdict.daily_return),
        date=words.day(verdict.session),
        move=words.percent(verdict.move),
        window=wording.window_text(verdict.window, words),
        claim=wording.rarity_claim("claim", verdict, events, words) if wording.is_notable(verdict) else "",
    )
    yield words.dotted(wording.rank_facts(verdict, words))
    if verdict.entered_state >= DrawdownState.CORRECTION and not verdict.missing_sessions:
        yield words.say(
            "would_enter",
            name=name,
            state=wording.state_text(verdict.entered_state, words),
            drawdown=words.percent(verdict.drawdown),
            depth=words.percent(verdict.drawdown, sign=False),
            date=words.day(verdict.peak_session),
        )
    yield from further_fall_line(supposition.further, words)
    yield from (_reach(reach, words) for reach in supposition.reaches)


def _reach(reach: LevelForecast, words: Catalogue) -> str:
    now = words.say("no_rung") if reach.rung is None else words.word("severity", reach.rung.severity.word)
    line = words.say("reach", rule=reach.rule.name, severity=now)
    if reach.further is None or reach.next_rung is None:
        return line
    deeper = words.word("severity", reach.next_rung.severity.word)
    return line + words.say("next_rung", severity=deeper, **wording.further_fall_fields(reach.further.fraction, words))
