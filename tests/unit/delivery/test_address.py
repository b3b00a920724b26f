from __future__ import annotations

from dataclasses import replace

from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.model import DeliveryState, route
from tests.specimens import CHANNEL, GROUP, PRIVATE, event
from tests.virtual import NOON


def chats(*destinations, **about):
    return [one.chat for one in route(event(**about), destinations)]


def test_every_chat_hears_it_once_and_at_once():
    made = route(event(), [CHANNEL, GROUP, PRIVATE])
    assert [(one.chat, one.state, one.not_before) for one in made] == [
        ("-1001", DeliveryState.PENDING, NOON),
        ("-2001", DeliveryState.PENDING, NOON),
        ("3001", DeliveryState.PENDING, NOON),
    ]


def test_a_chat_named_twice_hears_it_once():
    assert chats(CHANNEL, replace(CHANNEL, language="zh")) == ["-1001"]


def test_a_chat_hears_from_its_severity_on():
    loud = replace(CHANNEL, min_severity=Severity.SEVERE)
    assert chats(loud, severity=Severity.WARNING) == []
    assert chats(loud, severity=Severity.SEVERE) == ["-1001"]


def test_a_chat_hears_of_its_baskets():
    picky = replace(CHANNEL, baskets=(BasketId("memory"), BasketId("banks")))
    assert chats(picky, baskets=["hyperscalers", "memory"]) == ["-1001"]
    assert chats(picky, baskets=["hyperscalers"]) == []
    assert chats(replace(CHANNEL, baskets=())) == []


def test_a_chat_is_spoken_to_in_its_language_if_we_speak_it():
    made = route(event(), [replace(CHANNEL, language="zh"), replace(GROUP, language="fr")])
    assert [one.message.language for one in made] == ["zh", "en"]
