"""How does each of our types stand in its row?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from bot.adapters.database.tables import bodies, events, outbox
from bot.alerts.episodes import Episode, EpisodeId, Memory, Phase, Subject, Told
from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery import (
    Chat,
    Delivery,
    DeliveryId,
    Event,
    EventKey,
    Kind,
    Manner,
    Note,
    NoteId,
    Quiet,
    Silence,
    State,
    Subscriber,
    Wish,
)
from bot.messages import Message

Row = dict[str, Any]
SUBJECT = ("rule", "basket", "member", "against")


def line_of(original: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The numbers of the events that take each other's place, beginning with `original`."""
    line = events.alias("line")
    return sa.select(line.c.id).where((line.c.id == original) | (line.c.original == original))


def _target(what: str) -> sa.ScalarSelect[Any]:
    """Of the last message that shows what an event of the same line says."""
    shown = outbox.alias("shown_in")
    return (
        sa.select(shown.c[what])
        .where(shown.c.event.in_(line_of(events.c.original).correlate(events)))
        .where(shown.c.transport == outbox.c.transport, shown.c.chat == outbox.c.chat)
        .where(shown.c.message_id.is_not(None), shown.c.manner != Manner.REPLY.value, shown.c.id != outbox.c.id)
        .order_by(shown.c.id.desc())
        .limit(1)
        .correlate(outbox, events)
        .scalar_subquery()
    )


DELIVERIES: sa.Select[Any] = (
    sa.select(
        *(outbox.c[name] for name in ("id", "transport", "chat", "kind", "state", "not_before", "attempts", "plain")),
        *(outbox.c[name] for name in ("unconfirmed", "message_id", "reason", "language", "expires", "manner")),
        *(outbox.c[name] for name in ("event", "pictured")),
        *(events.c[name] for name in ("key", "shown", "severity", "created", "baskets", "session", "config")),
        *(bodies.c[name] for name in ("lines", "picture")),
        sa.case((outbox.c.manner != Manner.SEND.value, _target("message_id"))).label("target"),
        sa.case((outbox.c.manner != Manner.SEND.value, _target("pictured"))).label("target_pictured"),
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
        manner=Manner(row.manner),
        target=row.target,
        baskets=tuple(map(BasketId, row.baskets)),
        session=row.session,
        event_number=row.event,
        picture=row.picture,
        pictured=row.pictured,
        target_pictured=bool(row.target_pictured),
        config=row.config,
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
        "manner": one.manner.value,
        "pictured": one.pictured,
    }


def event_row(event: Event, original: int | None, silenced: str) -> Row:
    """The row of an event; `original` is the number of the first of its line."""
    return {
        "key": event.key,
        "shown": event.id,
        "baskets": list(event.baskets),
        "severity": int(event.severity),
        "session": event.session,
        "created": event.created,
        "expires": event.expires,
        "manner": event.manner.value,
        "original": original,
        "withdraws": event.withdraws,
        "silenced": silenced,
        "config": event.config,
    }


def event(row: sa.Row[Any], texts: Iterable[sa.Row[Any]]) -> Event:
    """The event of a row that has its original's key as `first`, with its bodies."""
    return Event(
        key=EventKey(row.key),
        id=row.shown,
        baskets=tuple(map(BasketId, row.baskets)),
        severity=Severity(row.severity),
        session=row.session,
        created=row.created,
        expires=row.expires,
        messages=tuple(Message(text.language, tuple(text.lines)) for text in texts),
        manner=Manner(row.manner),
        original=row.first and EventKey(row.first),
        withdraws=row.withdraws,
        config=row.config,
    )


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
        "told_event": memory.told and memory.told.event,
        "told_session": memory.told and memory.told.session,
        "told_severity": memory.told and int(memory.told.severity),
    }


def memory(row: sa.Row[Any]) -> tuple[Subject, Memory]:
    subject = Subject(row.rule, row.basket, row.member, row.against)
    told = None if row.told_event is None else Told(row.told_event, row.told_session, Severity(row.told_severity))
    if row.episode is None:
        return subject, Memory(row.judged, None, told)
    severity, phase = Severity(row.severity), Phase(row.phase)
    episode = Episode(EpisodeId(row.episode), row.opened, severity, row.move, row.quiet, phase)
    return subject, Memory(row.judged, episode, told)


def chat(row: sa.Row[Any] | None) -> Chat:
    if row is None:
        return Chat()
    return Chat(row.gone, row.moved_to, row.refusals, row.refused_since)


def subscriber_row(one: Subscriber) -> Row:
    return {
        "transport": one.transport,
        "chat": one.chat,
        "kind": int(one.kind),
        "since": one.since,
        "language": one.language,
        "everything": one.everything,
        "lowest": int(one.lowest),
        "muted_until": one.muted_until,
        "quiet_begin": one.quiet and one.quiet.begin,
        "quiet_end": one.quiet and one.quiet.end,
        "zone": one.zone,
    }


def wish_rows(one: Subscriber) -> list[Row]:
    return [
        {
            "transport": one.transport,
            "chat": one.chat,
            "basket": basket,
            "lowest": int(wish.lowest),
            "muted_until": wish.muted_until,
        }
        for basket, wish in one.wishes.items()
    ]


def subscriber(row: sa.Row[Any], wanted: Iterable[sa.Row[Any]]) -> Subscriber:
    return Subscriber(
        transport=row.transport,
        chat=row.chat,
        kind=Kind(row.kind),
        since=row.since,
        language=row.language,
        wishes={BasketId(one.basket): Wish(Severity(one.lowest), one.muted_until) for one in wanted},
        everything=row.everything,
        lowest=Severity(row.lowest),
        muted_until=row.muted_until,
        quiet=None if row.quiet_begin is None else Quiet(row.quiet_begin, row.quiet_end),
        zone=row.zone,
    )


def note(row: sa.Row[Any]) -> Note:
    return Note(BasketId(row.basket) if row.basket else None, row.text, row.written, row.until, NoteId(row.id))


def silence(row: sa.Row[Any]) -> Silence:
    return Silence(BasketId(row.basket) if row.basket else None, row.until, row.reason)
