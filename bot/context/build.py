"""Builds the context of an alert: members, breadth, contrast, history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import compress
from math import isnan, nan, prod
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

# Those who spend and those who earn by it: without a contrast rule, a basket is contrasted with one of the other role.
OTHER_ROLE = {"payer": "receiver", "receiver": "payer"}
HORIZON = 63  # sessions after earlier falls
MAX_OTHERS = 3  # of a fall that is "only the n-th time", the others are named


def build_context(
    stats: MarketStats, rules: Sequence[Rule], alert: Alert, as_of: datetime | None = None
) -> AlertContext:
    """The context of `alert`; `rules` tell which baskets are contrasted with which.

    `as_of` (with a zone) is the time of the latest prices of a session that has not ended.
    """
    as_of = as_of if alert.phase is Phase.PROVISIONAL else None
    if alert.subject.against:
        return contrast_context(stats, alert, as_of)
    if alert.subject.member:
        return member_context(stats, alert, as_of)
    verdict = alert.decisions[0].evidence.verdict
    assert verdict is not None  # only a verdict reaches a level
    return context_of_session(stats, rules, alert.subject.basket, verdict, as_of, alert)


def context_of_session(
    stats: MarketStats,
    rules: Sequence[Rule],
    basket: BasketId,
    verdict: Verdict,
    as_of: datetime | None,
    alert: Alert | None = None,
) -> AlertContext:
    """The context of the session of `verdict`, a verdict of `basket`; `as_of` is None if that session is final.

    The severity of `alert` (None = a warning) decides how full the history is; in an alert about a new drawdown state,
    the state takes the place of the history and of the contrast.
    """
    window = verdict.window
    series, columns = stats.series[basket], stats.of_basket(basket, window)
    position = stats.position(basket, verdict.session)
    assert position is not None  # a verdict's session is one of its basket's calendar
    rows = slice(position - window + 1, position + 1)
    reference = reference_move(columns, position)
    then = stats.position(basket, reference.session) if reference is not None else None
    entered = state_entry(None, columns, position, DrawdownState.PULLBACK, verdict)
    of_state = entered is not None and alert is not None and alert.rule.uses_condition("enters")
    severity = Severity.WARNING if alert is None else alert.severity
    symbols, listed = series.basket.symbols, series.listed(position)
    # Of a basket of one symbol, the member's state is the basket's.
    members = dict.fromkeys(compress(symbols, listed)) if len(symbols) > 1 else {}
    present = list(compress(symbols, ~np.isnan(series.member_returns(position))))
    before = None if as_of is None else SettledHistory.of(columns, position - 1, stats.thresholds)
    further = None if before is None else next_claim(before, verdict)
    return AlertContext(
        sides=((series.basket, verdict.move),),
        reference=reference,
        days=tuple(zip(series.sessions[rows].tolist(), series.daily_return[rows].tolist(), strict=True)),
        members=member_contributions(series, position, window),
        listed=sum(listed),
        present=len(present),
        abroad=sum(exchange_of(symbol) != series.basket.calendar for symbol in present),
        traded_then=sum(map(and_, series.listed(then), listed)) if then is not None else None,
        entered=entered,
        entries=state_entries(stats, basket, window, position, members, DrawdownState.BEAR),
        contrast=None if of_state else contrast_of(stats, rules, basket, window, verdict.session),
        history=HistoryFacts() if of_state else history_facts(stats, basket, verdict, position, severity),
        as_of=as_of,
        further=further,
    )


def member_context(stats: MarketStats, alert: Alert, as_of: datetime | None) -> AlertContext:
    """The context of an alert about members of a basket."""
    basket, window = alert.subject.basket, alert.rule.window
    series, move = stats.series[basket], move_on(stats, basket, window, alert.session)
    position = stats.position(basket, alert.session)
    assert position is not None  # an alert's session is one of its basket's calendar
    verdicts = {Symbol(decision.subject.member): decision.evidence.verdict for decision in alert.decisions}
    return AlertContext(
        ((series.basket, move),),
        members=() if move is None else member_contributions(series, position, window),
        entries=state_entries(stats, basket, window, position, verdicts, DrawdownState.PULLBACK),
        as_of=as_of,
    )


def contrast_context(stats: MarketStats, alert: Alert, as_of: datetime | None) -> AlertContext:
    """The context of an alert about a spread; the reference move of an upward rule is one of the same spread."""
    window, upward = alert.rule.window, alert.rule.upward
    pair = (alert.subject.basket, BasketId(alert.subject.against))
    sides = tuple((stats.series[basket].basket, move_on(stats, basket, window, alert.session)) for basket in pair)
    columns = stats.of_spread(*(pair[::-1] if upward else pair), window)
    reference = reference_move(columns, int(np.searchsorted(columns.sessions, np.datetime64(alert.session, "D"))))
    if reference is not None and upward:
        runner_up = None if reference.runner_up is None else -reference.runner_up
        reference = replace(reference, move=-reference.move, runner_up=runner_up)
    return AlertContext(sides, reference, as_of=as_of)


def move_on(stats: MarketStats, basket: BasketId, window: int, session: date) -> float | None:
    """The basket's move that ends on `session`; None = not defined."""
    position = stats.position(basket, session)
    move = nan if position is None else stats.of_basket(basket, window).move.item(position)
    return None if isnan(move) else move


def reference_move(columns: VerdictColumns, position: int) -> ReferenceMove | None:
    """The latest move before `position` that was as bad, or for a record the worst before it."""
    at = columns.worst_at.item(position)
    if at < 0:
        earlier = columns.move[:position]
        if np.isnan(earlier).all():
            return None
        at = int(np.nanargmin(earlier))
    runner_up = float(np.fmin.reduce(columns.move[at + 1 : position], initial=np.inf))
    return ReferenceMove(columns.day(at), columns.move.item(at), None if runner_up == np.inf else runner_up)


