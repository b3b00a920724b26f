"""Which headlines may stand beside an alert?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.alerts.episodes import Alert
from bot.baskets import BasketId
from bot.context.build import member_contributions
from bot.prices.bars import Symbol
from bot.statistics.market_stats import MarketStats

MAX_LOSERS = 3
MAX_HEADLINES = 5  # the first that there is room for are quoted
LONGEST_TITLE, LONGEST_PUBLISHER = 160, 60  # signs; neither is ever cut


@dataclass(frozen=True, slots=True)
class Headline:
    """What somebody published `at` that moment (with a zone); `symbols` are those its source files it under.

    Texts are as they came from outside.
    """

    title: str
    publisher: str
    link: str
    at: datetime
    symbols: tuple[Symbol, ...] = ()


def largest_losers(board: MarketStats, alert: Alert) -> tuple[Symbol, ...]:
    """The members that the news is asked about, the largest part of the fall first.

    Those that the alert names, or else those that dragged its basket down; of two baskets, the one that is behind.
    """
    seen = [(one.evidence.verdict, one.subject.member) for one in alert.decisions]
    named = sorted((verdict.move, member) for verdict, member in seen if verdict is not None and member)
    if named:
        return tuple(Symbol(member) for _, member in named[:MAX_LOSERS])
    verdict, _ = seen[0]
    behind = alert.subject.against if verdict is not None and verdict.move > 0 else ""
    basket = BasketId(behind or alert.subject.basket)
    position = board.position(basket, alert.session)
    if position is None:
        return ()
    shares = member_contributions(board.series[basket], position, alert.rule.window)
    return tuple(one.symbol for one in shares if one.contribution < 0)[:MAX_LOSERS]


def select_headlines(
    found: Iterable[Headline], about: Sequence[Symbol], names: Mapping[Symbol, str], since: datetime, until: datetime
) -> tuple[Headline, ...]:
    """Those that say most about the symbols of `about`, of which the first weighs most.

    Only what was published after `since` and not after `until`, and is about one of them: its title has the ticker or
    the company's name (`names`) as a word, or its source files it under the symbol. Titles that name one go first, then
    the weightier symbol, then the newer headline. The same title of several publishers counts once.
    What is too long to be quoted whole is passed over.
    """
    ranked = [
        (rank, one)
        for one in found
        if since < one.at <= until and _quotable(one) and (rank := _rank(one, about, names)) is not None
    ]
    ranked.sort(key=lambda each: (each[0], -each[1].at.timestamp()))
    kept: dict[str, Headline] = {}
    for _, one in ranked:
        kept.setdefault(" ".join(one.title.casefold().split()), one)
    return tuple(kept.values())[:MAX_HEADLINES]


def _quotable(one: Headline) -> bool:
    texts = ((one.title, LONGEST_TITLE), (one.publisher, LONGEST_PUBLISHER))
    return all(len(text) <= longest and any(map(str.isalnum, text)) for text, longest in texts)


def _rank(one: Headline, about: Sequence[Symbol], names: Mapping[Symbol, str]) -> tuple[bool, int] | None:
    """(whether only its source says so, the place of the symbol it is about); None = it is about none of them."""
    for place, symbol in enumerate(about):
        if _named(one.title, symbol, names.get(symbol, "")):
            return False, place
    return next(((True, place) for place, symbol in enumerate(about) if symbol in one.symbols), None)


def _named(title: str, symbol: Symbol, name: str) -> bool:
    """A ticker counts in capitals and from two letters on: A, F and T are words. So are some names in small letters."""
    ticker = symbol.removeprefix("^").partition(".")[0]
    by_ticker = len(ticker) > 1 and re.search(_word(ticker), title) is not None
    by_name = re.finditer(_word(name), title, re.IGNORECASE) if name else ()
    return by_ticker or any(not found[0][0].islower() for found in by_name)


def _word(text: str) -> str:
    return rf"(?<!\w){re.escape(text)}(?!\w)"
