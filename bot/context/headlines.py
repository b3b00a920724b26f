"""Headlines of an alert: the symbols to ask about, and the selection among results."""

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
    """A headline published `at` a time (with a zone); `symbols` are those assigned by the source.

    Texts are untrusted.
    """

    title: str
    publisher: str
    link: str
    at: datetime
    symbols: tuple[Symbol, ...] = ()


def largest_losers(board: MarketStats, alert: Alert) -> tuple[Symbol, ...]:
    """The members to request headlines for, at most MAX_LOSERS, the largest loser first.

    The members named in the alert, or else those with a negative contribution; of two baskets, the lagging basket.
    """
    seen = [(decision.evidence.verdict, decision.subject.member) for decision in alert.decisions]
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
    return tuple(share.symbol for share in shares if share.contribution < 0)[:MAX_LOSERS]


def select_headlines(
    headlines: Iterable[Headline],
    about: Sequence[Symbol],
    names: Mapping[Symbol, str],
    since: datetime,
    until: datetime,
) -> tuple[Headline, ...]:
    """Those that say most about the symbols of `about`, of which the first weighs most.

    Only what was published after `since` and not after `until`, and is about one of them: its title has the ticker or
    the company's name (`names`) as a word, or its source files it under the symbol. Titles that name one go first, then
    the weightier symbol, then the newer headline. The same title of several publishers counts once.
    What is too long to be quoted whole is passed over.
    """
    ranked = [
        (rank, headline)
        for headline in headlines
        if since < headline.at <= until and _quotable(headline) and (rank := _rank(headline, about, names)) is not None
    ]
    ranked.sort(key=lambda pair: (pair[0], -pair[1].at.timestamp()))
    kept: dict[str, Headline] = {}
    for _, headline in ranked:
        kept.setdefault(" ".join(headline.title.casefold().split()), headline)
    return tuple(kept.values())[:MAX_HEADLINES]


def _quotable(headline: Headline) -> bool:
    texts = ((headline.title, LONGEST_TITLE), (headline.publisher, LONGEST_PUBLISHER))
    return all(len(text) <= longest and any(map(str.isalnum, text)) for text, longest in texts)


def _rank(headline: Headline, about: Sequence[Symbol], names: Mapping[Symbol, str]) -> tuple[bool, int] | None:
    """(whether by the source's symbols alone, the index of the symbol in `about`); None = about none of them."""
    for index, symbol in enumerate(about):
        if _named(headline.title, symbol, names.get(symbol, "")):
            return False, index
    return next(((True, index) for index, symbol in enumerate(about) if symbol in headline.symbols), None)


def _named(title: str, symbol: Symbol, name: str) -> bool:
    """A ticker counts in capitals and from two letters on: A, F and T are words. So are some names in small letters."""
    ticker = symbol.removeprefix("^").partition(".")[0]
    by_ticker = len(ticker) > 1 and re.search(_word(ticker), title) is not None
    by_name = re.finditer(_word(name), title, re.IGNORECASE) if name else ()
    return by_ticker or any(not match[0][0].islower() for match in by_name)


def _word(text: str) -> str:
    return rf"(?<!\w){re.escape(text)}(?!\w)"
