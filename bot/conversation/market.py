"""How does the market stand, how rare is that, and why was there an alert, or none?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from bot.alerts.episodes import (
    Alert,
    Decision,
    DecisionReason,
    Evidence,
    Phase,
    Subject,
    SubjectState,
    check_conditions,
)
from bot.alerts.rules import Rule
from bot.backtest.replay import explain_session, worst_final_moves
from bot.backtest.whatif import evaluate_move, level_distances, parse_move
from bot.baskets import Basket
from bot.chart.data import chart_data
from bot.context.build import build_context
from bot.context.model import LevelForecast
from bot.conversation.asks import Ask, Reply
from bot.conversation.desk import Desk, Mistaken, View, rows, say, tongue
from bot.delivery.subscribers import Subscriber
from bot.errors import NoData
from bot.messages.alert_text import render_alert
from bot.messages.catalogue import Catalogue
from bot.messages.history_text import render_whatif
from bot.messages.message import Button, Message
from bot.messages.wording import further_fall_fields, window_text
from bot.statistics.precedents import DatedMove
from bot.statistics.verdict import Verdict
from bot.watch.turn import WARM_UP_SESSIONS

WINDOW = 2  # sessions of a move that no rule is about
WORST, MOST_WORST = 5, 20
SUPPOSED = (-3, -5, -8, -12)  # percent
EVENT = re.compile(r"#?([2-9A-Z]{5})")


@dataclass(frozen=True, slots=True)
class Topic:
    """What a question about the market is about: one session of one basket."""

    view: View
    basket: Basket
    session: date

    @property
    def about(self) -> str:
        """The topic in the words of a command."""
        return f"{self.basket.id} {self.session}"

    @property
    def phase(self) -> Phase:
        series = self.view.board.series[self.basket.id]
        finals = series.sessions[: series.final_sessions]
        return Phase.FINAL if len(finals) and self.session <= finals[-1].item() else Phase.PROVISIONAL

    @property
    def rule(self) -> Rule:
        """The rule about the basket's own move, to show it by."""
        for one in self.view.rulebook.rules:
            if self.basket.id in one.baskets and not one.members and not one.uses_condition("enters"):
                return one
        return Rule("", (self.basket.id,), (), WINDOW)

    def verdict(self) -> Verdict | None:
        position = self.view.board.position(self.basket.id, self.session)
        return None if position is None else self.view.board.of_basket(self.basket.id, self.rule.window).at(position)


