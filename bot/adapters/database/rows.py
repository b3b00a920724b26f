"""How does each of our types stand in its row?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from bot.adapters.database.tables import bodies, events, outbox
from bot.alerts.episodes import Episode, ProvisionalAlert, Subject, SubjectState
from bot.baskets import BasketId
from bot.delivery.attempts import ChatRecord
from bot.delivery.model import Delivery, Note, NoteId, Notification, SendMode, Silence
from bot.delivery.subscribers import BasketSubscription, QuietHours, Subscriber
from bot.messages.message import Message

Row = dict[str, Any]
# What stands in a row under the name that it has with us.
SUBJECT = ("rule", "basket", "member", "against")
EPISODE = ("opened", "severity", "move", "quiet", "phase")
ADDRESSED = ("transport", "chat", "kind", "severe", "expires")
CHANGING = ("state", "not_before", "attempts", "unconfirmed", "plain", "message_id", "reason", "manner", "pictured")
HAPPENED = ("key", "baskets", "severity", "session", "created", "expires", "manner", "withdraws", "config")
CHOSEN = ("transport", "chat", "kind", "since", "language", "everything", "lowest", "muted_until", "zone")


def pick(one: Any, names: Iterable[str]) -> Row:
    """These fields of one of our types, or of a row."""
    return {name: getattr(one, name) for name in names}


def same_chat(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether rows of two tables are about one chat."""
    return (one.c.transport == other.c.transport) & (one.c.chat == other.c.chat)


def edit_chain(original: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The numbers of the events that take each other's place, beginning with `original`."""
    line = events.alias("line")
    return sa.select(line.c.id).where((line.c.id == original) | (line.c.original == original))


def _target(what: str) -> sa.ScalarSelect[Any]:
    """Of the last message that shows what an event of the same line says."""
    shown = outbox.alias("shown_in")
    return (
        sa.select(shown.c[what])
        .where(shown.c.event.in_(edit_chain(events.c.original).correlate(events)))
        .where(same_chat(shown, outbox))
        .where(shown.c.message_id.is_not(None), shown.c.manner != SendMode.REPLY, shown.c.id != outbox.c.id)
        .order_by(shown.c.id.desc())
        .limit(1)
        .correlate(outbox, events)
        .scalar_subquery()
    )


DELIVERIES: sa.Select[Any] = (
    sa.select(
        *(outbox.c[name] for name in ("id", "transport", "chat", "kind", "language", "expires", *CHANGING)),
        *(events.c[name] for name in ("severity", "created", "baskets", "session", "config")),
        *(bodies.c[name] for name in ("lines", "picture")),
        outbox.c.event.label("event_number"),
        events.c.key.label("event"),
        events.c.shown.label("event_id"),
        sa.case((outbox.c.manner != SendMode.SEND, _target("message_id"))).label("target"),
        sa.case((outbox.c.manner != SendMode.SEND, _target("pictured"))).label("target_pictured"),
    )
    .join(events, events.c.id == outbox.c.event)
    .join(bodies, (bodies.c.event == outbox.c.event) & (bodies.c.language == outbox.c.language))
)


def to_delivery(row: sa.Row[Any]) -> Delivery:
    """The delivery of a row of DELIVERIES."""
    known = row._asdict()
    message, pictured = Message(known.pop("language"), known.pop("lines")), bool(known.pop("target_pictured"))
    return Delivery(message=message, target_has_photo=pictured, **known)


def outbox_row(one: Delivery, event: int) -> Row:
    """The row of a new delivery of the event with this number."""
    return {"event": event, "language": one.message.language, **pick(one, ADDRESSED), **pick(one, CHANGING)}


def notification_row(event: Notification, original: int | None, silenced: str) -> Row:
    """The row of an event; `original` is the number of the first of its line."""
    return {**pick(event, HAPPENED), "shown": event.id, "original": original, "silenced": silenced}


def to_notification(row: sa.Row[Any], texts: Iterable[sa.Row[Any]]) -> Notification:
    """The event of a row that has its original's key as `first`, with its bodies."""
    messages = tuple(Message(text.language, text.lines) for text in texts)
    return Notification(id=row.shown, messages=messages, original=row.first, **pick(row, HAPPENED))


def subject_state_row(subject: Subject, memory: SubjectState) -> Row:
    episode, told = memory.episode, memory.provisional
    return {
        **pick(subject, SUBJECT),
        "judged": memory.last_session,
        "episode": episode and episode.id,
        **(pick(episode, EPISODE) if episode else dict.fromkeys(EPISODE)),
        "told_event": told and told.event,
        "told_session": told and told.session,
        "told_severity": told and told.severity,
    }


def to_subject_state(row: sa.Row[Any]) -> tuple[Subject, SubjectState]:
    told = None if row.told_event is None else ProvisionalAlert(row.told_event, row.told_session, row.told_severity)
    episode = None if row.episode is None else Episode(row.episode, **pick(row, EPISODE))
    return Subject(**pick(row, SUBJECT)), SubjectState(row.judged, episode, told)


def to_chat_record(row: sa.Row[Any] | None) -> ChatRecord:
    if row is None:
        return ChatRecord()
    return ChatRecord(row.gone, row.moved_to, row.refusals, row.refused_since)


def subscriber_row(one: Subscriber) -> Row:
    return {
        **pick(one, CHOSEN),
        "quiet_begin": one.quiet and one.quiet.begin,
        "quiet_end": one.quiet and one.quiet.end,
    }


def subscription_rows(one: Subscriber) -> list[Row]:
    chat = pick(one, ("transport", "chat"))
    return [
        {**chat, "basket": basket, "lowest": wish.min_severity, "muted_until": wish.muted_until}
        for basket, wish in one.subscriptions.items()
    ]


def to_subscriber(row: sa.Row[Any], wanted: Iterable[sa.Row[Any]]) -> Subscriber:
    wishes = {BasketId(one.basket): BasketSubscription(one.lowest, one.muted_until) for one in wanted}
    quiet = None if row.quiet_begin is None else QuietHours(row.quiet_begin, row.quiet_end)
    return Subscriber(subscriptions=wishes, quiet=quiet, **pick(row, CHOSEN))


def to_note(row: sa.Row[Any]) -> Note:
    return Note(BasketId(row.basket) if row.basket else None, row.text, row.written, row.until, NoteId(row.id))


def to_silence(row: sa.Row[Any]) -> Silence:
    return Silence(BasketId(row.basket) if row.basket else None, row.until, row.reason)
