"""What did the source give at a look, and what is wrong with it?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.errors import NoData, SourceUnreachable
from bot.prices.bars import Bars, PriceSource, Symbol
from bot.prices.calendars import exchange_of
from bot.prices.quality import Suspicion
from bot.watch.due import Due, has_reading
from bot.watch.gate import Screened
from bot.watch.troubles import State, Trouble
from bot.watch.turn import Turn

# More symbols missing at once are an outage of the source, whatever it says of each.
OUTAGE_SHARE = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the source gave, or what is known from before; `missing` could not be had now, each with the reason.

    Of the `unknown` among them the source says that there is no such symbol. `watched` is how many symbols there are.
    """

    bars: Mapping[Symbol, Bars]
    missing: Mapping[Symbol, str]
    unknown: Collection[Symbol]
    watched: int

    @property
    def outage(self) -> bool:
        return len(self.missing) > max(1, OUTAGE_SHARE * self.watched)

    @property
    def seen(self) -> str:
        """How many symbols are missing, and why the first one is."""
        return f"{len(self.missing)} of {self.watched} symbols cannot be had: {next(iter(self.missing.values()))}"


async def fetch(
    source: PriceSource, wanted: Sequence[Symbol], watched: Sequence[Symbol], moved: Callable[[], None]
) -> Fetched:
    """Ask for what is `wanted` of what is `watched`, one symbol after the other, off the event loop.

    `moved` hears of each step.
    """
    bars, missing, unknown = {}, {}, set()
    for symbol in wanted:
        moved()
        try:
            bars[symbol] = await asyncio.to_thread(source.bars, symbol)
        except NoData as error:
            log.warning("no prices of %s: %s", symbol, error)
            missing[symbol] = str(error)
            unknown.add(symbol)
        except SourceUnreachable as error:
            log.warning("no new prices of %s: %s", symbol, error)
            missing[symbol] = str(error)
    return Fetched(bars, missing, unknown, len(watched))


def found_wrong(
    due: Due, turn: Turn, fetched: Fetched, screened: Screened, known: Collection[Trouble]
) -> dict[Trouble, str]:
    """Everything that is wrong at a look, each with what was seen of it; in an outage no symbol is newly unknown."""
    found = {Trouble(State.UNKNOWN, one): fetched.missing[one] for one in fetched.unknown}
    if fetched.outage:
        found = {one: why for one, why in found.items() if one in known} | {Trouble(State.OUTAGE): fetched.seen}
    for doubt in screened.open:
        stale = doubt.kind is Suspicion.STALE
        about = exchange_of(doubt.symbol) if stale else doubt.symbol
        found.setdefault(Trouble(State.STALE if stale else State.DOUBTFUL, about), str(doubt))
    for basket in due.rulebook.baskets:
        day = due.final_session(basket.id)
        board = turn.doubted.board if turn.doubted else turn.board
        if day is not None and not (basket.id in board.series and has_reading(board, basket.id, day)):
            found[Trouble(State.NO_READING, basket.id)] = f"session {day}"
    return found
