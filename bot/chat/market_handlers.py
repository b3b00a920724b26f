"""Handlers about the market: where baskets stand, how rare that is, and why there was an alert or none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from bot.alerts.conditions import check_conditions
from bot.alerts.episodes import Decision, Phase
from bot.alerts.rules import Rule
from bot.backtest.replay import explain_session, worst_final_moves
from bot.backtest.whatif import evaluate_move, level_distances, parse_move
from bot.baskets import Basket
from bot.chart.data import chart_data
from bot.chat.requests import ButtonRows, HandlerContext, InvalidRequest, MarketView, Reply, button_rows
from bot.context.build import context_of_session
from bot.engine.evaluation import WARM_UP_SESSIONS
from bot.errors import NoData
from bot.messages.alert_text import render_status
from bot.messages.history_text import render_whatif
from bot.messages.message import Button, Message
from bot.messages.wording import further_fall_fields, window_text
from bot.statistics.verdict import Verdict

DEFAULT_WINDOW = 2  # sessions of a move that no rule is about
DEFAULT_WORST, MAX_WORST = 5, 20
OFFERED_MOVES = (-3, -5, -8, -12)  # percent
ALERT_ID = re.compile(r"#?([2-9A-Z]{5})")


@dataclass(frozen=True, slots=True)
class BasketSession:
    """One session of one basket, in the market of the last price check."""

    view: MarketView
    basket: Basket
    session: date

    @property
    def phase(self) -> Phase:
        series = self.view.board.series[self.basket.id]
        finals = series.sessions[: series.final_sessions]
        return Phase.FINAL if len(finals) and self.session <= finals[-1].item() else Phase.PROVISIONAL

    @property
    def rule(self) -> Rule:
        """The first rule about the basket's own move, or else a rule without levels."""
        for rule in self.view.rulebook.rules:
            if self.basket.id in rule.baskets and not rule.members and not rule.uses_condition("enters"):
                return rule
        return Rule("", (self.basket.id,), (), DEFAULT_WINDOW)

    def verdict(self) -> Verdict | None:
        position = self.view.board.position(self.basket.id, self.session)
        return None if position is None else self.view.board.of_basket(self.basket.id, self.rule.window).at(position)


async def baskets(ctx: HandlerContext) -> Reply:
    """Reply with every basket's latest move, rarity, drawdown state and session."""
    view = await ctx.bot.view()
    measured = [basket for basket in view.rulebook.baskets if basket.id in view.board.series]
    lines = [_summary(ctx, _latest(view, basket)) for basket in measured]
    return ctx.reply(ctx.say("chat_baskets"), *lines, buttons=ctx.basket_buttons(measured, "status"))


async def status(ctx: HandlerContext) -> Reply:
    """Reply with all figures of the requested session (default: the latest)."""
    about = await _requested_session(ctx)
    view, verdict = about.view, about.verdict()
    if verdict is None:
        raise InvalidRequest(_no_reading(ctx, about))
    as_of = view.as_of(about.basket) if about.phase is Phase.PROVISIONAL else None
    context = context_of_session(view.board, view.rulebook.rules, about.basket.id, verdict, as_of)
    message = render_status(verdict, context, view.rulebook.events, ctx.catalogue)
    return Reply(message, _session_buttons(ctx, about, "chart", "why"))


async def worst(ctx: HandlerContext) -> Reply:
    """The worst moves of a basket, with the event that each fell into."""
    view = await ctx.bot.view()
    *rest, last = ctx.words or ("",)
    count = int(last) if last.isdecimal() else None
    about = _latest(view, ctx.basket_or_only(" ".join(ctx.words if count is None else rest)))
    window, name = about.rule.window, about.basket.name(ctx.language)
    lines = []
    cases = worst_final_moves(view.board, about.basket.id, min(max(count or DEFAULT_WORST, 1), MAX_WORST), window)
    for place, case in enumerate(cases, 1):
        line = ctx.say(
            "chat_case", place=place, move=ctx.catalogue.percent(case.move), date=ctx.catalogue.day(case.session)
        )
        named = (event for event in view.rulebook.events if event.first <= case.session <= event.last)
        if event := next(named, None):
            line += ctx.say("chat_case_event", event=event.name(ctx.language))
        lines.append(line)
    title = ctx.say("chat_worst", name=name, window=window_text(window, ctx.catalogue))
    return ctx.reply(title, *lines, buttons=_session_buttons(ctx, about, "status"))


async def whatif(ctx: HandlerContext) -> Reply:
    """Reply with the rank and the level of a move supposed at the next close."""
    view = await ctx.bot.view()
    *rest, last = ctx.words or ("",)
    move = parse_move(last)
    basket = ctx.basket_or_only(" ".join(ctx.words if move is None else rest))
    if move is None:
        buttons = [Button(f"{percent} %", f"whatif {basket.id} {percent}") for percent in OFFERED_MOVES]
        raise InvalidRequest(ctx.say("chat_whatif_how"), buttons=button_rows(buttons))
    result = evaluate_move(view.board, view.rulebook, basket.id, move, _latest(view, basket).rule.window)
    return Reply(render_whatif(result, view.rulebook.events, ctx.language))


