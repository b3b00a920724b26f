"""Suspect-price detection: outliers against peers, stale, frozen, unadjusted split."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import chain

import numpy as np
import numpy.typing as npt

from bot.prices.bars import Bars, CorporateAction, Floats, Symbol
from bot.prices.calendars import CalendarCode, CalendarProvider, exchange_of
from bot.prices.peers import RecentReturns, peer_median_and_spread, recent_returns

Mask = npt.NDArray[np.bool_]

RECENT_SESSIONS = 10
# Distances of logarithms: 0.22 is some 22 per cent.
FAR, LOW_FAR, SPREADS = 0.22, 0.08, 6.0
AWAY, NEAR_A_RATIO, ROUNDED = 0.15, 0.02, 0.02
HIGHEST, LOWEST = math.log(8), -math.log(50)
SPLITS = (2.0, 3.0, 1.5, 4.0, 5.0, 10.0, 20.0, 25.0)
RATIOS = np.log([*SPLITS, *(1 / ratio for ratio in SPLITS)])
# No price may move further in a session, by the exchange's own rules.
LIMITS = {CalendarCode("XKRX"): 0.30}
LIMIT_SLACK = 0.005
MAX_SPLIT_PEER_SHARE = 0.6
CLOCKS_DIFFER = timedelta(minutes=5)
# Yahoo tells of some exchanges 20 minutes late.
STALE_AFTER = timedelta(minutes=30)


class Suspicion(StrEnum):
    """What is wrong with a price; an impossible one is never believed, whatever happens next."""

    OUTSIDE = "its close lies outside its high and low"
    UNDONE = "a split or a payment was not taken out of its prices"
    FAR = "far from its peers"
    LOW = "a low far below its close"
    SPLIT = "looks like a split"
    ABSURD = "further than any price goes in a session"
    LIMIT = "beyond what its exchange allows"
    REWRITTEN = "its whole past was rewritten"
    FROZEN = "stands still while its peers move"
    STALE = "its exchange's prices are old"
    TIME = "its time is outside the session"
    CURRENCY = "it is in another currency"

    @property
    def impossible(self) -> bool:
        return self in {Suspicion.ABSURD, Suspicion.LIMIT, Suspicion.STALE, Suspicion.TIME, Suspicion.CURRENCY}


@dataclass(frozen=True, slots=True)
class SuspectPrice:
    """One symbol's price of one session of its exchange that is not believed yet."""

    symbol: Symbol
    session: date
    kind: Suspicion
    detail: str

    def __str__(self) -> str:
        return f"{self.symbol} {self.session}: {self.kind}: {self.detail}"


def find_suspects(
    bars: Mapping[Symbol, Bars],
    circles: Sequence[Collection[Symbol]],
    calendars: CalendarProvider,
    now: datetime | None = None,
    recent: int = RECENT_SESSIONS,
) -> tuple[SuspectPrice, ...]:
    """What is doubtful of the `recent` latest sessions of every symbol, in the order of the symbols and sessions.

    `circles` are the baskets' symbols: who is in one with a symbol is its peer. `now` (with a zone) is the time of
    the look, None = nobody looks at an open session. A price that comes back from a doubtful one is not doubtful.
    """
    seen = recent_returns(bars, calendars, recent)
    first_by_session: dict[tuple[Symbol, date], SuspectPrice] = {}
    timed = (_mistimed(bars, calendars, now), _late(bars, calendars, now))
    torn = (_outside(seen, bars), _undone(seen, bars))
    moved = (_jumps(seen, bars, circles), _lows(seen, circles), _frozen(seen, bars))
    # Of two doubts about one price the harder to settle counts: what is impossible stays so.
    for suspicion in sorted(
        chain(*timed, *torn, *moved, _rewritten(bars)), key=lambda suspicion: not suspicion.kind.impossible
    ):
        first_by_session.setdefault((suspicion.symbol, suspicion.session), suspicion)
    return tuple(first_by_session.values())


def exclude_suspects(bars: Mapping[Symbol, Bars], doubted: Iterable[SuspectPrice]) -> dict[Symbol, Bars]:
    """The same prices, but the doubtful ones are missing: of a doubtful low nothing else."""
    left = dict(bars)
    days: dict[tuple[Symbol, bool], list[date]] = {}
    for price in doubted:
        days.setdefault((price.symbol, price.kind is Suspicion.LOW), []).append(price.session)
    for (symbol, low_alone), sessions in days.items():
        whole = left[symbol]
        gone = np.isin(whole.dates, np.array(sessions, dtype="M8[D]"))
        left[symbol] = replace(whole, low=np.where(gone, np.nan, whole.low))
        if not low_alone:
            close, adjusted, high = (
                np.where(gone, np.nan, price) for price in (whole.close, whole.adjusted, whole.high)
            )
            left[symbol] = replace(left[symbol], close=close, adjusted=adjusted, high=high)
    return left


