"""What else is true of this fall?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import isnan, nan

import numpy as np

from bot.alerts import Alert, Rule
from bot.baskets import Basket, BasketId, BasketSeries
from bot.prices import Symbol
from bot.statistics import Board, State, Verdict, Verdicts

# A member that lost more than this below the previous close, at any moment of a session, is counted as plunging.
PLUNGE = -0.10
BEAR = int(State.BEAR)  # numpy is slow to compare with an enum


@dataclass(frozen=True, slots=True)
class MemberShare:
    """One member's part in a basket's move; all figures are fractions.

    `move` is its own move over the window (None = a return is missing), `contribution` its part of the basket's move,
    `day_low` its lowest day's low against the previous close within the window (None = unknown).
    """

    symbol: Symbol
    move: float | None
    contribution: float
    day_low: float | None


@dataclass(frozen=True, slots=True)
class Contrast:
    """Another basket over the same window; `gap` is the verdict of the fallen basket minus the other."""

    other: Basket
    other_move: float
    gap: Verdict


@dataclass(frozen=True, slots=True)
class StateEntry:
    """A member that entered a drawdown state on this very session."""

    symbol: Symbol
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Yardstick:
    """The earlier move an alert is held against: the end of its window, and the move as a fraction.

    `runner_up` is the lowest move between the two (None = there is none); nothing that is said may put it on a par.
    """

    session: date
    move: float
    runner_up: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What stands around one alert.

    `sides` holds the basket and its move, or for a contrast both (None = not defined). `yardstick` is the latest
    earlier move as bad, or for a record the worst before it. `days` are the sessions of the window with the basket's
    returns, oldest first, and `members` those that belonged, the one that weighed most first. `listed` counts the
    members that belong on the session, `present` those with a return, `traded_then` those of them that belonged on the
    yardstick's session too. A contrast has neither days nor members.
    """

    sides: tuple[tuple[Basket, float | None], ...]
    yardstick: Yardstick | None = None
    days: tuple[tuple[date, float], ...] = ()
    members: tuple[MemberShare, ...] = ()
    listed: int = 0
    present: int = 0
    traded_then: int | None = None
    entries: tuple[StateEntry, ...] = ()
    contrast: Contrast | None = None

    @property
    def known(self) -> int:
        """How many members have a move."""
        return sum(member.move is not None for member in self.members)

    @property
    def fell(self) -> int:
        """How many members have a move below 0."""
        return sum(member.move is not None and member.move < 0 for member in self.members)

    @property
    def plunged(self) -> int:
        """How many members were below PLUNGE at some moment."""
        return sum(member.day_low is not None and member.day_low < PLUNGE for member in self.members)


def explain(board: Board, rules: Sequence[Rule], alert: Alert) -> Context:
    """What stands around `alert`; `rules` tell which baskets are contrasted with which."""
    subject, window = alert.subject, alert.rule.window
    if subject.against:
        pair = (subject.basket, BasketId(subject.against))
        sides = tuple((board.series[one].basket, _move(board, one, window, alert.session)) for one in pair)
        one, other = reversed(pair) if alert.rule.upward else pair
        columns = board.of_spread(one, other, window)
        yardstick = _yardstick(columns, alert.session)
        if yardstick is not None and alert.rule.upward:
            runner_up = None if yardstick.runner_up is None else -yardstick.runner_up
            yardstick = replace(yardstick, move=-yardstick.move, runner_up=runner_up)
        return Context(sides, yardstick)
    series = board.series[subject.basket]
    columns = board.of_basket(subject.basket, window)
    position = board.position(subject.basket, alert.session)
    assert position is not None  # an alert's session is one of its basket's calendar
    rows = slice(position - window + 1, position + 1)
    yardstick = _yardstick(columns, alert.session)
    then = board.position(subject.basket, yardstick.session) if yardstick is not None else None
    return Context(
        sides=((series.basket, _move(board, subject.basket, window, alert.session)),),
        yardstick=yardstick,
        days=tuple(zip(series.sessions[rows].tolist(), series.daily_return[rows].tolist(), strict=True)),
        members=() if isnan(columns.move[position]) else _members(series, position, window),
        listed=sum(series.listed[position].tolist()),
        present=sum(share > 0 for share in series.shares[position].tolist()),
        traded_then=int((series.listed[then] & series.listed[position]).sum()) if then is not None else None,
        entries=tuple(_entries(board, alert, position)) if len(series.basket.members) > 1 else (),
        contrast=_contrast(board, rules, subject.basket, window, alert.session),
    )


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


