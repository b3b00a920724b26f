"""Rows of the tables <-> domain types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from bot.adapters.database.tables import notifications, outbox, texts
from bot.alerts.episodes import Episode, ProvisionalAlert, Subject, SubjectState
from bot.baskets import BasketId
from bot.delivery.attempts import ChatRecord
from bot.delivery.model import Delivery, Note, NoteId, Notification, SendMode, Silence
from bot.delivery.subscribers import BasketSubscription, QuietHours, Subscriber
from bot.messages.message import Message

Row = dict[str, Any]
# Columns with the name of a field.
SUBJECT = ("rule", "basket", "member", "against")
EPISODE = ("opened", "severity", "worst_move", "quiet_sessions", "phase")
ADDRESSED = ("transport", "chat", "kind", "severe", "expires")
CHANGING = (
    *("state", "not_before", "attempts", "unconfirmed", "without_markup", "message_id", "reason", "mode", "has_photo"),
)
HAPPENED = ("key", "baskets", "severity", "session", "created", "expires", "mode", "is_withdrawal", "config")
CHOSEN = ("transport", "chat", "kind", "since", "language", "all_baskets", "min_severity", "muted_until", "zone")


def pick(source: Any, names: Iterable[str]) -> Row:
    """The attributes `names` of a domain object or a row."""
    return {name: getattr(source, name) for name in names}


def same_chat(left: sa.FromClause, right: sa.FromClause) -> sa.ColumnElement[bool]:
    """The condition that rows of two tables belong to the same chat."""
    return (left.c.transport == right.c.transport) & (left.c.chat == right.c.chat)


def edit_chain(original: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The ids of the notification `original` and of all that edit, amend or answer it."""
    chain = notifications.alias("chain")
    return sa.select(chain.c.id).where((chain.c.id == original) | (chain.c.original == original))


def _target(column: str) -> sa.ScalarSelect[Any]:
    """A column of the last delivery to the same chat with a message of the same chain."""
    sent = outbox.alias("sent")
    return (
        sa.select(sent.c[column])
        .where(sent.c.event.in_(edit_chain(notifications.c.original).correlate(notifications)))
        .where(same_chat(sent, outbox))
        .where(sent.c.message_id.is_not(None), sent.c.mode != SendMode.REPLY, sent.c.id != outbox.c.id)
        .order_by(sent.c.id.desc())
        .limit(1)
        .correlate(outbox, notifications)
        .scalar_subquery()
    )


DELIVERIES: sa.Select[Any] = (
    sa.select(
        *(outbox.c[name] for name in ("id", "transport", "chat", "kind", "language", "expires", *CHANGING)),
        *(notifications.c[name] for name in ("severity", "created", "baskets", "session", "config")),
        *(texts.c[name] for name in ("lines", "picture")),
        outbox.c.event.label("event_number"),
        notifications.c.key.label("event"),
        notifications.c.public_id.label("event_id"),
        sa.case((outbox.c.mode != SendMode.SEND, _target("message_id"))).label("target"),
        sa.case((outbox.c.mode != SendMode.SEND, _target("has_photo"))).label("target_has_photo"),
    )
    .join(notifications, notifications.c.id == outbox.c.event)
    .join(texts, (texts.c.event == outbox.c.event) & (texts.c.language == outbox.c.language))
)


def to_delivery(row: sa.Row[Any]) -> Delivery:
    """The delivery of a row of DELIVERIES."""
    fields = row._asdict()
    message, has_photo = Message(fields.pop("language"), fields.pop("lines")), bool(fields.pop("target_has_photo"))
    return Delivery(message=message, target_has_photo=has_photo, **fields)


def outbox_row(delivery: Delivery, event: int) -> Row:
    """The row of a new delivery of the notification with the id `event`."""
    fields = {**pick(delivery, ADDRESSED), **pick(delivery, CHANGING)}
    return {"event": event, "language": delivery.message.language, **fields}


def notification_row(event: Notification, original: int | None, silenced: str) -> Row:
    """The row of a notification; `original` is the id of the first of its chain."""
    return {**pick(event, HAPPENED), "public_id": event.id, "original": original, "silenced": silenced}


def to_notification(row: sa.Row[Any], messages: Iterable[sa.Row[Any]]) -> Notification:
    """The notification of a row with the key of its original as `first`; `messages` are its rows of texts."""
    in_languages = tuple(Message(text.language, text.lines) for text in messages)
    return Notification(id=row.public_id, messages=in_languages, original=row.first, **pick(row, HAPPENED))


def subject_state_row(subject: Subject, state: SubjectState) -> Row:
    episode, provisional = state.episode, state.provisional
    return {
        **pick(subject, SUBJECT),
        "last_session": state.last_session,
        "episode": episode and episode.id,
        **(pick(episode, EPISODE) if episode else dict.fromkeys(EPISODE)),
        "provisional_event": provisional and provisional.event,
        "provisional_session": provisional and provisional.session,
        "provisional_severity": provisional and provisional.severity,
    }


def to_subject_state(row: sa.Row[Any]) -> tuple[Subject, SubjectState]:
    provisional = row.provisional_event and ProvisionalAlert(
        row.provisional_event, row.provisional_session, row.provisional_severity
    )
    episode = None if row.episode is None else Episode(row.episode, **pick(row, EPISODE))
    return Subject(**pick(row, SUBJECT)), SubjectState(row.last_session, episode, provisional)


def to_chat_record(row: sa.Row[Any] | None) -> ChatRecord:
    if row is None:
        return ChatRecord()
    return ChatRecord(row.gone, row.moved_to, row.refusals, row.refused_since)


def subscriber_row(subscriber: Subscriber) -> Row:
    quiet = subscriber.quiet
    return {**pick(subscriber, CHOSEN), "quiet_begin": quiet and quiet.begin, "quiet_end": quiet and quiet.end}


def subscription_rows(subscriber: Subscriber) -> list[Row]:
    """A row of basket_subscriptions for each basket."""
    chat = pick(subscriber, ("transport", "chat"))
    return [
        {**chat, "basket": basket, **pick(subscription, ("min_severity", "muted_until"))}
        for basket, subscription in subscriber.subscriptions.items()
    ]


def to_subscriber(row: sa.Row[Any], baskets: Iterable[sa.Row[Any]]) -> Subscriber:
    """The subscriber of its row and of its rows of basket_subscriptions."""
    subscriptions = {BasketId(item.basket): BasketSubscription(item.min_severity, item.muted_until) for item in baskets}
    quiet = None if row.quiet_begin is None else QuietHours(row.quiet_begin, row.quiet_end)
    return Subscriber(subscriptions=subscriptions, quiet=quiet, **pick(row, CHOSEN))


def to_note(row: sa.Row[Any]) -> Note:
    return Note(BasketId(row.basket) if row.basket else None, row.text, row.written, row.until, NoteId(row.id))


def to_silence(row: sa.Row[Any]) -> Silence:
    return Silence(BasketId(row.basket) if row.basket else None, row.until, row.reason)
