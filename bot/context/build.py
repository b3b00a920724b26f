"""Builds the context of an alert: members, breadth, contrast, history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from math import isnan, nan
from operator import and_

import numpy as np

from bot.alerts.episodes import Alert, Phase
from bot.alerts.rules import Rule, Severity
from bot.baskets import BasketId, BasketSeries
from bot.context.model import AlertContext, Contrast, HistoryFacts, MemberContribution, ReferenceMove, StateEntry
from bot.prices.bars import Symbol
from bot.prices.calendars import exchange_of
from bot.statistics.market_stats import MarketStats
from bot.statistics.measure import VerdictColumns
from bot.statistics.next_session import FurtherFall, SettledHistory, next_state, smallest_further_fall
from bot.statistics.precedents import ForwardPath, find_precedents, round_figure_falls
from bot.statistics.rarity import return_period, volatility_multiple
from bot.statistics.verdict import DrawdownState, Verdict

# Who spends and who earns by it: where no rule contrasts a basket, a basket of the other role stands against it.
OTHER_ROLE = {"payer": "receiver", "receiver": "payer"}


def build_context(
    board: MarketStats, rules: Sequence[Rule], alert: Alert, as_of: datetime | None = None
) -> AlertContext:
    """What stands around `alert`; `rules` tell which baskets are contrasted with which.

    `as_of` (with a zone) is when the latest prices of a session that has not ended are from.
    """
    as_of = as_of if alert.phase is Phase.PROVISIONAL else None
    if alert.subject.against:
        return _of_contrast(board, alert, as_of)
    if alert.subject.member:
        return _of_members(board, alert, as_of)
    verdict = alert.decisions[0].evidence.verdict
    assert verdict is not None  # only a verdict can reach a rung
    about_state = alert.rule.uses_condition("enters")
    return context_of_session(
        board, rules, alert.subject.basket, verdict, as_of, severity=alert.severity, about_state=about_state
    )


def context_of_session(
    board: MarketStats,
    rules: Sequence[Rule],
    basket: BasketId,
    verdict: Verdict,
    as_of: datetime | None = None,
    *,
    severity: Severity = Severity.WARNING,
    about_state: bool = False,
) -> AlertContext:
    """What stands around the session of `verdict`, a verdict of `basket`; `as_of` is None if that session is final.

    The history is as full as in an alert of `severity`. With `about_state` a new drawdown state takes the place of the
    history and of the contrast.
    """
    window = verdict.window
    series, columns = board.series[basket], board.of_basket(basket, window)
    position = board.position(basket, verdict.session)
    assert position is not None  # a verdict's session is one of its basket's calendar
    rows = slice(position - window + 1, position + 1)
    yardstick = _yardstick(columns, position)
    then = board.position(basket, yardstick.session) if yardstick is not None else None
    alone = len(series.basket.members) == 1
    state = state_entry(None, columns, position, DrawdownState.PULLBACK, verdict)
    of_state = about_state and state is not None
    listed = series.listed(position)
    returns = zip(series.basket.symbols, series.member_returns(position).tolist(), strict=True)
    present = [symbol for symbol, move in returns if not isnan(move)]
    return AlertContext(
        sides=((series.basket, verdict.move),),
        yardstick=yardstick,
        days=tuple(zip(series.sessions[rows].tolist(), series.daily_return[rows].tolist(), strict=True)),
        members=member_contributions(series, position, window),
        listed=sum(listed),
        present=len(present),
        abroad=sum(exchange_of(symbol) != series.basket.calendar for symbol in present),
        traded_then=sum(map(and_, series.listed(then), listed)) if then is not None else None,
        entered=state,
        entries=() if alone else tuple(state_entries(board, basket, window, position)),
        contrast=None if of_state else _contrast(board, rules, basket, window, verdict.session),
        history=HistoryFacts() if of_state else history_facts(board, basket, verdict, position, severity),
        as_of=as_of,
        further=None if as_of is None else next_claim(SettledHistory.of(columns, position - 1, board.lines), verdict),
    )


def _of_members(board: MarketStats, alert: Alert, as_of: datetime | None) -> AlertContext:
    basket, window = alert.subject.basket, alert.rule.window
    series, move = board.series[basket], _move(board, basket, window, alert.session)
    position = board.position(basket, alert.session)
    assert position is not None  # an alert's session is one of its basket's calendar
    verdicts = {Symbol(decision.subject.member): decision.evidence.verdict for decision in alert.decisions}
    return AlertContext(
        ((series.basket, move),),
        members=() if move is None else member_contributions(series, position, window),
        entries=tuple(state_entries(board, basket, window, position, verdicts)),
        as_of=as_of,
    )


def _of_contrast(board: MarketStats, alert: Alert, as_of: datetime | None) -> AlertContext:
    window = alert.rule.window
    pair = (alert.subject.basket, BasketId(alert.subject.against))
    sides = tuple(
        (board.series[basket_id].basket, _move(board, basket_id, window, alert.session)) for basket_id in pair
    )
    first, second = reversed(pair) if alert.rule.upward else pair
    columns = board.of_spread(first, second, window)
    yardstick = _yardstick(columns, int(np.searchsorted(columns.sessions, np.datetime64(alert.session, "D"))))
    if yardstick is not None and alert.rule.upward:
        runner_up = None if yardstick.runner_up is None else -yardstick.runner_up
        yardstick = replace(yardstick, move=-yardstick.move, runner_up=runner_up)
    return AlertContext(sides, yardstick, as_of=as_of)


def _move(board: MarketStats, basket: BasketId, window: int, session: date) -> float | None:
    position = board.position(basket, session)
    move = float(board.of_basket(basket, window).move[position]) if position is not None else nan
    return None if isnan(move) else move


def _yardstick(columns: VerdictColumns, position: int) -> ReferenceMove | None:
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
    return ReferenceMove(columns.day(at), columns.move.item(at), None if runner_up == np.inf else runner_up)


def _contrast(
    board: MarketStats, rules: Sequence[Rule], basket: BasketId, window: int, session: date
) -> Contrast | None:
    """The first of the basket's counterparts that has a move over the same sessions."""
    for counterpart in _counterparts(board, rules, basket):
        gap = board.spread_at(basket, counterpart, window, session)
        move = _move(board, counterpart, window, session)
        if gap is not None and move is not None:
            return Contrast(board.series[counterpart].basket, move, gap)
    return None


