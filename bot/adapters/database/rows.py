"""How does each of our types stand in its row?"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.adapters.database.tables import bodies, events, outbox
from bot.alerts.episodes import Episode, EpisodeId, Memory, Phase, Subject
from bot.alerts.rules import Severity
from bot.delivery import Chat, Delivery, DeliveryId, Event, EventKey, Kind, State
from bot.messages import Message

Row = dict[str, Any]
SUBJECT = ("rule", "basket", "member", "against")
DELIVERIES: sa.Select[Any] = (
    sa.select(
        *(outbox.c[name] for name in ("id", "transport", "chat", "kind", "state", "not_before", "attempts", "plain")),
        *(outbox.c[name] for name in ("unconfirmed", "message_id", "reason", "language", "expires")),
        *(events.c[name] for name in ("key", "shown", "severity", "created")),
        bodies.c.lines,
    )
    .join(events, events.c.id == outbox.c.event)
    .join(bodies, (bodies.c.event == outbox.c.event) & (bodies.c.language == outbox.c.language))
)


def delivery(row: sa.Row[Any]) -> Delivery:
    """The delivery of a row of DELIVERIES."""
    return Delivery(
        event=EventKey(row.key),
        event_id=row.shown,
        severity=Severity(row.severity),
        created=row.created,
        expires=row.expires,
        transport=row.transport,
        chat=row.chat,
        kind=Kind(row.kind),
        message=Message(row.language, tuple(row.lines)),
        not_before=row.not_before,
        id=DeliveryId(row.id),
        state=State(row.state),
        attempts=row.attempts,
        unconfirmed=row.unconfirmed,
        plain=row.plain,
        message_id=row.message_id,
        reason=row.reason,
    )


def outbox_row(one: Delivery, event: int) -> Row:
    """The row of a new delivery of the event with this number."""
    return {
        "event": event,
        "transport": one.transport,
        "chat": one.chat,
        "kind": int(one.kind),
        "language": one.message.language,
        "severe": one.severe,
        "expires": one.expires,
        **progress(one),
    }


def progress(one: Delivery) -> Row:
    """What changes while a delivery is on its way."""
    return {
        "state": one.state.value,
        "not_before": one.not_before,
        "attempts": one.attempts,
        "unconfirmed": one.unconfirmed,
        "plain": one.plain,
        "message_id": one.message_id,
        "reason": one.reason,
    }


def event_row(event: Event) -> Row:
    return {
        "key": event.key,
        "shown": event.id,
        "baskets": list(event.baskets),
        "severity": int(event.severity),
        "session": event.session,
        "created": event.created,
        "expires": event.expires,
    }


def subject_row(subject: Subject) -> Row:
    return {name: getattr(subject, name) for name in SUBJECT}


def memory_row(subject: Subject, memory: Memory) -> Row:
    episode = memory.episode
    return {
        **subject_row(subject),
        "judged": memory.judged,
        "episode": episode and episode.id,
        "opened": episode and episode.opened,
        "severity": episode and int(episode.severity),
        "move": episode and episode.move,
        "quiet": episode and episode.quiet,
        "phase": episode and episode.phase.value,
    }


def memory(row: sa.Row[Any]) -> tuple[Subject, Memory]:
    subject = Subject(row.rule, row.basket, row.member, row.against)
    if row.episode is None:
        return subject, Memory(row.judged)
    severity, phase = Severity(row.severity), Phase(row.phase)
    episode = Episode(EpisodeId(row.episode), row.opened, severity, row.move, row.quiet, phase)
    return subject, Memory(row.judged, episode)


def chat(row: sa.Row[Any] | None) -> Chat:
    if row is None:
        return Chat()
    return Chat(row.gone, row.moved_to, row.refusals, row.refused_since)
