from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.alerts.rules import Severity
from bot.delivery.attempts import (
    ChatGone,
    ChatMoved,
    ChatRecord,
    ChatRefused,
    ChatSignal,
    MarkupRejected,
    NotSent,
    PhotoRejected,
    RateLimited,
    Sent,
    TokenRejected,
    Uncertain,
    after_refusal,
    next_step,
)
from bot.delivery.model import DeliveryState, SendMode
from tests.specimens import delivery
from tests.virtual import NOON

SENDING = replace(delivery(), state=DeliveryState.SENDING, not_before=None)


def after(outcome, one=SENDING, now=NOON, jitter=0.0):
    return next_step(one, outcome, now, jitter)


def waits(step):
    assert step.delivery.not_before is not None
    return (step.delivery.not_before - NOON).total_seconds()


def test_sent_is_over_and_the_chat_is_well():
    step = after(Sent(17))
    assert (step.delivery.state, step.delivery.not_before, step.delivery.message_id) == (DeliveryState.SENT, None, 17)
    assert step.news is ChatSignal.HEARD


@pytest.mark.parametrize(
    ("overloaded", "expected"),
    [(False, [1, 2, 4, 8, 16, 32, 60, 60]), (True, [2, 4, 8, 16, 32, 64, 120, 120])],
)
def test_not_sent_is_tried_again_at_growing_distances(overloaded, expected):
    one, seen = SENDING, []
    for _ in expected:
        step = after(NotSent("refused", overloaded), one)
        assert step.delivery.state is DeliveryState.PENDING
        seen.append(waits(step))
        one = step.delivery
    assert seen == expected


def test_jitter_only_shortens_a_wait():
    assert waits(after(NotSent("refused"), jitter=1.0)) == 0.75


def test_a_try_after_thousands_still_has_a_wait():
    assert waits(after(NotSent("refused"), replace(SENDING, attempts=5000))) == 60


def test_a_refused_picture_lets_the_text_go_at_once():
    pictured = replace(SENDING, picture="a")
    assert pictured.is_caption
    step = after(PhotoRejected("PHOTO_INVALID_DIMENSIONS"), pictured)
    assert (step.delivery.state, waits(step), step.news) == (DeliveryState.PENDING, 0, ChatSignal.NONE)
    assert (step.delivery.photo_name, step.delivery.is_caption) == ("", False)


def test_the_second_failure_costs_the_picture_and_so_does_the_first_lost_answer():
    pictured = replace(SENDING, picture="a")
    once = after(NotSent("503"), pictured).delivery
    assert [once.photo_name, after(NotSent("503"), once).delivery.photo_name] == ["a", ""]
    assert after(Uncertain("timeout"), pictured).delivery.photo_name == ""
    assert after(MarkupRejected("caption is too long"), pictured).delivery.photo_name == ""
    assert after(RateLimited(3), pictured).delivery.photo_name == "a"


def test_an_edit_of_a_picture_stays_a_caption_whatever_becomes_of_the_new_picture():
    edit = replace(SENDING, mode=SendMode.EDIT, target=7, picture="b")
    assert (edit.photo_name, edit.is_caption) == ("", False)
    of_picture = replace(edit, target_has_photo=True)
    assert (of_picture.photo_name, of_picture.is_caption) == ("b", True)
    refused = after(PhotoRejected("IMAGE_PROCESS_FAILED"), of_picture).delivery
    assert (refused.photo_name, refused.is_caption) == ("", True)


def test_flood_waits_as_told_and_costs_no_attempt():
    step = after(RateLimited(35))
    assert (waits(step), step.delivery.attempts, step.delivery.state) == (35, 0, DeliveryState.PENDING)
    assert waits(after(RateLimited())) == 30


def test_a_severe_alert_is_repeated_twice_and_then_left_uncertain():
    one, seen = SENDING, []
    while (one := after(Uncertain("read timeout"), one).delivery).not_before is not None:
        seen.append((one.state, one.not_before - NOON))
    assert seen == [(DeliveryState.UNCERTAIN, timedelta(seconds=20))] * 2
    assert (one.state, one.unconfirmed) == (DeliveryState.UNCERTAIN, 3)


@pytest.mark.parametrize("severity", [Severity.NOTICE, Severity.WARNING])
def test_a_minor_alert_is_not_repeated(severity):
    step = after(Uncertain("read timeout"), replace(SENDING, severity=severity))
    assert (step.delivery.state, step.delivery.not_before) == (DeliveryState.UNCERTAIN, None)


def test_what_may_have_arrived_is_never_plainly_pending_again():
    repeated = after(Uncertain("reset")).delivery
    assert after(NotSent("refused"), repeated).delivery.state is DeliveryState.UNCERTAIN
    assert after(RateLimited(5), repeated).delivery.state is DeliveryState.UNCERTAIN


def test_a_chat_that_moved_is_tried_at_once_under_its_new_name():
    step = after(ChatMoved("-1009"))
    assert (step.delivery.chat, waits(step), step.news, step.chat) == ("-1009", 0, ChatSignal.MOVED, "-1001")


def test_a_chat_that_moved_to_itself_is_not_asked_for_ever():
    step = after(ChatMoved("-1001"))
    assert (step.delivery.state, step.news) == (DeliveryState.FAILED, ChatSignal.REFUSED)


@pytest.mark.parametrize(
    ("outcome", "news"), [(ChatGone("blocked"), ChatSignal.GONE), (ChatRefused("no rights"), ChatSignal.REFUSED)]
)
def test_a_refusal_ends_the_delivery_and_keeps_the_reason(outcome, news):
    step = after(outcome)
    assert (step.delivery.state, step.delivery.reason, step.news) == (DeliveryState.FAILED, outcome.reason, news)


def test_bad_format_goes_out_plain_at_once_and_only_once():
    step = after(MarkupRejected("can't parse"))
    assert (step.delivery.without_markup, waits(step), step.delivery.attempts) == (True, 0, 0)
    assert after(MarkupRejected("too long"), step.delivery).delivery.state is DeliveryState.FAILED


def test_a_refused_token_touches_neither_delivery_nor_chat():
    step = after(TokenRejected("unauthorized"))
    assert (step.delivery.state, waits(step), step.delivery.attempts, step.news) == (
        DeliveryState.PENDING,
        0,
        0,
        ChatSignal.NONE,
    )


@pytest.mark.parametrize("outcome", [NotSent("refused"), RateLimited(3600), TokenRejected("unauthorized")])
def test_nothing_is_planned_past_the_expiry(outcome):
    one = replace(SENDING, expires=NOON)
    assert (after(outcome, one).delivery.state, after(outcome, one).delivery.not_before) == (
        DeliveryState.EXPIRED,
        None,
    )


def test_a_repeat_past_the_expiry_is_not_planned_but_stays_uncertain():
    step = after(Uncertain("reset"), replace(SENDING, expires=NOON + timedelta(seconds=20)))
    assert (step.delivery.state, step.delivery.not_before) == (DeliveryState.UNCERTAIN, None)


def test_a_chat_is_gone_after_three_refusals_over_a_day():
    chat = ChatRecord()
    for hours in (0, 1, 2):
        chat = after_refusal(chat, NOON + timedelta(hours=hours))
    assert (chat.refusals, chat.gone) == (3, False)
    assert after_refusal(chat, NOON + timedelta(hours=24)).gone


def test_two_refusals_are_not_enough_however_far_apart():
    chat = after_refusal(after_refusal(ChatRecord(), NOON), NOON + timedelta(days=30))
    assert not chat.gone