async def baskets(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """Each basket: its latest move, how rare it is, its drawdown state, and of when that is."""
    words = tongue(known)
    view = await desk.worker.view()
    there = [one for one in view.rulebook.baskets if one.id in view.board.series]
    lines = [_standing(Topic(view, one, _latest(view, one)), words) for one in there]
    return say(words, words.say("chat_baskets"), *lines, buttons=desk.choice(there, words, "status"))


async def status(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """The full card of one session: the latest, or the one that was named."""
    words = tongue(known)
    topic = await _topic(desk, ask, words)
    verdict = topic.verdict()
    if verdict is None:
        raise Mistaken(_no_reading(topic, words))
    decision = Decision(
        Subject(topic.rule.name, topic.basket.id),
        DecisionReason.BELOW_THRESHOLD,
        None,
        SubjectState(),
        Evidence(verdict),
    )
    alert = Alert(topic.rule, topic.session, topic.phase, (decision,))
    context = build_context(topic.view.board, topic.view.rulebook.rules, alert, topic.view.as_of(topic.basket))
    card = render_alert(alert, context, topic.view.rulebook.events, words.language)
    return Reply(card, _further(topic, words, "chart", "why"))


async def worst(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """The worst moves of a basket, with the event that each fell into."""
    words = tongue(known)
    view = await desk.worker.view()
    *rest, last = ask.words or ("",)
    count = int(last) if last.isdecimal() else None
    named = " ".join((*rest, last) if count is None else rest)
    basket = desk.asked_basket(named, words, ask.command)
    topic = Topic(view, basket, _latest(view, basket))
    window = topic.rule.window
    found = worst_final_moves(view.board, basket.id, min(max(count or WORST, 1), MOST_WORST), window)
    lines = [_case(place, case, view, words) for place, case in enumerate(found, 1)]
    name, length = basket.name(words.language), window_text(window, words)
    return say(
        words, words.say("chat_worst", name=name, window=length), *lines, buttons=_further(topic, words, "status")
    )


async def whatif(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """Where such a move would rank at the next close, and which rung it would reach."""
    words = tongue(known)
    view = await desk.worker.view()
    *rest, last = ask.words or ("",)
    move = parse_move(last)
    basket = desk.asked_basket(" ".join((*rest, last) if move is None else rest), words, ask.command)
    if move is None:
        buttons = rows([Button(f"{one} %", f"whatif {basket.id} {one}") for one in SUPPOSED])
        raise Mistaken(words.say("chat_whatif_how"), buttons=buttons)
    topic = Topic(view, basket, _latest(view, basket))
    found = evaluate_move(view.board, view.rulebook, basket.id, move, topic.rule.window)
    return Reply(render_whatif(found, view.rulebook.events, words.language))


async def chart(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """The picture of one session."""
    words = tongue(known)
    topic = await _topic(desk, ask, words)
    facts = chart_data(topic.view.board, topic.basket.id, topic.rule.window, topic.session)
    if facts is None:
        raise Mistaken(_no_reading(topic, words))
    picture = await desk.draw(facts, words.language)
    caption = Message(words.language, (_standing(topic, words),))
    return Reply(caption, _further(topic, words, "status", "why"), file_name="chart.png", content=picture)


async def why(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """Every rule's answer for that session, which conditions of each rung were met, and how far the next rung was."""
    words = tongue(known)
    topic = await _topic(desk, ask, words)
    found = await asyncio.to_thread(_answers, topic)
    ways = level_distances(topic.view.board, topic.view.rulebook, topic.basket.id, topic.session)
    further = {one.rule.name: _way(one, words) for one in ways if one.further is not None}
    lines = [line for one in found for line in (*_said(topic, one, words), *further.pop(one.subject.rule, ()))]
    name, day = topic.basket.name(words.language), words.day(topic.session)
    return say(
        words, words.say("chat_why", name=name, date=day), *lines, buttons=_further(topic, words, "status", "chart")
    )


def _standing(topic: Topic, words: Catalogue) -> str:
    verdict = topic.verdict()
    if verdict is None:
        return _no_reading(topic, words)
    name, window = topic.basket.name(words.language), window_text(verdict.window, words)
    facts = [words.say("chat_stands", name=name, move=words.percent(verdict.move), window=window)]
    if verdict.percentile is not None:
        facts.append(words.say("chat_percentile", figure=words.decimal(verdict.percentile)))
    facts.append(words.say("chat_drawdown", drawdown=words.percent(verdict.drawdown)))
    if verdict.state:
        facts.append(words.word("state", verdict.state.word))
    final = topic.phase is Phase.FINAL
    facts.append(words.say("closed" if final else "chat_provisional", date=words.day(topic.session)))
    return words.dotted(facts)


async def _topic(desk: Desk, ask: Ask, words: Catalogue) -> Topic:
    """The basket (or the event, by its id) and the session that are meant; the latest session if none is named."""
    view = await desk.worker.view()
    *rest, last = ask.words or ("",)
    day = _day(last)
    named = " ".join(ask.words if day is None else rest)
    if (event := EVENT.fullmatch(last)) and (told := await desk.register.told_of(event[1], 1)):
        named, day = told[0].baskets[0], told[0].session
    basket = desk.asked_basket(named, words, ask.command)
    topic = Topic(view, basket, day or _latest(view, basket))
    if view.board.position(basket.id, topic.session) is None:
        raise Mistaken(_no_reading(topic, words))
    return topic


def _latest(view: View, basket: Basket) -> date:
    """The basket's last session; NoData for one that was configured after the last look."""
    if basket.id not in view.board.series:
        raise NoData(f"{basket.id} has no prices yet; the next look fetches them")
    found: date = view.board.series[basket.id].sessions[-1].item()
    return found


def _case(place: int, case: DatedMove, view: View, words: Catalogue) -> str:
    event = next((one for one in view.rulebook.events if one.first <= case.session <= one.last), None)
    named = words.say("chat_case_event", event=event.name(words.language)) if event else ""
    return words.say("chat_case", place=place, move=words.percent(case.move), date=words.day(case.session)) + named


def _day(word: str) -> date | None:
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def _answers(topic: Topic) -> list[Decision]:
    view = topic.view
    found = explain_session(view.board, view.rulebook, topic.basket.id, topic.session, WARM_UP_SESSIONS)
    return [one.decision for one in found]


def _said(topic: Topic, decision: Decision, words: Catalogue) -> Iterator[str]:
    """A rule's reason and, rung by rung, what was asked; members that are quiet are passed over."""
    subject, verdict = decision.subject, decision.evidence.verdict
    if subject.member and not decision.fires:
        return
    about = f"{subject.rule} ({subject.member})" if subject.member else subject.rule
    yield words.say("chat_reason", rule=about, reason=words.word("reason", decision.reason.name.lower()))
    rule = next(one for one in topic.view.rulebook.rules if one.name == subject.rule)
    if verdict is None:
        return
    for rung in rule.levels:
        asked = check_conditions(rule, rung, decision.evidence, verdict)
        met = [f"{'✓' if holds else '✗'} {words.word('condition', name)}" for name, holds in asked]
        yield words.say("chat_rung", level=words.word("severity", rung.severity.word), conditions=words.join(met))


def _way(reach: LevelForecast, words: Catalogue) -> tuple[str, ...]:
    """The further fall that would have reached the next rung."""
    assert reach.further is not None  # who asks has looked
    assert reach.next_rung is not None  # there is a way to it
    level = words.word("severity", reach.next_rung.severity.word)
    return (words.say("chat_next_rung", level=level, **further_fall_fields(reach.further.fraction, words)),)


def _no_reading(topic: Topic, words: Catalogue) -> str:
    return words.say("chat_no_reading", name=topic.basket.name(words.language), date=words.day(topic.session))


def _further(topic: Topic, words: Catalogue, *commands: str) -> tuple[tuple[Button, ...], ...]:
    return rows([Button(words.say(f"key_{one}"), f"{one} {topic.about}") for one in commands])
