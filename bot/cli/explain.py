"""`explain`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from math import isnan

from rich.console import Console

from bot.alerts.conditions import check_conditions, level_conditions
from bot.alerts.episodes import Decision, SubjectState
from bot.alerts.rules import Rule
from bot.backtest.replay import explain_session
from bot.backtest.whatif import level_distances
from bot.baskets import BasketId
from bot.cli.market import MeasuredMarket, measure_loaded_market, position_of
from bot.cli.output import Asked, Config, Prices, Session, Window
from bot.context.build import contributions
from bot.statistics.measure import PERCENTILE_WINDOWS
from bot.statistics.verdict import Verdict
from bot.tuning.config_text import conditions_as_toml


def explain_command(
    basket: Asked,
    session: Session = None,
    window: Window = 2,
    config: Config = None,
    prices: Prices = None,
) -> None:
    """Explain one session of a basket: prices, returns, move, rarity, drawdown, and every rule's answer."""
    opened = measure_loaded_market(config, prices, [basket])
    position = position_of(opened, BasketId(basket), session)
    day = opened.board.series[BasketId(basket)].sessions[position].item()
    console = Console(highlight=False, soft_wrap=True)
    for line in (
        *price_lines(opened, BasketId(basket), position, window),
        *figure_lines(opened, BasketId(basket), position, window),
        *answer_lines(opened, BasketId(basket), day),
    ):
        console.print(line, markup=False)


def price_lines(opened: MeasuredMarket, basket: BasketId, position: int, window: int) -> Iterator[str]:
    series = opened.board.series[basket]
    table = opened.market.tables[series.basket.calendar]
    kind = series.basket.prices
    yield f"{basket} on {series.sessions[position]}: {kind} closes, sessions of {series.basket.calendar}"
    closes = table.adjusted if kind == "adjusted" else table.close
    begin = max(position - window, 0)
    (shares,) = series.shares(slice(position, position + 1)).tolist()
    for column, member in enumerate(series.basket.members):
        at = table.symbols.index(member.symbol)
        if not series.listed(position)[column]:
            yield f"  {member.symbol:<12} does not belong on this session"
            continue
        past = closes[begin : position + 1, at].tolist()
        path = " -> ".join("missing" if isnan(close) else f"{close:.6g}" for close in past)
        moves = series.member_returns(slice(begin + 1, position + 1))[:, column].tolist()
        returns = ", ".join(percent_text(value) for value in moves)
        yield f"  {member.symbol:<12} {path}   returns {returns}   share {shares[column]:.4f}"
    for at in range(begin + 1, position + 1):
        daily, coverage = float(series.daily_return[at]), float(series.coverage[at])
        least = series.basket.min_coverage
        if isnan(coverage):
            yield f"  {series.sessions[at]}  no reading: no member belongs on this session"
            continue
        reading = f"no reading (coverage below {least:g})" if isnan(daily) else percent_text(daily)
        yield f"  {series.sessions[at]}  weighted mean {reading}   coverage {coverage:.4f}"


def figure_lines(opened: MeasuredMarket, basket: BasketId, position: int, window: int) -> Iterator[str]:
    """The move of one session, its rarity, and all inputs to recompute both."""
    columns = opened.board.of_basket(basket, window)
    verdict = columns.at(position)
    if verdict is None:
        yield f"No {window}-session move: one of its sessions has no reading."
        return
    series = opened.board.series[basket]
    days = series.daily_return[position - window + 1 : position + 1].tolist()
    factors = " x ".join(f"(1 {'-' if day < 0 else '+'} {abs(day):.6f})" for day in days)
    yield f"move         {factors} - 1 = {percent_text(verdict.move)}"
    parts = contributions(series, position, window)
    pairs = zip(series.basket.symbols, parts, strict=True)
    named = [f"{symbol} {percent_text(part)}" for symbol, part in pairs if part]
    yield f"parts        {', '.join(named)}"
    yield f"rank         {verdict.rank:,} of {verdict.sample:,} since {verdict.since} (1 = worst; windows overlap)"
    yield f"percentile   {percentile_text(verdict)}"
    yield f"worst since  {worst_since_text(columns.move.tolist(), verdict, position)}"
    missing = verdict.missing_sessions
    uncounted = f"; {missing} sessions without a reading since are not counted" if missing else ""
    place = f"from the high of {verdict.peak_session}, state {verdict.state.word}"
    yield f"drawdown     {percent_text(verdict.drawdown)} {place}{uncounted}"


