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
EXACT_BELOW = 2.0  # years; fewer are written with a decimal
SLACK = 1e-9


def rarity_facts(history: HistoryFacts, catalogue: Catalogue) -> Iterator[str]:
    """The return period of the fall, and its size in multiples of the volatility before it."""
    if (period := history.period) is not None:
        figures = {"years": period.years, "low": period.low, "high": period.high}
        years = {key: catalogue.decimal(value, 1 if value < EXACT_BELOW else 0) for key, value in figures.items()}
        yield catalogue.say("period", **years)
    if history.volatility_multiple is not None and -history.volatility_multiple >= MIN_VOLATILITY_MULTIPLE:
        yield catalogue.say("swing", times=catalogue.decimal(history.volatility_multiple))


def nth_fall_line(verdict: Verdict, decimals: int, history: HistoryFacts, catalogue: Catalogue) -> Iterator[str]:
    """The ordinal of the fall among those beyond a round figure, and the dates of the earlier ones."""
    falls = history.round_figure
    if falls is None or not wording.has_enough_years(verdict):
        return
    if round(-verdict.move * 100, decimals) <= falls.limit * 100:
        return
    limit, fields = wording.limit_text(falls.limit, catalogue), wording.sample_fields(verdict, catalogue)
    if not falls.earlier:
        yield catalogue.say("first_beyond", limit=limit, **fields)
        return
    ordinals = catalogue.phrases["ordinals"]
    assert isinstance(ordinals, list)
    dates = catalogue.join([catalogue.day(fall.session) for fall in falls.earlier])
    nth = ordinals[falls.time]
    yield catalogue.say("nth_beyond", limit=limit, count=len(falls.earlier), nth=nth, dates=dates, **fields)


def next_state_and_precedents(
    name: str, verdict: Verdict, context: AlertContext, catalogue: Catalogue
) -> Iterator[str]:
    """The distance to the next drawdown state, and the returns after earlier falls like this one."""
    history = context.history
    if history.next_state is not None and verdict.entered_state < DrawdownState.CORRECTION:
        fraction = history.next_state.fraction
        state = catalogue.word("state", history.next_state.state.word)
        fields = wording.drawdown_fields(verdict, catalogue)
        if history.close is not None:
            level = catalogue.decimal(math.floor(history.close * (1 + fraction) * 100 + SLACK) / 100, 2)
            yield catalogue.say("line_level", name=name, state=state, level=level, **fields)
        else:
            fields |= wording.further_fall_fields(-math.ceil(-fraction * 1000 - SLACK) / 1000, catalogue)
            yield catalogue.say("line_further", name=name, state=state, **fields)
    precedents = history.precedents
    if precedents is None or not wording.has_enough_years(verdict):
        return
    if precedents.alone:
        yield catalogue.say("no_precedent", **wording.sample_fields(verdict, catalogue))
    elif precedents.sessions:
        yield precedents_text(precedents, catalogue)


def precedents_text(precedents: Precedents, catalogue: Catalogue) -> str:
    """The median return after earlier falls, or their dates if they are fewer than MIN_CASES."""
    (after,) = precedents.aftermath
    unknown = len(precedents.sessions) - after.known
    rest = catalogue.say("not_known", count=unknown) if unknown else ""
    counts = {"sessions": after.sessions, "higher": after.higher, "known": after.known}
    if after.known >= MIN_CASES:
        return catalogue.say("followed", median=catalogue.percent(after.median), **counts) + rest
    dates = catalogue.join([catalogue.day(session) for session in precedents.sessions])
    later = catalogue.say("higher_later", **counts) if after.known else ""
    return catalogue.say("cases", dates=dates) + later + rest


def further_fall_line(further: FurtherFall | None, catalogue: Catalogue) -> Iterator[str]:
    """The rarity that a session which has not ended would reach with a further fall."""
    if further is None:
        return
    fields = wording.further_fall_fields(further.fraction, catalogue)
    if further.verdict.worst_in_years is not None:
        yield catalogue.say("further_years", count=further.verdict.worst_in_years, **fields)
    elif wording.has_enough_years(further.verdict):
        yield catalogue.say("further_record", date=catalogue.day(further.verdict.since), **fields)


def render_whatif(result: WhatIfResult, events: Events, language: str) -> Message:
    """The answer to a what-if question in one of `languages()`."""
    catalogue, verdict, name = load_catalogue(language), result.verdict, result.basket.name(language)
    daily, move = catalogue.percent(verdict.daily_return), catalogue.percent(verdict.move)
    date = catalogue.day(verdict.session)
    window = wording.window_text(verdict.window, catalogue)
    claim = wording.rarity_claim("claim", verdict, events, catalogue) if wording.is_notable(verdict) else ""
    lines = [
        catalogue.say("supposed", name=name, daily=daily, date=date, move=move, window=window, claim=claim),
        catalogue.join(wording.rank_facts(verdict, catalogue), "dot"),
    ]
    if verdict.entered_state >= DrawdownState.CORRECTION and not verdict.missing_sessions:
        state, fields = catalogue.word("state", verdict.entered_state.word), wording.drawdown_fields(verdict, catalogue)
        lines.append(catalogue.say("would_enter", name=name, state=state, **fields))
    lines += further_fall_line(result.further, catalogue)
    lines += [forecast_line(forecast, catalogue) for forecast in result.forecasts]
    return Message(language, tuple(lines))


def forecast_line(forecast: LevelForecast, catalogue: Catalogue) -> str:
    """The severity of a rule's level, and the further fall to the next level."""
    level = forecast.level
    severity = catalogue.say("no_rung") if level is None else catalogue.word("severity", level.severity.word)
    line = catalogue.say("reach", rule=forecast.rule.name, severity=severity)
    if forecast.further is None or forecast.next_level is None:
        return line
    deeper = catalogue.word("severity", forecast.next_level.severity.word)
    fields = wording.further_fall_fields(forecast.further.fraction, catalogue)
    return line + catalogue.say("next_rung", severity=deeper, **fields)