def contrast_of(
    stats: MarketStats, rules: Sequence[Rule], basket: BasketId, window: int, session: date
) -> Contrast | None:
    """The first basket to contrast with that has a move over the same sessions."""
    for candidate in contrast_candidates(stats, rules, basket):
        gap = stats.spread_at(basket, candidate, window, session)
        move = move_on(stats, candidate, window, session)
        if gap is not None and move is not None:
            return Contrast(stats.series[candidate].basket, move, gap)
    return None


def contrast_candidates(stats: MarketStats, rules: Sequence[Rule], basket: BasketId) -> list[BasketId]:
    """The other baskets of contrast rules, in the order of the rules, then baskets of the other role."""
    pairs = [rule.contrast for rule in rules if rule.contrast is not None and basket in rule.contrast]
    candidates = [pair[pair[0] == basket] for pair in pairs if stats.series.keys() >= set(pair)]
    if role := OTHER_ROLE.get(stats.series[basket].basket.role):
        candidates += [name for name, series in stats.series.items() if series.basket.role == role]
    return candidates


def next_claim(past: SettledHistory, verdict: Verdict) -> FurtherFall | None:
    """The further fall after which a session after `past` is the worst in more years than now, or on record."""
    years = verdict.worst_in_years or 0

    def reached(deeper: Verdict) -> bool:
        return deeper.record or (deeper.worst_in_years or 0) > years

    return smallest_further_fall(past, verdict.session, verdict.daily_return, verdict.coverage, reached)


def contributions(series: BasketSeries, position: int, window: int) -> list[float]:
    """Contributions to the basket's `window`-session move ending at `position`: fractions in member order.

    Their sum is the move. A day's weighted return is compounded with the basket's growth on the later days of the
    window; a missing return contributes 0.
    """
    rows = slice(position - window + 1, position + 1)
    growth = 1 + series.daily_return[rows]
    later = np.cumprod(np.append(1.0, growth[:0:-1]))[::-1]
    parts = series.shares(rows) * np.nan_to_num(series.member_returns(rows)) * later[:, np.newaxis]
    totals: list[float] = np.add.accumulate(parts[::-1])[-1].tolist()
    return totals


def member_contributions(series: BasketSeries, position: int, window: int) -> tuple[MemberContribution, ...]:
    """The members with a return in the window or listed at its end, the lowest contribution first."""
    rows = slice(position - window + 1, position + 1)
    columns = zip(
        series.basket.symbols,
        series.listed(position),
        series.member_returns(rows).T.tolist(),
        series.day_lows(rows).T.tolist(),
        contributions(series, position, window),
        strict=True,
    )
    members = []
    for symbol, listed, returns, lows, contribution in columns:
        if listed or not all(map(isnan, returns)):
            move = prod(1 + value for value in returns) - 1
            day_low = min((low for low in lows if not isnan(low)), default=None)
            # On a day without trading at the member's exchange there is no low, and the return is 0.
            low_gap = any(isnan(low) and value and not isnan(value) for low, value in zip(lows, returns, strict=True))
            members.append(MemberContribution(symbol, None if isnan(move) else move, contribution, day_low, low_gap))
    return tuple(sorted(members, key=lambda member: (member.contribution, member.symbol)))


def state_entry(
    symbol: Symbol | None, columns: VerdictColumns, position: int, least: DrawdownState, verdict: Verdict | None = None
) -> StateEntry | None:
    """The state `least` or a deeper one that a series entered at `position`; `verdict` None = not computed yet."""
    state = columns.entered_state.item(position)
    if state < least or (verdict := verdict or columns.at(position)) is None:
        return None
    earlier = (columns.entered_state[:position] >= state).nonzero()[0]
    before = columns.day(earlier.item(-1)) if len(earlier) else None
    return StateEntry(symbol, verdict, before, position - columns.peak_at.item(position))


def state_entries(
    stats: MarketStats,
    basket: BasketId,
    window: int,
    position: int,
    verdicts: Mapping[Symbol, Verdict | None],
    least: DrawdownState,
) -> tuple[StateEntry, ...]:
    """The entries of the members in `verdicts` (None = not computed) into the state `least` or a deeper one."""
    columns = {symbol: stats.of_member(basket, symbol, window) for symbol in verdicts}
    entries = (state_entry(symbol, columns[symbol], position, least, verdicts[symbol]) for symbol in verdicts)
    return tuple(filter(None, entries))


def history_facts(
    stats: MarketStats, basket: BasketId, verdict: Verdict, position: int, severity: Severity
) -> HistoryFacts:
    """The history of a move at `position`: precedents from a warning on, a return period from severe on."""
    window, fell = verdict.window, verdict.move < 0
    series, columns = stats.series[basket], stats.of_basket(basket, window)
    symbols = series.basket.symbols
    precedents = None
    if fell and severity >= Severity.WARNING:
        precedents = find_precedents(columns, ForwardPath.of(series.daily_return), position, (HORIZON,))
    following = next_state(columns, position, stats.thresholds) if not verdict.missing_sessions else None
    # With dividends, the level of a drawdown threshold is not a price to wait for.
    priced = following is not None and len(symbols) == 1 and series.basket.prices != "adjusted"
    return HistoryFacts(
        volatility_multiple=volatility_multiple(series.daily_return, verdict.move, position, window) if fell else None,
        period=return_period(columns, position) if fell and severity >= Severity.SEVERE else None,
        round_figure=round_figure_falls(columns, position, MAX_OTHERS) if fell else None,
        precedents=precedents,
        next_state=following,
        close=stats.close(series.basket.calendar, symbols[0], position) if priced else None,
    )