async def chart(ctx: HandlerContext) -> Reply:
    """The chart of one session."""
    about = await _requested_session(ctx)
    facts = chart_data(about.view.board, about.basket.id, about.rule.window, about.session)
    if facts is None:
        raise InvalidRequest(_no_reading(ctx, about))
    image = await ctx.render_chart(facts, ctx.language)
    caption = Message(ctx.language, (_summary(ctx, about),))
    return Reply(caption, _session_buttons(ctx, about, "status", "why"), file_name="chart.png", content=image)


async def why(ctx: HandlerContext) -> Reply:
    """Every rule's answer for a session, which conditions of each level were met, and how far the next level was."""
    about = await _requested_session(ctx)
    board, rulebook, basket = about.view.board, about.view.rulebook, about.basket
    answers = await asyncio.to_thread(
        lambda: list(explain_session(board, rulebook, basket.id, about.session, WARM_UP_SESSIONS))
    )
    further = {}
    for reach in level_distances(board, rulebook, basket.id, about.session):
        if reach.further is not None and reach.next_level is not None:
            level = ctx.catalogue.word("severity", reach.next_level.severity.word)
            falls = further_fall_fields(reach.further.fraction, ctx.catalogue)
            further[reach.rule.name] = ctx.say("chat_next_rung", level=level, **falls)
    lines: list[str] = []
    for answer in answers:
        lines += _decision_lines(ctx, about, answer.decision)
        if (rule_name := answer.decision.subject.rule) in further:
            lines.append(further.pop(rule_name))
    title = ctx.say("chat_why", name=basket.name(ctx.language), date=ctx.catalogue.day(about.session))
    return ctx.reply(title, *lines, buttons=_session_buttons(ctx, about, "status", "chart"))


async def _requested_session(ctx: HandlerContext) -> BasketSession:
    """The basket (or the alert, by id) and the session of the request; without a session, the latest."""
    view = await ctx.bot.view()
    *rest, last = ctx.words or ("",)
    day = _parse_date(last)
    name = " ".join(ctx.words if day is None else rest)
    if (match := ALERT_ID.fullmatch(last)) and (events := await ctx.store.told_of(match[1], 1)):
        name, day = events[0].baskets[0], events[0].session
    basket = ctx.basket_or_only(name)
    about = _latest(view, basket) if day is None else BasketSession(view, basket, day)
    if view.board.position(basket.id, about.session) is None:
        raise InvalidRequest(_no_reading(ctx, about))
    return about


def _latest(view: MarketView, basket: Basket) -> BasketSession:
    """The basket's last session; NoData for a basket configured after the last price check."""
    if basket.id not in view.board.series:
        raise NoData(f"{basket.id} has no prices yet; the next look fetches them")
    return BasketSession(view, basket, view.board.series[basket.id].sessions[-1].item())


def _summary(ctx: HandlerContext, about: BasketSession) -> str:
    """The session in one line."""
    verdict, phrases = about.verdict(), ctx.catalogue
    if verdict is None:
        return _no_reading(ctx, about)
    name, window = about.basket.name(ctx.language), window_text(verdict.window, phrases)
    facts = [ctx.say("chat_stands", name=name, move=phrases.percent(verdict.move), window=window)]
    if verdict.percentile is not None:
        facts.append(ctx.say("chat_percentile", figure=phrases.decimal(verdict.percentile)))
    facts.append(ctx.say("chat_drawdown", drawdown=phrases.percent(verdict.drawdown)))
    if verdict.state:
        facts.append(phrases.word("state", verdict.state.word))
    closed = "closed" if about.phase is Phase.FINAL else "chat_provisional"
    facts.append(ctx.say(closed, date=phrases.day(about.session)))
    return phrases.join(facts, "dot")


def _decision_lines(ctx: HandlerContext, about: BasketSession, decision: Decision) -> Iterator[str]:
    """A rule's reason and the conditions of every level; no line for a member without an alert."""
    subject, verdict, phrases = decision.subject, decision.evidence.verdict, ctx.catalogue
    if subject.member and not decision.fires:
        return
    name = f"{subject.rule} ({subject.member})" if subject.member else subject.rule
    yield ctx.say("chat_reason", rule=name, reason=phrases.word("reason", decision.reason.name.lower()))
    rule = next(rule for rule in about.view.rulebook.rules if rule.name == subject.rule)
    if verdict is None:
        return
    for rung in rule.levels:
        checked = check_conditions(rule, rung, decision.evidence)
        marks = [f"{'✓' if holds else '✗'} {phrases.word('condition', condition)}" for condition, holds in checked]
        level = phrases.word("severity", rung.severity.word)
        yield ctx.say("chat_rung", level=level, conditions=phrases.join(marks))


def _parse_date(word: str) -> date | None:
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def _no_reading(ctx: HandlerContext, about: BasketSession) -> str:
    return ctx.say("chat_no_reading", name=about.basket.name(ctx.language), date=ctx.catalogue.day(about.session))


def _session_buttons(ctx: HandlerContext, about: BasketSession, *commands: str) -> ButtonRows:
    words = f"{about.basket.id} {about.session}"
    return button_rows([Button(ctx.say(f"key_{command}"), f"{command} {words}") for command in commands])
