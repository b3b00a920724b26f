"""Events, chats and deliveries to test with."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.model import ChatKind, Delivery, Destination, Notification, NotificationKey, SendMode, route
from bot.delivery.subscribers import Subscriber
from bot.messages.message import Message
from tests.virtual import NOON

CHANNEL = Destination("telegram", "-1001", ChatKind.CHANNEL)
GROUP = Destination("telegram", "-2001", ChatKind.GROUP)
PRIVATE = Destination("telegram", "3001", ChatKind.PRIVATE)


def event(
    key: str = "fall",
    severity: Severity = Severity.SEVERE,
    *,
    created: datetime = NOON,
    lives: timedelta = timedelta(hours=6),
    baskets: Iterable[str] = ("memory",),
    text: str = "",
    mode: SendMode = SendMode.SEND,
    original: str | None = None,
    is_withdrawal: bool = False,
    picture: bytes = b"",
    config: str = "0123456789ab",
) -> Notification:
    """An event whose first line is its key, in both languages; with a `picture` it is shown in English."""
    return Notification(
        key=NotificationKey(key),
        id=key.upper(),
        baskets=tuple(map(BasketId, baskets)),
        severity=severity,
        session=date(2026, 7, 2),
        created=created,
        expires=created + lives,
        messages=(Message("en", (text or key, "as of noon")), Message("zh", (text or key, "截至中午"))),
        mode=mode,
        original=NotificationKey(original) if original else None,
        is_withdrawal=is_withdrawal,
        pictures={"en": picture} if picture else {},
        config=config,
    )


def png(width: int = 1080, height: int = 1280, note: bytes = b"") -> bytes:
    """As much of a PNG as the stand-in for Telegram looks at."""
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", width, height) + note


def subscriber(chat: str = "3001", *baskets: str, min_severity: Severity = Severity.NOTICE, **about: Any) -> Subscriber:
    """A private chat that wants to hear of `baskets`, or of "memory"."""
    made = Subscriber("telegram", chat, ChatKind.PRIVATE, NOON, min_severity=min_severity, **about)
    return made.with_baskets(map(BasketId, baskets or ("memory",)))


def delivery(severity: Severity = Severity.SEVERE, destination: Destination = CHANNEL) -> Delivery:
    (only,) = route(event(severity=severity), [destination])
    return only