def _members(series: BasketSeries, position: int, window: int) -> tuple[MemberShare, ...]:
    """The members that had a part in the window or belong at its end, the one that weighed most first."""
    rows = slice(position - window + 1, position + 1)
    returns = list(zip(*series.member_returns[rows].tolist(), strict=True))
    lows = list(zip(*series.day_lows[rows].tolist(), strict=True))
    shares_of = list(zip(*series.shares[rows].tolist(), strict=True))
    listed = series.listed[position].tolist()
    parts = contributions(series, position, window)
    shares = [
        MemberShare(
            symbol=series.basket.members[column].symbol,
            move=_compounded(returns[column]),
            contribution=parts[column],
            day_low=min((low for low in lows[column] if not isnan(low)), default=None),
        )
        for column, own in enumerate(shares_of)
        if listed[column] or any(own)
    ]
    return tuple(sorted(shares, key=lambda share: (share.contribution, share.symbol)))


def _compounded(returns: Sequence[float]) -> float | None:
    """The move of these returns, oldest first; None = one of them is missing."""
    growth = 1.0
    for one in returns:
        growth *= 1 + one
    return None if isnan(growth) else growth - 1


def _move(board: Board, basket: BasketId, window: int, session: date) -> float | None:
    position = board.position(basket, session)
    move = float(board.of_basket(basket, window).move[position]) if position is not None else nan
    return None if isnan(move) else move


def _yardstick(columns: Verdicts, session: date) -> Yardstick | None:
    """What the move is held against: the latest as bad, or for a record the worst before it."""
    position = int(np.searchsorted(columns.sessions, np.datetime64(session, "D")))
    at = int(columns.worst_at[position])
    if at < 0:
        earlier = columns.move[:position]
        if np.isnan(earlier).all():
            return None
        at = int(np.nanargmin(earlier))
    runner_up = float(np.fmin.reduce(columns.move[at + 1 : position], initial=np.inf))
    return Yardstick(columns.sessions[at].item(), float(columns.move[at]), None if runner_up == np.inf else runner_up)


def _entries(board: Board, alert: Alert, position: int) -> Iterator[StateEntry]:
    """Members that entered a bear market or a crash on that session."""
    basket, window = alert.subject.basket, alert.rule.window
    for symbol in _entrants(board, basket, window).get(position, ()):
        verdict = board.of_member(basket, symbol, window).at(position)
        if verdict is not None:
            yield StateEntry(symbol, verdict)


def _entrants(board: Board, basket: BasketId, window: int) -> Mapping[int, Sequence[Symbol]]:
    """Which members entered a bear market or a crash, by position; nobody did at the others."""

    def found() -> Mapping[int, Sequence[Symbol]]:
        series = board.series[basket]
        symbols = series.basket.symbols
        entered = np.column_stack([board.of_member(basket, symbol, window).entered for symbol in symbols])
        entrants: dict[int, list[Symbol]] = {}
        for position, column in np.argwhere((entered >= BEAR) & series.listed).tolist():
            entrants.setdefault(position, []).append(symbols[column])
        return entrants

    return board.once(("entrants", basket, str(window)), found)


def _contrast(board: Board, rules: Sequence[Rule], basket: BasketId, window: int, session: date) -> Contrast | None:
    """The other side of the first contrast rule that names the basket."""
    for rule in rules:
        if (
            rule.contrast is None
            or basket not in rule.contrast
            or not all(one in board.series for one in rule.contrast)
        ):
            continue
        other = rule.contrast[rule.contrast[0] == basket]
        gap = board.spread_at(basket, other, window, session)
        move = _move(board, other, window, session)
        if gap is not None and move is not None:
            return Contrast(board.series[other].basket, move, gap)
    return None
