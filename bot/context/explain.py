"""What stands around an alert?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from math import isnan, nan
from operator import and_

import numpy as np

from bot.alerts import Alert, Phase, Rule
from bot.baskets import BasketId
from bot.context.context import Context, Contrast, History, Yardstick
from bot.context.history import history_of
from bot.context.members import entered, entries, member_shares
from bot.prices import exchange_of
from bot.statistics import Board, Further, Past, State, Verdict, Verdicts, further

# Who spends and who earns by it: where no rule contrasts a basket, a basket of the other role stands against it.
OTHER_ROLE = {"payer": "receiver", "receiver": "payer"}


def explain(board: Board, rules: Sequence[Rule], alert: Alert, as_of: datetime | None = None) -> Context:
    """What stands around `alert`; `rules` tell which baskets are contrasted with which.

    `as_of` (with a zone) is when the latest prices of a session that has not ended are from.
    """
    if alert.subject.against:
        return _of_contrast(board, alert, as_of)
    basket, window = alert.subject.basket, alert.rule.window
    series, columns = board.series[basket], board.of_basket(basket, window)
    position = board.position(basket, alert.session)
    assert position is not None  # an alert's session is one of its basket's calendar
    move = columns.move.item(position)
    sides = ((series.basket, None if isnan(move) else move),)
    members = () if isnan(move) else member_shares(series, position, window)
    if alert.subject.member:
        return Context(sides, members=members, entries=tuple(entries(board, alert, position)), as_of=as_of)
    rows = slice(position - window + 1, position + 1)
    yardstick = _yardstick(columns, position)
    then = board.position(basket, yardstick.session) if yardstick is not None else None
    alone = len(series.basket.members) == 1
    verdict = alert.decisions[0].evidence.verdict
    assert verdict is not None  # only a verdict can reach a rung
    state = entered(None, columns, position, State.PULLBACK, verdict)
    of_state = state is not None and alert.rule.asks("enters")  # nothing is said of the fall itself
    listed = series.listed(position)
    returns = zip(series.basket.symbols, series.member_returns(position).tolist(), strict=True)
    present = [symbol for symbol, one in returns if not isnan(one)]
    return Context(
        sides=sides,
        yardstick=yardstick,
        days=tuple(zip(series.sessions[rows].tolist(), series.daily_return[rows].tolist(), strict=True)),
        members=members,
        listed=sum(listed),
        present=len(present),
        abroad=sum(exchange_of(one) != series.basket.calendar for one in present),
        traded_then=sum(map(and_, series.listed(then), listed)) if then is not None else None,
        entered=state,
        entries=() if alone else tuple(entries(board, alert, position)),
        contrast=None if of_state else _contrast(board, rules, basket, window, alert.session),
        history=History() if of_state else history_of(board, alert, verdict, position),
        as_of=as_of,
        further=_further(board, columns, verdict, position) if alert.phase is Phase.PROVISIONAL else None,
    )


def _of_contrast(board: Board, alert: Alert, as_of: datetime | None) -> Context:
    window = alert.rule.window
    pair = (alert.subject.basket, BasketId(alert.subject.against))
    sides = tuple((board.series[one].basket, _move(board, one, window, alert.session)) for one in pair)
    one, other = reversed(pair) if alert.rule.upward else pair
    columns = board.of_spread(one, other, window)
    yardstick = _yardstick(columns, int(np.searchsorted(columns.sessions, np.datetime64(alert.session, "D"))))
    if yardstick is not None and alert.rule.upward:
        runner_up = None if yardstick.runner_up is None else -yardstick.runner_up
        yardstick = replace(yardstick, move=-yardstick.move, runner_up=runner_up)
    return Context(sides, yardstick, as_of=as_of)


def _move(board: Board, basket: BasketId, window: int, session: date) -> float | None:
    position = board.position(basket, session)
    move = float(board.of_basket(basket, window).move[position]) if position is not None else nan
    return None if isnan(move) else move


def _yardstick(columns: Verdicts, position: int) -> Yardstick | None:
    """What the move at `position` is held against: the latest as bad, or for a record the worst before it."""
    at = columns.worst_at.item(position)
    if at < 0:
        earlier = columns.move[:position]
        if np.isnan(earlier).all():
            return None
        at = int(np.nanargmin(earlier))
    between = columns.move[at + 1 : position]
    runner_up = float(np.minimum.reduce(between, initial=np.inf))
    if isnan(runner_up):  # np.fmin passes over what is not defined, at ten times the time
        runner_up = float(np.fmin.reduce(between, initial=np.inf))
    return Yardstick(columns.day(at), columns.move.item(at), None if runner_up == np.inf else runner_up)


def _contrast(board: Board, rules: Sequence[Rule], basket: BasketId, window: int, session: date) -> Contrast | None:
    """The first of the basket's counterparts that has a move over the same sessions."""
    for other in _counterparts(board, rules, basket):
        gap = board.spread_at(basket, other, window, session)
        move = _move(board, other, window, session)
        if gap is not None and move is not None:
            return Contrast(board.series[other].basket, move, gap)
    return None


def _counterparts(board: Board, rules: Sequence[Rule], basket: BasketId) -> Iterator[BasketId]:
    """Whom contrast rules set against the basket, in their order, then baskets of the other role."""
    for rule in rules:
        pair = rule.contrast
        if pair is not None and basket in pair and all(one in board.series for one in pair):
            yield pair[pair[0] == basket]
    role = OTHER_ROLE.get(board.series[basket].basket.role)
    if role:
        yield from (other for other, series in board.series.items() if series.basket.role == role)


def _further(board: Board, columns: Verdicts, verdict: Verdict, position: int) -> Further | None:
    return deeper_claim(Past.of(columns, position - 1, board.lines), verdict)


def deeper_claim(past: Past, verdict: Verdict) -> Further | None:
    """How much further a session after `past` must fall to be the worst in more years than now, or on record."""
    years = verdict.worst_in_years or 0
    return further(
        past,
        verdict.session,
        verdict.daily_return,
        verdict.coverage,
        lambda deeper: deeper.record or (deeper.worst_in_years or 0) > years,
    )