def _counterparts(board: MarketStats, rules: Sequence[Rule], basket: BasketId) -> Iterator[BasketId]:
    """Whom contrast rules set against the basket, in their order, then baskets of the other role."""
    for rule in rules:
        pair = rule.contrast
        if pair is not None and basket in pair and all(basket_id in board.series for basket_id in pair):
            yield pair[pair[0] == basket]
    role = OTHER_ROLE.get(board.series[basket].basket.role)
    if role:
        yield from (counterpart for counterpart, series in board.series.items() if series.basket.role == role)


def next_claim(past: SettledHistory, verdict: Verdict) -> FurtherFall | None:
    """How much further a session after `past` must fall to be the worst in more years than now, or on record."""
    years = verdict.worst_in_years or 0
    return smallest_further_fall(
        past,
        verdict.session,
        verdict.daily_return,
        verdict.coverage,
        lambda deeper: deeper.record or (deeper.worst_in_years or 0) > years,
    )


BEAR = int(DrawdownState.BEAR)  # numpy is slow to compare with an enum


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
        present = [(column, weights[column]) for column, value in enumerate(returns) if not isnan(value)]
        whole = 0.0
        for _, weight in present:
            whole += weight
        for column, weight in present:
            parts[column] += weight / whole * returns[column] * later
        later *= 1 + daily
    return parts


def member_contributions(series: BasketSeries, position: int, window: int) -> tuple[MemberContribution, ...]:
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
            values = [low for low in lows if not isnan(low)]
            low_gap = len(values) < len(lows) and _lacking(lows, returns)
            shares.append(
                MemberContribution(member.symbol, _compounded(returns), part, min(values, default=None), low_gap)
            )
    return tuple(sorted(shares, key=lambda share: (share.contribution, share.symbol)))