def percentile_text(verdict: Verdict) -> str:
    if verdict.percentile is None:
        return f"none below {PERCENTILE_WINDOWS} moves"
    as_bad = round(verdict.percentile * verdict.sample / 100)
    return f"100 x {as_bad:,} / {verdict.sample:,} = {verdict.percentile:.4f}"


def worst_since_text(moves: list[float], verdict: Verdict, position: int) -> str:
    if verdict.worst_since is None or verdict.sessions_since_worst is None:
        return f"nothing as bad since the first reading on {verdict.since}: a record"
    earlier = moves[position - verdict.sessions_since_worst]
    years = f", {verdict.worst_in_years} whole years" if verdict.worst_in_years else ""
    return f"{verdict.worst_since} ({percent_text(earlier)}), {verdict.sessions_since_worst:,} sessions before{years}"


def answer_lines(opened: MeasuredMarket, basket: BasketId, day: date) -> Iterator[str]:
    """Every rule's decision about the basket on the session, with reasons."""
    series = opened.board.series[basket]
    if position_of(opened, basket, day) >= series.final_sessions:
        yield "This session is not final: nothing is decided yet. Were its figures those of the close, then"
    ways = {distances.rule.name: distances for distances in level_distances(opened.board, opened.rulebook, basket, day)}
    for answer in explain_session(opened.board, opened.rulebook, basket, day):
        yield from decision_lines(opened, answer.decision, answer.before)
        way = None if answer.decision.subject.member else ways.get(answer.decision.subject.rule)
        if way is not None and way.next_level is not None and way.further is not None:
            yield f"  {way.next_level.severity.word} with another {way.further.fraction * 100:.1f} %"


def decision_lines(opened: MeasuredMarket, decision: Decision, state: SubjectState) -> Iterator[str]:
    """One rule's decision, the conditions of every level, and the open episode in `state`, the state before the
    session.
    """
    subject = decision.subject
    about = subject.member or (f"{subject.basket} against {subject.against}" if subject.against else subject.basket)
    yield f'rule "{subject.rule}", {about}: {decision.reason.value}'
    rule = next(rule for rule in opened.rulebook.rules if rule.name == subject.rule)
    verdict = decision.evidence.verdict
    if verdict is not None:
        yield f"  {', '.join(evidence_figures(rule, decision, verdict))}"
        for rung in rule.levels:
            words = conditions_as_toml(rung)
            checks = check_conditions(rule, rung, decision.evidence)
            answers = [f"{words[key]} {'met' if holds else 'not met'}" for key, holds in checks]
            yield f"  {rung.severity.word:<8} {', '.join(answers)}"
    if decision.inhibited_severity is not None:
        yield f"  told as {decision.severity.word}, with the news of other rules about the basket"
    if state.episode is not None:
        episode = state.episode
        deepest = f"{episode.severity.word} at {percent_text(episode.worst_move)}"
        quiet = f"sessions without a rung: {episode.quiet_sessions}"
        yield f"  episode #{episode.id} open since {episode.opened}: {deepest}, {quiet}"


def evidence_figures(rule: Rule, decision: Decision, verdict: Verdict) -> Iterator[str]:
    """The figures of the rule's conditions, of the subject and window of the rule."""
    asked = {condition.basis for level in rule.levels for condition in level_conditions(level)}
    spread = bool(decision.subject.against)
    if "move" in asked:
        yield f"{verdict.window}-session {'gap' if spread else 'move'} {percent_text(verdict.move)}"
        yield f"rank {verdict.rank:,} of {verdict.sample:,}"
        if verdict.percentile is not None:
            yield f"percentile {verdict.percentile:.4f}"
        if not spread:
            yield f"worst since {verdict.worst_since or 'the first reading: a record'}"
    if "drawdown" in asked:
        yield f"drawdown {percent_text(verdict.drawdown)}, state {verdict.state.word}"
    if "day_low" in asked:
        low = decision.evidence.day_low
        yield f"day's low {'not known' if low is None else percent_text(low)}"


def percent_text(value: float) -> str:
    return "missing" if isnan(value) else f"{value * 100:+.4f} %"
