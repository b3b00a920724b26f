"""Rows of the tables <-> domain types."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import get_annotations
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import TypeAdapter

from bot.adapters.database.tables import basket_subscriptions, notifications, outbox, subject_states, subscribers, texts
from bot.alerts.episodes import Episode, ProvisionalAlert, Subject, SubjectState
from bot.delivery.model import Delivery, Notification, SendMode
from bot.delivery.subscribers import BasketSubscription, QuietHours, Subscriber
from bot.engine.results import ResultKey, SessionResult
from bot.messages.message import Message

Row = dict[str, Any]
T = TypeVar("T")
# Columns that an attempt at a delivery changes.
CHANGING = (
    *("state", "not_before", "attempts", "unconfirmed", "without_markup", "message_id", "reason", "mode", "has_photo"),
)
RESULT = TypeAdapter(SessionResult)
PROVISIONAL = ("event", "session", "severity")  # fields of ProvisionalAlert; columns have a prefix


def pick(source: object, names: Iterable[str]) -> Row:
    """The attributes `names` of a domain object or a row."""
    return {name: getattr(source, name) for name in names}


def to_row(table: sa.Table, source: object, **values: Any) -> Row:
    """A row of `table`: `values`, and the attributes of `source` with the names of the other columns but the id."""
    names = [column.name for column in table.c if column.name != "id" and hasattr(source, column.name)]
    return pick(source, names) | values


def from_row(kind: type[T], row: sa.Row[Any], **values: Any) -> T:
    """An object of the dataclass `kind`: `values`, and the columns of `row` with the names of its other fields."""
    return kind(**pick(row, get_annotations(kind).keys() & set(row._fields)) | values)


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


def to_notification(row: sa.Row[Any], messages: Iterable[sa.Row[Any]]) -> Notification:
    """The notification of a row with the key of its original as `first`; `messages` are its rows of texts."""
    in_languages = tuple(Message(text.language, text.lines) for text in messages)
    return from_row(Notification, row, id=row.public_id, messages=in_languages, original=row.first)


def session_result_row(key: ResultKey, result: SessionResult) -> Row:
    return {**key._asdict(), "result": RESULT.dump_python(result, mode="json")}


def to_session_result(row: sa.Row[Any]) -> tuple[ResultKey, SessionResult]:
    return ResultKey(row.rule, row.basket, row.session), RESULT.validate_python(row.result)


def subject_state_row(subject: Subject, state: SubjectState) -> Row:
    episode, provisional = state.episode, state.provisional
    return {
        **dict.fromkeys(subject_states.c.keys()),
        **subject._asdict(),
        **(to_row(subject_states, episode, episode=episode.id) if episode else {}),
        "last_session": state.last_session,
        **{f"provisional_{name}": provisional and getattr(provisional, name) for name in PROVISIONAL},
    }


def to_subject_state(row: sa.Row[Any]) -> tuple[Subject, SubjectState]:
    fields = [getattr(row, f"provisional_{name}") for name in PROVISIONAL]
    provisional = ProvisionalAlert(*fields) if row.provisional_event else None
    episode = None if row.episode is None else from_row(Episode, row, id=row.episode)
    return from_row(Subject, row), SubjectState(row.last_session, episode, provisional)


def subscriber_row(subscriber: Subscriber) -> Row:
    quiet = subscriber.quiet
    return to_row(subscribers, subscriber, quiet_begin=quiet and quiet.begin, quiet_end=quiet and quiet.end)


def subscription_rows(subscriber: Subscriber) -> list[Row]:
    """A row of basket_subscriptions for each basket."""
    chat = {"transport": subscriber.transport, "chat": subscriber.chat}
    return [
        to_row(basket_subscriptions, subscription, basket=basket, **chat)
        for basket, subscription in subscriber.subscriptions.items()
    ]


def to_subscriber(row: sa.Row[Any], baskets: Iterable[sa.Row[Any]]) -> Subscriber:
    """The subscriber of its row and of its rows of basket_subscriptions."""
    subscriptions = {item.basket: from_row(BasketSubscription, item) for item in baskets}
    quiet = None if row.quiet_begin is None else QuietHours(row.quiet_begin, row.quiet_end)
    return from_row(Subscriber, row, subscriptions=subscriptions, quiet=quiet)
