"""Who made a basket fall, and which of them entered a drawdown state?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan

import numpy as np

from bot.alerts import Alert
from bot.baskets import BasketId, BasketSeries
from bot.context.context import MemberShare, StateEntry
from bot.prices import Symbol
from bot.statistics import Board, State, Verdict, Verdicts

BEAR = int(State.BEAR)  # numpy is slow to compare with an enum


def contributions(series: BasketSeries, position: int, window: int) -> list[float]:
    """Each member's part of the move that ended at `position`, one for each; the parts add up to the move.

    A day's weighted return times the basket's growth on the later days of the window (definitions: moves).
    """
    weights = [member.weight for member in series.basket.members]
    parts = [0.0] * len(weights)
    later = 1.0
    days = slice(position - window + 1, position + 1)
    every = zip(series.member_returns(days).tolist(), series.daily_return[days].tolist(), strict=True)
    for returns, daily in reversed(list(every)):
        present = [(column, weights[column]) for column, one in enumerate(returns) if not isnan(one)]
        whole = 0.0
        for _, weight in present:
            whole += weight
        for column, weight in present:
            parts[column] += weight / whole * returns[column] * later
        later *= 1 + daily
    return parts


def member_shares(series: BasketSeries, position: int, window: int) -> tuple[MemberShare, ...]:
    """The members that had a part in the window or belong at its end, the one that weighed most first."""
    rows = slice(position - window + 1, position + 1)
    columns = zip(
        series.basket.members,
        series.listed(position),
        series.member_returns(rows).T.tolist(),
        series.day_lows(rows).T.tolist(),
        contributions(series, position, window),
        strict=True,
    )
    shares = []
    for member, listed, returns, lows, part in columns:
        if listed or not all(map(isnan, returns)):
            known = [one for one in lows if not isnan(one)]
            low_gap = len(known) < len(lows) and _lacking(lows, returns)
            shares.append(MemberShare(member.symbol, _compounded(returns), part, min(known, default=None), low_gap))
    return tuple(sorted(shares, key=lambda share: (share.contribution, share.symbol)))


def _compounded(returns: Sequence[float]) -> float | None:
    """The move of these returns, oldest first; None = one of them is missing."""
    growth = 1.0
    for one in returns:
        growth *= 1 + one
    return None if isnan(growth) else growth - 1


def _lacking(lows: Sequence[float], returns: Sequence[float]) -> bool:
    """Whether a low is not known though it traded; where a member's exchange was shut, its return is 0."""
    return any(isnan(low) and one and not isnan(one) for low, one in zip(lows, returns, strict=True))


def entered(
    symbol: Symbol | None, columns: Verdicts, position: int, least: State, known: Verdict | None = None
) -> StateEntry | None:
    """The state that a series entered at `position`, if it is `least` or deeper and there is a verdict.

    `known` is that verdict, where it was worked out before.
    """
    state = columns.entered.item(position)
    if state < least or (verdict := known or columns.at(position)) is None:
        return None
    earlier = (columns.entered[:position] >= state).nonzero()[0]
    before = columns.day(earlier.item(-1)) if len(earlier) else None
    return StateEntry(symbol, verdict, before, position - columns.peak_at.item(position))


def entries(board: Board, alert: Alert, position: int) -> Iterator[StateEntry]:
    """The members that an alert about members is about, or else those that entered a bear market or a crash."""
    basket, window = alert.subject.basket, alert.rule.window
    known: dict[Symbol, Verdict | None] = dict.fromkeys(_entrants(board, basket, window).get(position, ()))
    least = State.BEAR
    if alert.subject.member:
        known = {Symbol(one.subject.member): one.evidence.verdict for one in alert.decisions}
        least = State.PULLBACK
    for symbol, verdict in known.items():
        entry = entered(symbol, board.of_member(basket, symbol, window), position, least, verdict)
        if entry is not None:
            yield entry


def _entrants(board: Board, basket: BasketId, window: int) -> Mapping[int, Sequence[Symbol]]:
    """Which members entered a bear market or a crash, by position; nobody did at the others."""

    def found() -> Mapping[int, Sequence[Symbol]]:
        series = board.series[basket]
        symbols = series.basket.symbols
        begun = np.column_stack([board.of_member(basket, symbol, window).entered for symbol in symbols])
        entrants: dict[int, list[Symbol]] = {}
        for position, column in np.argwhere(begun >= BEAR).tolist():
            if series.listed(position)[column]:
                entrants.setdefault(position, []).append(symbols[column])
        return entrants

    return board.once(("entrants", basket, str(window)), found)
