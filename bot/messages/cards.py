"""How does one basket stand on one session, in full?"""

from __future__ import annotations

from collections.abc import Iterator

from bot.context import Context
from bot.messages.catalogue import Catalogue
from bot.statistics import Verdict

ICON = "📊"


def card(verdict: Verdict, context: Context, words: Catalogue, *, final: bool) -> Iterator[str]:
    """The lines of a card; what weighs most comes first."""
    basket = context.sides[0][0]
    plain, signed = words.percent(verdict.move, sign=False), words.percent(verdict.move)
    moved = words.say("moved_down" if verdict.move < 0 else "moved_up", plain=plain, signed=signed)
    name, window = basket.name(words.language), words.window(verdict.window)
    yield words.say("headline", icon=ICON, name=name, moved=moved, window=window, claim="")
    yield words.say("closed" if final else "chat_provisional", date=words.day(verdict.session))
