"""Who made a basket fall, and which of them entered a drawdown state?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan

import numpy as np

from bot.alerts import Alert
from bot.baskets import BasketId, BasketSeries
from bot.context.context import MemberShare, StateEntry
from bot.prices import Floats, Symbol
from bot.statistics import Board, State, Verdicts

BEAR = int(State.BEAR)  # numpy is slow to compare with an enum


def contributions(series: BasketSeries, position: int, window: int) -> list[float]:
    """Each member's part of the move that ended at `position`, one for each; the parts add up to the move.

    A day's weighted return times the basket's growth on the later days of the window (definitions: moves).
    """
    parts = [0.0] * len(series.basket.members)
    later = 1.0
    for at in range(position, position - window, -1):
        shares, returns = series.shares[at].tolist(), series.member_returns[at].tolist()
        for column, share in enumerate(shares):
            if share > 0:
                parts[column] += share * returns[column] * later
        later *= 1 + float(series.daily_return[at])
    return parts


def member_shares(series: BasketSeries, position: int, window: int) -> tuple[MemberShare, ...]:
    """The members that had a part in the window or belong at its end, the one that weighed most first."""
    rows = slice(position - window + 1, position + 1)
    returns = list(zip(*series.member_returns[rows].tolist(), strict=True))
    lows = np.fmin.reduce(series.day_lows[rows]).tolist()
    lacking = _lacking(series.day_lows[rows], series.member_returns[rows])
    belong = (series.listed[position] | (series.shares[rows] > 0).any(axis=0)).tolist()
    parts = contributions(series, position, window)
    shares = [
        MemberShare(
            symbol=member.symbol,
            move=_compounded(returns[column]),
            contribution=parts[column],
            day_low=None if isnan(lows[column]) else lows[column],
            low_gap=lacking[column],
        )
        for column, member in enumerate(series.basket.members)
        if belong[column]
    ]
    return tuple(sorted(shares, key=lambda share: (share.contribution, share.symbol)))


def _compounded(returns: Sequence[float]) -> float | None:
    """The move of these returns, oldest first; None = one of them is missing."""
    growth = 1.0
    for one in returns:
        growth *= 1 + one
    return None if isnan(growth) else growth - 1


def _lacking(lows: Floats, returns: Floats) -> list[bool]:
    """Of whom a low is not known though it traded; where a member's exchange was shut, its return is 0."""
    return (np.isnan(lows) & ~np.isnan(returns) & (returns != 0)).any(axis=0).tolist()  # type: ignore[no-any-return]


def entered(symbol: Symbol | None, columns: Verdicts, position: int, least: State) -> StateEntry | None:
    """The state that a series entered at `position`, if it is `least` or deeper and there is a verdict."""
    state = columns.entered.item(position)
    verdict = columns.at(position) if state >= least else None
    if verdict is None:
        return None
    earlier = (columns.entered[:position] >= state).nonzero()[0]
    before = columns.day(earlier.item(-1)) if len(earlier) else None
    return StateEntry(symbol, verdict, before, position - columns.peak_at.item(position))


def entries(board: Board, alert: Alert, position: int) -> Iterator[StateEntry]:
    """The members that an alert about members is about, or else those that entered a bear market or a crash."""
    basket, window = alert.subject.basket, alert.rule.window
    if alert.subject.member:
        symbols: Sequence[Symbol] = [Symbol(one.subject.member) for one in alert.decisions]
        least = State.PULLBACK
    else:
        symbols, least = _entrants(board, basket, window).get(position, ()), State.BEAR
    for symbol in symbols:
        entry = entered(symbol, board.of_member(basket, symbol, window), position, least)
        if entry is not None:
            yield entry


def _entrants(board: Board, basket: BasketId, window: int) -> Mapping[int, Sequence[Symbol]]:
    """Which members entered a bear market or a crash, by position; nobody did at the others."""

    def found() -> Mapping[int, Sequence[Symbol]]:
        series = board.series[basket]
        symbols = series.basket.symbols
        begun = np.column_stack([board.of_member(basket, symbol, window).entered for symbol in symbols])
        entrants: dict[int, list[Symbol]] = {}
        for position, column in np.argwhere((begun >= BEAR) & series.listed).tolist():
            entrants.setdefault(position, []).append(symbols[column])
        return entrants

    return board.once(("entrants", basket, str(window)), found)
