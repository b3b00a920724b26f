"""Headlines of an alert: the symbols to ask about, and the selection among results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from bot.alerts.episodes import Alert
from bot.baskets import BasketId
from bot.context.build import member_contributions
from bot.prices.bars import Symbol
from bot.statistics.market_stats import MarketStats

MAX_LOSERS = 3
MAX_HEADLINES = 5  # the first that there is room for are quoted
LONGEST_TITLE, LONGEST_PUBLISHER = 160, 60  # characters; longer headlines are left out, not cut


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


def largest_losers(stats: MarketStats, alert: Alert) -> tuple[Symbol, ...]:
    """The members to request headlines for, at most MAX_LOSERS, the largest loser first.

    The members named in the alert, or else those with a negative contribution; of two baskets, the lagging basket.
    """
    results = [(decision.evidence.verdict, decision.subject.member) for decision in alert.decisions]
    named = sorted((verdict.move, member) for verdict, member in results if verdict is not None and member)
    if named:
        return tuple(Symbol(member) for _, member in named[:MAX_LOSERS])
    verdict, _ = results[0]
    behind = alert.subject.against if verdict is not None and verdict.move > 0 else ""
    basket = BasketId(behind or alert.subject.basket)
    position = stats.position(basket, alert.session)
    if position is None:
        return ()
    members = member_contributions(stats.series[basket], position, alert.rule.window)
    return tuple(member.symbol for member in members if member.contribution < 0)[:MAX_LOSERS]


def select_headlines(
    headlines: Iterable[Headline],
    symbols: Sequence[Symbol],
    names: Mapping[Symbol, str],
    since: datetime,
    until: datetime,
) -> tuple[Headline, ...]:
    """The most relevant headlines about `symbols` (the most important first), at most MAX_HEADLINES.

    Published after `since` and not after `until`, and about a symbol: the title has the ticker or the company's name
    (`names`) as a word, or the source assigned the symbol. Titles that name a symbol go first, then the more important
    symbol, then the newer headline. The same title of several publishers counts once; a text too long to be quoted
    whole, or without a letter or digit, is left out.
    """
    ranked = []
    for headline in headlines:
        texts = ((headline.title, LONGEST_TITLE), (headline.publisher, LONGEST_PUBLISHER))
        quotable = all(len(text) <= longest and any(map(str.isalnum, text)) for text, longest in texts)
        # By symbol: whether the title does not name it, and its index.
        places = [
            (not named, index)
            for index, symbol in enumerate(symbols)
            if (named := names_symbol(headline.title, symbol, names.get(symbol, ""))) or symbol in headline.symbols
        ]
        if places and quotable and since < headline.at <= until:
            ranked.append((min(places), -headline.at.timestamp(), headline))
    by_title: dict[str, Headline] = {}
    for _, _, headline in sorted(ranked, key=itemgetter(0, 1)):
        by_title.setdefault(" ".join(headline.title.casefold().split()), headline)
    return tuple(by_title.values())[:MAX_HEADLINES]


def names_symbol(title: str, symbol: Symbol, name: str) -> bool:
    """Whether the title names the symbol by its ticker or by the company's `name` ("" = unknown).

    Some of both are ordinary words: a ticker counts in capitals and from two letters on, a name with a capital.
    """
    ticker = symbol.removeprefix("^").partition(".")[0]
    by_ticker, by_name = (rf"(?<!\w){re.escape(text)}(?!\w)" for text in (ticker, name))
    if len(ticker) > 1 and re.search(by_ticker, title):
        return True
    return bool(name) and any(not match[0][0].islower() for match in re.finditer(by_name, title, re.IGNORECASE))