def _compounded(returns: Sequence[float]) -> float | None:
    """The move of these returns, oldest first; None = one of them is missing."""
    growth = 1.0
    for value in returns:
        growth *= 1 + value
    return None if isnan(growth) else growth - 1


def _lacking(lows: Sequence[float], returns: Sequence[float]) -> bool:
    """Whether a low is not known though it traded; where a member's exchange was shut, its return is 0."""
    return any(isnan(low) and value and not isnan(value) for low, value in zip(lows, returns, strict=True))


def state_entry(
    symbol: Symbol | None, columns: VerdictColumns, position: int, least: DrawdownState, given: Verdict | None = None
) -> StateEntry | None:
    """The state that a series entered at `position`, if it is `least` or deeper and there is a verdict.

    `known` is that verdict, where it was worked out before.
    """
    state = columns.entered_state.item(position)
    if state < least or (verdict := given or columns.at(position)) is None:
        return None
    earlier = (columns.entered_state[:position] >= state).nonzero()[0]
    before = columns.day(earlier.item(-1)) if len(earlier) else None
    return StateEntry(symbol, verdict, before, position - columns.peak_at.item(position))


def state_entries(
    board: MarketStats,
    basket: BasketId,
    window: int,
    position: int,
    verdicts: Mapping[Symbol, Verdict | None] | None = None,
) -> Iterator[StateEntry]:
    """The members with `verdicts` that entered a state; without those, all that entered a bear market or a crash."""
    least = DrawdownState.BEAR if verdicts is None else DrawdownState.PULLBACK
    if verdicts is None:
        verdicts = dict.fromkeys(_entrants(board, basket, window).get(position, ()))
    for symbol, verdict in verdicts.items():
        entry = state_entry(symbol, board.of_member(basket, symbol, window), position, least, verdict)
        if entry is not None:
            yield entry


def _entrants(board: MarketStats, basket: BasketId, window: int) -> Mapping[int, Sequence[Symbol]]:
    """Which members entered a bear market or a crash, by position; nobody did at the others."""

    def by_position() -> Mapping[int, Sequence[Symbol]]:
        series = board.series[basket]
        symbols = series.basket.symbols
        begun = np.column_stack([board.of_member(basket, symbol, window).entered_state for symbol in symbols])
        entrants: dict[int, list[Symbol]] = {}
        for position, column in np.argwhere(begun >= BEAR).tolist():
            if series.listed(position)[column]:
                entrants.setdefault(position, []).append(symbols[column])
        return entrants

    return board.once(("entrants", basket, str(window)), by_position)


TOLD_AFTER = 63  # sessions after earlier falls
MAX_OTHERS = 3  # of a fall that is "only the n-th time", the others are named


def history_facts(
    board: MarketStats, basket: BasketId, verdict: Verdict, position: int, severity: Severity
) -> HistoryFacts:
    """Everything of a fall at `position`; what followed earlier ones is worked out for warnings and louder, and how
    often it is to be expected for severe ones.
    """
    window = verdict.window
    columns = board.of_basket(basket, window)
    series = board.series[basket]
    fell = verdict.move < 0
    loud, severe = fell and severity >= Severity.WARNING, fell and severity >= Severity.SEVERE
    path = board.once(("path", basket), lambda: ForwardPath.of(series.daily_return))
    line = next_state(columns, position, board.lines) if not verdict.missing_sessions else None
    return HistoryFacts(
        swing=volatility_multiple(series.daily_return, verdict.move, position, window) if fell else None,
        period=return_period(columns, position) if severe else None,
        crossing=round_figure_falls(columns, position, MAX_OTHERS) if fell else None,
        precedents=find_precedents(columns, path, position, (TOLD_AFTER,)) if loud else None,
        line=line,
        close=_close(board, basket, position) if line is not None else None,
    )


def _close(board: MarketStats, basket: BasketId, position: int) -> float | None:
    """The close of a basket of one symbol; with dividends, the level of a line is not a price to wait for."""
    of = board.series[basket].basket
    if len(of.members) > 1 or of.prices == "adjusted":
        return None
    return board.close(of.calendar, of.symbols[0], position)