def _mistimed(bars: Mapping[Symbol, Bars], calendars: CalendarProvider, now: datetime | None) -> Iterator[SuspectPrice]:
    """Newest prices from before their session or from the future (rule 3)."""
    for symbol, history in bars.items():
        if history.as_of is None or not len(history.dates):
            continue
        calendar = calendars.get(exchange_of(symbol))
        at = int(np.searchsorted(calendar.sessions, history.dates[-1]))
        if at == len(calendar.sessions) or calendar.sessions[at] != history.dates[-1] or np.isnan(history.close[-1]):
            continue
        opens = datetime.fromtimestamp(int(calendar.opens[at]), UTC)
        if history.as_of < opens:
            detail = f"of {history.as_of:%d %b %H:%M} UTC, before the session opened"
            yield SuspectPrice(symbol, history.dates[-1].item(), Suspicion.TIME, detail)
        elif now is not None and history.as_of > now + CLOCKS_DIFFER:
            detail = f"of {history.as_of:%d %b %H:%M} UTC, which is yet to come"
            yield SuspectPrice(symbol, history.dates[-1].item(), Suspicion.TIME, detail)


def _late(bars: Mapping[Symbol, Bars], calendars: CalendarProvider, now: datetime | None) -> Iterator[SuspectPrice]:
    """Newest prices that are old for an open session, or for a close: a whole exchange's, or those of some symbols."""
    ages: dict[CalendarCode, dict[Symbol, timedelta]] = {}
    for symbol, history in bars.items():
        if now is not None and history.as_of is not None:
            calendar = calendars.get(exchange_of(symbol))
            at = int(np.searchsorted(calendar.opens, int(now.timestamp()), side="right")) - 1
            opens, closes = (datetime.fromtimestamp(int(times[at]), UTC) for times in (calendar.opens, calendar.closes))
            due = min(now, closes)
            if history.dates[-1:] == calendar.sessions[at] and due - opens > STALE_AFTER:
                ages.setdefault(calendar.code, {})[symbol] = due - history.as_of
    for ages_here in ages.values():
        old = [symbol for symbol, age in ages_here.items() if age > STALE_AFTER]
        alone = len(old) <= (1 - MAX_SPLIT_PEER_SHARE) * len(ages_here)
        for symbol in old:
            minutes = ages_here[symbol] // timedelta(minutes=1)
            detail = f"{minutes} minutes old, as are {len(old)} of {len(ages_here)} on its exchange"
            yield SuspectPrice(
                symbol, bars[symbol].dates[-1].item(), Suspicion.FROZEN if alone else Suspicion.STALE, detail
            )


