"""Nothing from outside breaks, bends or drops a message: Telegram's own rules read every kind of message we have."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.alerts.episodes import Alert
from bot.alerts.rules import Severity
from bot.backtest.whatif import evaluate_move
from bot.context.build import build_context
from bot.context.model import AlertContext, WhatIfResult
from bot.delivery.formatting import message_to_send
from bot.languages import languages
from bot.messages.alert_text import render_alert
from bot.messages.change_text import correction_text, retraction_text, severity_change_text, with_notes, withdrawal_text
from bot.messages.history_text import render_whatif
from bot.messages.message import Button, Message
from tests.fake_telegram.texts import inline_keyboard, shown_caption, shown_text
from tests.golden.scenes import SCENES, Scene
from tests.specimens import delivery
from tests.unit.backtest.test_whatif import MEMORY, history, rulebook
from tests.unit.messages.test_message import NASTY
from tests.virtual import NOON
from tests.world import spoken

UNREADABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
ENDLESS = ["x", "🔴", "&", "<b>", "👩‍👩‍👧", "ש\u202e", "\x00", "存", "é\u0301"]
FORGED = "\x02a link of ours\x1fhttps://example.org/\x03"  # as a line holds one
texts = st.one_of(
    st.just(FORGED),
    st.sampled_from(ENDLESS).map(lambda sign: sign * 10_000),
    st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=6)), max_size=6).map("".join),
    st.text(min_size=200, max_size=600),
)
DAY = date(2026, 7, 2)


KINDS = (
    "fall_with_every_line",
    "since_a_named_event",
    "state_of_a_basket",
    "three_members_enter_a_bear_market",
    "plunges_during_trading",
    "falls_of_members",
    "a_gap_since_a_named_event",
)


@cache
def told(scene: str) -> tuple[Scene, Alert, AlertContext]:
    """The last alert of a scene."""
    made = SCENES[scene]()
    board, found = made.world.alerts(made.rulebook)
    alert = list(spoken(found, made.speaking))[-1]
    return made, alert, build_context(board, made.rulebook.rules, alert)


@cache
def supposition() -> WhatIfResult:
    return evaluate_move(history().board(rulebook()), rulebook(), MEMORY, -0.2)


def renamed(name: str, of: Any) -> Any:
    return replace(of, names=tuple((language, name) for language in languages()))


def hostile(scene: str, name: str, language: str) -> Message:
    """The scene's message with that name for both baskets and for the event it is held against."""
    made, alert, context = told(scene)
    contrast = context.contrast and replace(context.contrast, counterpart=renamed(name, context.contrast.counterpart))
    sides = tuple((renamed(name, basket), move) for basket, move in context.sides)
    events = tuple(renamed(name, one) for one in made.rulebook.events)
    return render_alert(alert, replace(context, sides=sides, contrast=contrast), events, language)


def takes(message: Message, *, caption: bool = True) -> None:
    """Telegram shows it word for word, below a chart as well, and nothing in it is hidden."""
    form = {"parse_mode": "HTML"}
    assert shown_text(form | {"text": message.html}) == message.plain
    if caption:
        assert shown_caption(form | {"caption": message.html}) == message.plain
    assert message.html.count("<") == 2
    assert all(unicodedata.category(sign) not in UNREADABLE for line in message.lines for sign in line)
    assert all(message.lines)


@pytest.mark.parametrize("scene", KINDS)
@given(texts, texts, st.sampled_from(languages()))
@settings(max_examples=20)
def test_an_alert_of_any_kind_with_any_name_and_note(scene: str, name: str, note: str, language: str) -> None:
    message = hostile(scene, name, language)
    takes(message)
    assert message.lines[-1] == hostile(scene, "Name", language).lines[-1]
    beside = with_notes(message, [(DAY, note)])
    takes(beside)
    assert (beside.lines[0], beside.lines[-1]) == (message.lines[0], message.lines[-1])
    assert (
        beside.lines[-2] == Message(language, with_notes(Message(language, ("a", "b")), [(DAY, note)]).lines[1:2]).plain
    )
    late = message_to_send(replace(delivery(), message=beside, unconfirmed=1), NOON + timedelta(hours=1))
    takes(late)
    assert len(late.lines) == len(beside.lines) + 2


@given(texts, texts, st.sampled_from(languages()))
@settings(max_examples=40)
def test_what_changed_does_not_hold_or_would_be(name: str, rule: str, language: str) -> None:
    _, alert, _ = told("fall_with_every_line")
    verdict = alert.decisions[0].evidence.verdict
    was, now = hostile("since_a_named_event", name, language), hostile("fall_with_every_line", name, language)
    takes(withdrawal_text(name, [(name, verdict), (name, None)], DAY, "K7F3A", language), caption=False)
    takes(correction_text(now, was), caption=False)
    takes(retraction_text(was), caption=False)
    takes(severity_change_text(now, Severity.NOTICE, Severity.SEVERE), caption=False)
    found = supposition()
    forecasts = tuple(replace(one, rule=replace(one.rule, name=rule)) for one in found.forecasts)
    takes(
        render_whatif(replace(found, basket=renamed(name, found.basket), forecasts=forecasts), (), language),
        caption=False,
    )


@given(st.lists(texts, min_size=5, max_size=40), st.sampled_from(languages()))
@settings(max_examples=30)
def test_however_many_notes_there_are(notes: list[str], language: str) -> None:
    beside = with_notes(hostile("fall_with_every_line", "Name", language), [(DAY, one) for one in notes])
    sent = message_to_send(replace(delivery(), message=beside), NOON)
    takes(sent, caption=False)
    assert sent.lines == beside.lines[: len(sent.lines)]


@given(texts)
def test_a_button_says_something(name: str) -> None:
    label = Button(name, "status tech").label
    markup = {"inline_keyboard": [[{"text": label, "callback_data": "status tech"}]]}
    assert inline_keyboard({"reply_markup": json.dumps(markup)}) == markup["inline_keyboard"]
    assert all(unicodedata.category(sign) not in UNREADABLE for sign in label)
