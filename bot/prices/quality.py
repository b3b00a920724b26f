"""Suspect-price detection: outliers against peers, stale, frozen, unadjusted split."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import chain

import numpy as np

from bot.prices.bars import Bars, CorporateAction, Symbol
from bot.prices.calendars import CalendarCode, CalendarProvider, exchange_of, session_index, session_times
from bot.prices.peers import RecentReturns, peer_median_and_spread, recent_returns

RECENT_SESSIONS = 10
# Distances of logarithms: 0.22 is some 22 per cent.
FAR, LOW_FAR, SPREADS = 0.22, 0.08, 6.0
AWAY, NEAR_A_RATIO, ROUNDED = 0.15, 0.02, 0.02
HIGHEST, LOWEST = math.log(8), -math.log(50)
SPLITS = (2.0, 3.0, 1.5, 4.0, 5.0, 10.0, 20.0, 25.0)
RATIOS = np.log([*SPLITS, *(1 / split for split in SPLITS)])
# No price may move further in a session, by the exchange's own rules.
LIMITS = {CalendarCode("XKRX"): 0.30}
LIMIT_SLACK = 0.005
MOST = 0.6  # of the symbols
CLOCKS_DIFFER = timedelta(minutes=5)
# Yahoo's prices of some exchanges are 20 minutes old.
STALE_AFTER = timedelta(minutes=30)


class Suspicion(StrEnum):
    """The reason to suspect a price; an impossible one is rejected and never cleared."""

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
    """The price of a symbol on a session of its exchange, not accepted yet."""

    symbol: Symbol
    session: date
    kind: Suspicion
    detail: str

    def __str__(self) -> str:
        return f"{self.symbol} {self.session}: {self.kind}: {self.detail}"


def find_suspects(
    bars: Mapping[Symbol, Bars],
    peer_groups: Sequence[Collection[Symbol]],
    calendars: CalendarProvider,
    now: datetime | None = None,
    recent: int = RECENT_SESSIONS,
) -> tuple[SuspectPrice, ...]:
    """The suspect prices of the `recent` latest sessions of every symbol, the impossible ones first.

    `peer_groups` are the baskets' symbols. `now` (with a zone) is the time of the price check, None = no session is
    open. A price that returns from a suspect one is not suspect.
    """
    returns = recent_returns(bars, calendars, recent)
    suspects = chain(
        mistimed(bars, calendars, now),
        stale(bars, calendars, now),
        outside_range(returns, bars),
        unadjusted(returns, bars),
        jumps(returns, bars, peer_groups),
        low_outliers(returns, peer_groups),
        frozen(returns, bars),
        rewritten(bars),
    )
    # Of two suspicions of a price the impossible one counts: it is never cleared.
    first: dict[tuple[Symbol, date], SuspectPrice] = {}
    for suspect in sorted(suspects, key=lambda suspect: not suspect.kind.impossible):
        first.setdefault((suspect.symbol, suspect.session), suspect)
    return tuple(first.values())


def exclude_suspects(bars: Mapping[Symbol, Bars], suspects: Iterable[SuspectPrice]) -> dict[Symbol, Bars]:
    """`bars` without the suspect prices; of a suspect low the low alone is removed."""
    remaining = dict(bars)
    sessions: dict[tuple[Symbol, bool], list[date]] = {}
    for suspect in suspects:
        sessions.setdefault((suspect.symbol, suspect.kind is Suspicion.LOW), []).append(suspect.session)
    for (symbol, low_alone), days in sessions.items():
        history = remaining[symbol]
        removed = np.isin(history.dates, np.array(days, dtype="M8[D]"))
        columns = ("low",) if low_alone else ("close", "adjusted", "high", "low")
        without = {column: np.where(removed, np.nan, getattr(history, column)) for column in columns}
        remaining[symbol] = replace(history, **without)  # type: ignore[arg-type]
    return remaining


def mistimed(bars: Mapping[Symbol, Bars], calendars: CalendarProvider, now: datetime | None) -> Iterator[SuspectPrice]:
    """Newest prices from before their session or from the future."""
    for symbol, history in bars.items():
        if history.as_of is None or not len(history.dates) or np.isnan(history.close[-1]):
            continue
        calendar, session = calendars.get(exchange_of(symbol)), history.dates[-1].item()
        index = session_index(calendar.sessions, session)
        if index is None:
            continue
        problem = ""
        if history.as_of < session_times(calendar, index)[0]:
            problem = "before the session opened"
        elif now is not None and history.as_of > now + CLOCKS_DIFFER:
            problem = "which is yet to come"
        if problem:
            yield SuspectPrice(symbol, session, Suspicion.TIME, f"of {history.as_of:%d %b %H:%M} UTC, {problem}")


def stale(bars: Mapping[Symbol, Bars], calendars: CalendarProvider, now: datetime | None) -> Iterator[SuspectPrice]:
    """Newest prices that are old for an open session, or for a close: of some symbols, or of most of an exchange."""
    ages: dict[CalendarCode, dict[Symbol, timedelta]] = {}
    for symbol, history in bars.items():
        if now is not None and history.as_of is not None:
            calendar = calendars.get(exchange_of(symbol))
            index = int(np.searchsorted(calendar.opens, int(now.timestamp()), side="right")) - 1
            opens, closes = session_times(calendar, index)
            due = min(now, closes)
            if history.dates[-1:] == calendar.sessions[index] and due - opens > STALE_AFTER:
                ages.setdefault(calendar.code, {})[symbol] = due - history.as_of
    for by_symbol in ages.values():
        old = {symbol: age for symbol, age in by_symbol.items() if age > STALE_AFTER}
        kind = Suspicion.FROZEN if len(old) <= (1 - MOST) * len(by_symbol) else Suspicion.STALE
        for symbol, age in old.items():
            minutes = age // timedelta(minutes=1)
            detail = f"{minutes} minutes old, as are {len(old)} of {len(by_symbol)} on its exchange"
            yield SuspectPrice(symbol, bars[symbol].dates[-1].item(), kind, detail)


def outside_range(recent: RecentReturns, bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
    """Closes at which the session itself never traded."""
    for column, symbol in enumerate(recent.symbols):
        history, days = bars[symbol], np.flatnonzero(recent.rows[:, column] >= 0)
        rows = recent.rows[days, column]
        close, high, low = (np.log(prices[rows]) for prices in (history.close, history.high, history.low))
        outside = (close > high + ROUNDED) | (close < low - ROUNDED)
        for day, row in zip(recent.days[days[outside]].tolist(), rows[outside].tolist(), strict=True):
            traded = f"it traded from {history.low[row]:.6g} to {history.high[row]:.6g}"
            yield SuspectPrice(symbol, day, Suspicion.OUTSIDE, f"{history.close[row]:.6g}, and {traded}")


def unadjusted(recent: RecentReturns, bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
    """Large payments of which the adjusted closes show less than half, and splits of which the closes show half."""
    for day, column, _, gap, expected in recent_actions(recent, bars):
        if expected < -AWAY and gap > expected / 2:
            detail = f"{percent(expected)} were paid out, and they show {percent(gap)}"
            yield SuspectPrice(recent.symbols[column], recent.days[day].item(), Suspicion.UNDONE, detail)
    for day, column, action, *_ in recent_actions(recent, bars):
        move = float(recent.close[day, column])
        if action.split != 1.0 and abs(move) > abs(math.log(action.split)) / 2 > AWAY / 2:
            detail = f"{percent(move)} on the day of a split of {action.split:g} to 1"
            yield SuspectPrice(recent.symbols[column], recent.days[day].item(), Suspicion.UNDONE, detail)


def jumps(
    recent: RecentReturns, bars: Mapping[Symbol, Bars], peer_groups: Sequence[Collection[Symbol]]
) -> Iterator[SuspectPrice]:
    """Moves that are too far from those of the peers."""
    limits = np.array([LIMITS.get(exchange_of(symbol), np.inf) for symbol in recent.symbols])
    same = np.array_equal(recent.close, recent.adjusted, equal_nan=True)
    for moves in (recent.close,) if same else (recent.close, recent.adjusted):
        absurd = (moves > HIGHEST) | (moves < LOWEST)
        beyond = np.abs(np.expm1(np.minimum(moves, HIGHEST))) > limits + LIMIT_SLACK
        centre, _ = peer_median_and_spread(np.where(absurd | beyond, np.nan, moves), recent.symbols, peer_groups)
        apart = moves - centre
        if moves is recent.close and not same:  # a dividend explains what the closes show and the adjusted ones do not
            for day, column, action, gap, expected in recent_actions(recent, bars):
                if action.dividend > 0 and abs(gap - expected) <= AWAY:
                    apart[day, column] = 0.0
        split = np.abs(apart) > AWAY
        candidates = np.array([moves[split], apart[split]])
        split[split] = (np.abs(candidates[..., None] - RATIOS) <= NEAR_A_RATIO).any(axis=(0, 2))
        far = np.abs(apart) > FAR
        flagged = absurd | beyond | split | far
        # A move that undoes the suspect move of the day before leads to a normal price.
        for day in range(1, len(flagged)):
            flagged[day] &= ~(flagged[day - 1] & (np.abs(apart[day] + apart[day - 1]) <= AWAY))
        kinds = {Suspicion.ABSURD: absurd, Suspicion.LIMIT: beyond, Suspicion.SPLIT: split, Suspicion.FAR: far}
        for day, column in np.argwhere(flagged).tolist():
            kind = next(kind for kind, cells in kinds.items() if cells[day, column])
            detail = f"{percent(moves[day, column])} while its peers moved {percent(centre[day, column])}"
            yield SuspectPrice(recent.symbols[column], recent.days[day].item(), kind, detail)


def low_outliers(recent: RecentReturns, peer_groups: Sequence[Collection[Symbol]]) -> Iterator[SuspectPrice]:
    """Lows too far below both closes, compared with those of the peers."""
    if not (recent.dip < -LOW_FAR).any():
        return
    centre, spread = peer_median_and_spread(recent.dip, recent.symbols, peer_groups)
    for day, column in np.argwhere(recent.dip < centre - np.maximum(LOW_FAR, SPREADS * spread)).tolist():
        dip, peers = percent(recent.dip[day, column]), percent(centre[day, column])
        detail = f"its low lies {dip} from its close or the one before, those of its peers {peers}"
        yield SuspectPrice(recent.symbols[column], recent.days[day].item(), Suspicion.LOW, detail)


def frozen(recent: RecentReturns, bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
    """Rows that repeat the row before while most of the symbols moved."""
    present = ~np.isnan(recent.close)
    moved = present & (recent.close != 0)
    for column, symbol in enumerate(recent.symbols):
        peers = np.arange(len(recent.symbols)) != column
        count, moving = present[:, peers].sum(axis=1), moved[:, peers].sum(axis=1)
        many = (moving >= MOST * np.maximum(count, 1)) & (count > 0)
        history = bars[symbol]
        for day in np.flatnonzero(many & present[:, column] & ~moved[:, column]).tolist():
            row = recent.rows[day, column]
            if history.high[row] == history.high[row - 1] and history.low[row] == history.low[row - 1]:
                detail = f"the same as the day before while {moving[day] / count[day]:.0%} of the others moved"
                yield SuspectPrice(symbol, recent.days[day].item(), Suspicion.FROZEN, detail)


def rewritten(bars: Mapping[Symbol, Bars]) -> Iterator[SuspectPrice]:
    """Histories whose closes were all multiplied by one factor without a split that explains it."""
    for symbol, history in bars.items():
        has_split = any(action.split != 1.0 for action in history.actions)
        if abs(math.log(history.rescaled)) > NEAR_A_RATIO and not has_split:
            newest = history.dates[~np.isnan(history.close)][-1].item()
            detail = f"its closes are {history.rescaled:.4g} times what they were, and no split is known"
            yield SuspectPrice(symbol, newest, Suspicion.REWRITTEN, detail)


def recent_actions(
    recent: RecentReturns, bars: Mapping[Symbol, Bars]
) -> Iterator[tuple[int, int, CorporateAction, float, float]]:
    """The actions with their row and column, the close's log return less the adjusted one, and the dividend's."""
    rows = {day: row for row, day in enumerate(recent.days.tolist())}
    for column, symbol in enumerate(recent.symbols):
        for action in bars[symbol].actions:
            if (day := rows.get(action.session)) is not None:
                expected = 0.0
                if action.dividend > 0:
                    price = float(bars[symbol].close[recent.rows[day, column]])
                    expected = math.log(price / (price + action.dividend))
                yield day, column, action, float(recent.close[day, column] - recent.adjusted[day, column]), expected


def percent(move: float) -> str:
    """A log return in words."""
    return f"{100 * math.expm1(min(move, 700.0)):+.1f} %".replace("-", "−")
