"""What does its own past say of a fall: how rare, how often beyond a round figure, what followed, what is next?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from bot.context import Context, History
from bot.messages import wording
from bot.messages.catalogue import Catalogue
from bot.statistics import FEWEST_CASES, Further, Precedents, State, Verdict

LEAST_SWING = 2.0  # below it a move is nothing unusual
EXACT_BELOW = 2.0  # years that are told with a decimal
SLACK = 1e-9


def rarity(history: History, words: Catalogue) -> Iterator[str]:
    """How often such a fall is to be expected, and how it compares with the weeks before."""
    if history.period is not None:
        years, low, high = (
            words.decimal(one, 1 if one < EXACT_BELOW else 0)
            for one in (history.period.years, history.period.low, history.period.high)
        )
        yield words.say("period", years=years, low=low, high=high)
    if history.swing is not None and -history.swing >= LEAST_SWING:
        yield words.say("swing", times=words.decimal(history.swing))


def beyond(verdict: Verdict, decimals: int, history: History, words: Catalogue) -> Iterator[str]:
    """The n-th time beyond a round figure, and when the others were."""
    found = history.crossing
    if found is None or not wording.years_enough(verdict) or round(-verdict.move * 100, decimals) <= found.limit * 100:
        return
    facts = {
        "limit": wording.limit(found.limit, words),
        "words": words.count_word(verdict.window),
        "year": verdict.since.year,
    }
    if not found.earlier:
        yield words.say("first_beyond", **facts)
        return
    ordinals = words.phrases["ordinals"]
    assert isinstance(ordinals, list)
    dates = words.join([words.day(one.session) for one in found.earlier])
    yield words.say("nth_beyond", count=len(found.earlier), nth=ordinals[found.time], dates=dates, **facts)


def followed(name: str, verdict: Verdict, context: Context, words: Catalogue) -> Iterator[str]:
    """The next line down, and what came after earlier falls like this one."""
    yield from _line(name, verdict, context.history, words)
    found = context.history.precedents
    if found is None or not wording.years_enough(verdict):
        return
    if found.alone:
        yield words.say("no_precedent", words=words.count_word(verdict.window), year=verdict.since.year)
    elif found.sessions:
        yield _cases(found, words)


def _cases(found: Precedents, words: Catalogue) -> str:
    (after,) = found.aftermath
    unknown = len(found.sessions) - after.known
    rest = words.say("not_known", count=unknown) if unknown else ""
    counts = {"sessions": after.sessions, "higher": after.higher, "known": after.known}
    if after.known >= FEWEST_CASES:
        return words.say("followed", median=words.percent(after.median), **counts) + rest
    dates = words.join([words.day(one) for one in found.sessions])
    later = words.say("higher_later", **counts) if after.known else ""
    return words.say("cases", dates=dates) + later + rest


def _line(name: str, verdict: Verdict, history: History, words: Catalogue) -> Iterator[str]:
    if history.line is None or verdict.entered >= State.CORRECTION:
        return
    facts = {
        "name": name,
        "depth": words.percent(verdict.drawdown, sign=False),
        "date": words.day(verdict.peak_session),
        "state": wording.state_words(history.line.state, words),
    }
    if history.close is not None:
        level = math.floor(history.close * (1 + history.line.fraction) * 100 + SLACK) / 100
        yield words.say("line_level", level=words.decimal(level, 2), **facts)
    else:
        further = math.ceil(-history.line.fraction * 1000 - SLACK) / 1000
        yield words.say("line_further", **wording.another(-further, words), **facts)


def further_line(found: Further | None, words: Catalogue) -> Iterator[str]:
    """What a further fall would make of a session that has not ended."""
    if found is None:
        return
    another = wording.another(found.fraction, words)
    if found.verdict.worst_in_years is not None:
        yield words.say("further_years", count=found.verdict.worst_in_years, **another)
    elif wording.years_enough(found.verdict):
        yield words.say("further_record", date=words.day(found.verdict.since), **another)
