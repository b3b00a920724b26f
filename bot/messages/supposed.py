"""How do we say what would be?"""

from __future__ import annotations

from collections.abc import Iterator

from bot.context import Reach, Supposition
from bot.messages import wording
from bot.messages.catalogue import Catalogue, catalogue
from bot.messages.history import further_line
from bot.messages.message import Message
from bot.messages.wording import Events
from bot.statistics import State


def supposed(supposition: Supposition, events: Events, language: str) -> Message:
    """The answer to "what if" in one of `languages()`."""
    return Message(language, tuple(_lines(supposition, events, catalogue(language))))


def _lines(supposition: Supposition, events: Events, words: Catalogue) -> Iterator[str]:
    verdict = supposition.verdict
    name = supposition.basket.name(words.language)
    yield words.say(
        "supposed",
        name=name,
        daily=words.percent(verdict.daily_return),
        date=words.day(verdict.session),
        move=words.percent(verdict.move),
        window=wording.window_words(verdict.window, words),
        claim=wording.claim("claim", verdict, events, words) if wording.notable(verdict) else "",
    )
    yield words.dotted(wording.rank(verdict, words))
    if verdict.entered >= State.CORRECTION and not verdict.holes:
        yield words.say(
            "would_enter",
            name=name,
            state=wording.state_words(verdict.entered, words),
            drawdown=words.percent(verdict.drawdown),
            depth=words.percent(verdict.drawdown, sign=False),
            date=words.day(verdict.peak_session),
        )
    yield from further_line(supposition.further, words)
    yield from (_reach(one, words) for one in supposition.reaches)


def _reach(reach: Reach, words: Catalogue) -> str:
    now = words.say("no_rung") if reach.rung is None else words.word("severity", reach.rung.severity.word)
    line = words.say("reach", rule=reach.rule.name, severity=now)
    if reach.further is None or reach.next_rung is None:
        return line
    deeper = words.word("severity", reach.next_rung.severity.word)
    return line + words.say("next_rung", severity=deeper, **wording.another(reach.further.fraction, words))