def _outside(seen: RecentReturns, bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
    """Closes at which the session itself never traded."""
    for column, symbol in enumerate(seen.symbols):
        history, rows = bars[symbol], seen.rows[:, column]
        present = np.flatnonzero(rows >= 0)
        close, high, low = (np.log(prices[rows[present]]) for prices in (history.close, history.high, history.low))
        for at in np.flatnonzero((close > high + ROUNDED) | (close < low - ROUNDED)).tolist():
            row = rows[present[at]]
            detail = f"{history.close[row]:.6g}, and it traded from {history.low[row]:.6g} to {history.high[row]:.6g}"
            yield SuspectPrice(symbol, seen.days[present[at]].item(), Suspicion.OUTSIDE, detail)


def _undone(seen: RecentReturns, bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
    """Sessions of a payment as large as a fall that is doubted, of which the adjusted closes show not even half; and of
    a split of which the closes show half and more.
    """
    for day, column, gap, expected in _payments(seen, bars):
        if expected < -AWAY and gap > expected / 2:
            detail = f"{_percent(expected)} were paid out, and they show {_percent(gap)}"
            yield SuspectPrice(seen.symbols[column], seen.days[day].item(), Suspicion.UNDONE, detail)
    for day, column, action in _actions(seen, bars):
        move = float(seen.close[day, column])
        if action.split != 1.0 and abs(move) > abs(math.log(action.split)) / 2 > AWAY / 2:
            detail = f"{_percent(move)} on the day of a split of {action.split:g} to 1"
            yield SuspectPrice(seen.symbols[column], seen.days[day].item(), Suspicion.UNDONE, detail)


def _jumps(
    seen: RecentReturns, bars: Mapping[Symbol, Bars], circles: Sequence[Collection[Symbol]]
) -> Iterator[SuspectPrice]:
    """Moves that are too far from those of the peers (rule 4)."""
    limits = np.array([LIMITS.get(exchange_of(symbol), np.inf) for symbol in seen.symbols])
    same = np.array_equal(seen.close, seen.adjusted, equal_nan=True)
    for moves in (seen.close,) if same else (seen.close, seen.adjusted):
        absurd = (moves > HIGHEST) | (moves < LOWEST)
        beyond = np.abs(np.expm1(np.minimum(moves, HIGHEST))) > limits + LIMIT_SLACK
        centre, _ = peer_median_and_spread(np.where(absurd | beyond, np.nan, moves), seen.symbols, circles)
        apart = moves - centre
        if moves is seen.close and not same:
            apart[_paid(seen, bars)] = 0.0
        split = np.abs(apart) > AWAY
        split[split] = _near_a_ratio(moves[split]) | _near_a_ratio(apart[split])
        kinds = {
            Suspicion.ABSURD: absurd,
            Suspicion.LIMIT: beyond,
            Suspicion.SPLIT: split,
            Suspicion.FAR: np.abs(apart) > FAR,
        }
        flagged = _not_back(np.logical_or.reduce(list(kinds.values())), apart)
        for day, column in np.argwhere(flagged).tolist():
            kind = next(kind for kind, cells in kinds.items() if cells[day, column])
            detail = f"{_percent(moves[day, column])} while its peers moved {_percent(centre[day, column])}"
            yield SuspectPrice(seen.symbols[column], seen.days[day].item(), kind, detail)


def _lows(seen: RecentReturns, circles: Sequence[Collection[Symbol]]) -> Iterator[SuspectPrice]:
    """Lows that lie too far below both closes, and not because it was such a day."""
    if not (seen.dip < -LOW_FAR).any():
        return
    centre, spread = peer_median_and_spread(seen.dip, seen.symbols, circles)
    for day, column in np.argwhere(seen.dip < centre - np.maximum(LOW_FAR, SPREADS * spread)).tolist():
        low_text, others = _percent(seen.dip[day, column]), _percent(centre[day, column])
        detail = f"its low lies {low_text} from its close or the one before, those of its peers {others}"
        yield SuspectPrice(seen.symbols[column], seen.days[day].item(), Suspicion.LOW, detail)


def _near_a_ratio(jumps: Floats) -> Mask:
    return np.asarray((np.abs(jumps[:, None] - RATIOS) <= NEAR_A_RATIO).any(axis=1))


def _not_back(flagged: Mask, apart: Floats) -> Mask:
    """`flagged` without the moves that undo the doubtful one of the day before: those prices are back to normal."""
    kept = flagged.copy()
    for day in np.flatnonzero(flagged[1:].any(axis=1) & flagged[:-1].any(axis=1)) + 1:
        back = np.abs(apart[day] + apart[day - 1]) <= AWAY
        kept[day] &= ~(kept[day - 1] & back)
    return kept


def _paid(seen: RecentReturns, bars: Mapping[Symbol, Bars]) -> Mask:
    """Where a dividend in the feed of actions accounts for what the closes show and the adjusted ones do not."""
    paid = np.zeros(seen.close.shape, dtype=np.bool_)
    for day, column, gap, expected in _payments(seen, bars):
        paid[day, column] = abs(gap - expected) <= AWAY
    return paid


def _payments(seen: RecentReturns, bars: Mapping[Symbol, Bars]) -> Iterator[tuple[int, int, float, float]]:
    """The place of every payment, how much further the close moved than the adjusted one, and how much it should."""
    for day, column, action in _actions(seen, bars):
        if action.dividend > 0:
            price = float(bars[seen.symbols[column]].close[seen.rows[day, column]])
            gap = float(seen.close[day, column] - seen.adjusted[day, column])
            yield day, column, gap, math.log(price / (price + action.dividend))


def _actions(seen: RecentReturns, bars: Mapping[Symbol, Bars]) -> Iterator[tuple[int, int, CorporateAction]]:
    places = {day: at for at, day in enumerate(seen.days.tolist())}
    for column, symbol in enumerate(seen.symbols):
        for action in bars[symbol].actions:
            if action.session in places:
                yield places[action.session], column, action


def _frozen(seen: RecentReturns, bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
    """Rows that repeat the row before while most of the symbols moved."""
    present = ~np.isnan(seen.close)
    moved = present & (seen.close != 0)
    for column, symbol in enumerate(seen.symbols):
        others = np.arange(len(seen.symbols)) != column
        count = present[:, others].sum(axis=1)
        many = moved[:, others].sum(axis=1) >= MAX_SPLIT_PEER_SHARE * np.maximum(count, 1)
        history = bars[symbol]
        for day in np.flatnonzero(many & present[:, column] & ~moved[:, column] & (count > 0)).tolist():
            row = seen.rows[day, column]
            if history.high[row] == history.high[row - 1] and history.low[row] == history.low[row - 1]:
                share = moved[day, others].sum() / count[day]
                detail = f"the same as the day before while {share:.0%} of the others moved"
                yield SuspectPrice(symbol, seen.days[day].item(), Suspicion.FROZEN, detail)


def _rewritten(bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
    """Pasts whose closes were all multiplied by one factor though no split accounts for it."""
    for symbol, history in bars.items():
        has_split = any(action.split != 1.0 for action in history.actions)
        if abs(math.log(history.rescaled)) > NEAR_A_RATIO and not has_split:
            newest = history.dates[~np.isnan(history.close)][-1].item()
            detail = f"its closes are {history.rescaled:.4g} times what they were, and no split is known"
            yield SuspectPrice(symbol, newest, Suspicion.REWRITTEN, detail)


def _percent(move: float) -> str:
    return f"{100 * math.expm1(min(move, 700.0)):+.1f} %".replace("-", "−")
