"""Tables of the database, as of the last revision."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa

from bot.alerts.rules import Severity
from bot.delivery.model import ChatKind, DeliveryState, SendMode

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
RowId = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite numbers the rows of an INTEGER key only


class UtcTime(sa.TypeDecorator[datetime]):
    """A time with its zone, stored in UTC: SQLite stores no zone. ValueError for a time without a zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002  SQLAlchemy's signature
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002  SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _EnumColumn(sa.TypeDecorator[Any]):
    """A member of an enumeration, stored as its value."""

    def __init__(self, kind: type[Enum]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002  SQLAlchemy's signature
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002  SQLAlchemy's signature
        return None if value is None else self.kind(value)


class EnumText(_EnumColumn):
    impl = sa.String
    cache_ok = True


class EnumNumber(_EnumColumn):
    impl = sa.Integer
    cache_ok = True


class JsonTexts(sa.TypeDecorator[tuple[str, ...]]):
    """A tuple of strings, stored as a JSON list."""

    impl = sa.JSON
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> tuple[str, ...]:  # noqa: ARG002  SQLAlchemy's signature
        return tuple(value)


def columns(kind: Any, *names: str, **options: Any) -> list[sa.Column[Any]]:
    """Columns of the same type with the same options."""
    return [sa.Column(name, kind, **options) for name in names]


def partial_index(name: str, where: sa.ColumnElement[bool], *columns: sa.ColumnElement[Any]) -> None:
    """Add an index of the rows that meet `where` to the table of the columns."""
    sa.Index(name, *columns, sqlite_where=where, postgresql_where=where)


subject_states = sa.Table(
    "subject_states",
    METADATA,
    *columns(sa.String, "rule", "basket", "member", "against", primary_key=True),
    sa.Column("last_session", sa.Date),
    sa.Column("episode", sa.String),
    sa.Column("opened", sa.Date),
    sa.Column("severity", EnumNumber(Severity)),
    sa.Column("worst_move", sa.Double),
    sa.Column("quiet_sessions", sa.Integer),
    sa.Column("provisional_event", sa.String),
    sa.Column("provisional_session", sa.Date),
    sa.Column("provisional_severity", EnumNumber(Severity)),
)

evaluated_closes = sa.Table(
    "evaluated_closes",
    METADATA,
    sa.Column("symbol", sa.String, primary_key=True),
    sa.Column("session", sa.Date, primary_key=True),
    sa.Column("close", sa.Double),  # NULL: no close on that session
)

session_results = sa.Table(
    "session_results",
    METADATA,
    *columns(sa.String, "rule", "basket", primary_key=True),
    sa.Column("session", sa.Date, primary_key=True),
    sa.Column("result", sa.JSON, nullable=False),
)

notifications = sa.Table(
    "notifications",
    METADATA,
    sa.Column("id", RowId, primary_key=True),
    sa.Column("key", sa.String, nullable=False, unique=True),
    sa.Column("public_id", sa.String, nullable=False),
    sa.Column("baskets", JsonTexts, nullable=False),
    sa.Column("severity", EnumNumber(Severity), nullable=False),
    sa.Column("session", sa.Date, nullable=False),
    *columns(UtcTime, "created", "expires", nullable=False),
    sa.Column("mode", EnumText(SendMode), nullable=False, server_default="send"),
    # The first of its chain of notifications, never an edit in between.
    sa.Column("original", RowId, sa.ForeignKey("notifications.id")),
    sa.Column("is_withdrawal", sa.Boolean, nullable=False, server_default=sa.false()),
    *columns(sa.String, "silenced", "config", nullable=False, server_default=""),
)
partial_index("ix_notifications_original", notifications.c.original.is_not(None), notifications.c.original)
sa.Index("ix_notifications_public_id", notifications.c.public_id)

texts = sa.Table(
    "texts",
    METADATA,
    sa.Column("event", RowId, sa.ForeignKey("notifications.id"), primary_key=True),
    sa.Column("language", sa.String, primary_key=True),
    sa.Column("lines", JsonTexts, nullable=False),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
    # charts.name, without a foreign key: a chart is deleted before its notification.
    sa.Column("picture", sa.String, nullable=False, server_default=""),
)

charts = sa.Table(
    "charts",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
)

outbox = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", RowId, primary_key=True),
    # notifications.id, without a foreign key: the check takes a third of the time of a fan-out.
    sa.Column("event", RowId, nullable=False),
    *columns(sa.String, "transport", "chat", nullable=False),
    sa.Column("kind", EnumNumber(ChatKind), nullable=False),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("severe", sa.Boolean, nullable=False),
    sa.Column("state", EnumText(DeliveryState), nullable=False),
    sa.Column("not_before", UtcTime),
    sa.Column("expires", UtcTime, nullable=False),
    *columns(sa.Integer, "attempts", "unconfirmed", nullable=False),
    sa.Column("without_markup", sa.Boolean, nullable=False),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("mode", EnumText(SendMode), nullable=False, server_default="send"),
    # The reason against another attempt: the chat cancelled the delivery while it was under way.
    sa.Column("cancelled", sa.String, nullable=False, server_default=""),
    # The message is a photo with the text as its caption.
    sa.Column("has_photo", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("event", "transport", "chat"),
)
# Frequent queries need waiting and unanswered deliveries only, a small part of the table.
waits = outbox.c.not_before.is_not(None)
under_way = outbox.c.state == sa.literal_column("'sending'")
on_its_way = waits | (outbox.c.state == DeliveryState.SENDING)
urgency = (outbox.c.severe.desc(), outbox.c.kind, outbox.c.id, outbox.c.not_before)
partial_index("ix_outbox_waiting", waits, outbox.c.transport, *urgency)
partial_index("ix_outbox_waiting_chat", waits, outbox.c.transport, outbox.c.chat, outbox.c.severe, outbox.c.id)
partial_index("ix_outbox_under_way", under_way, outbox.c.transport, outbox.c.chat)

chats = sa.Table(
    "chats",
    METADATA,
    *columns(sa.String, "transport", "chat", primary_key=True),
    sa.Column("gone", sa.Boolean, nullable=False),
    sa.Column("moved_to", sa.String, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("refused_since", UtcTime),
)

subscribers = sa.Table(
    "subscribers",
    METADATA,
    *columns(sa.String, "transport", "chat", primary_key=True),
    sa.Column("kind", EnumNumber(ChatKind), nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("all_baskets", sa.Boolean, nullable=False),
    sa.Column("min_severity", EnumNumber(Severity), nullable=False),
    sa.Column("muted_until", UtcTime),
    sa.Column("quiet_begin", sa.Time),
    sa.Column("quiet_end", sa.Time),
    sa.Column("zone", sa.String, nullable=False),
)

basket_subscriptions = sa.Table(
    "basket_subscriptions",
    METADATA,
    *columns(sa.String, "transport", "chat", "basket", primary_key=True),
    sa.Column("min_severity", EnumNumber(Severity), nullable=False),
    sa.Column("muted_until", UtcTime),
)
sa.Index(
    "ix_basket_subscriptions_basket",
    *(basket_subscriptions.c[name] for name in ("transport", "basket", "min_severity", "chat")),
)

lease = sa.Table(
    "lease",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("holder", sa.String, nullable=False),
    *columns(sa.BigInteger, "epoch", "beat", nullable=False),
)

notes = sa.Table(
    "notes",
    METADATA,
    sa.Column("id", RowId, primary_key=True),
    *columns(sa.String, "basket", "text", nullable=False),
    *columns(UtcTime, "written", "until", nullable=False),
)

silences = sa.Table(
    "silences",
    METADATA,
    sa.Column("basket", sa.String, primary_key=True),
    sa.Column("until", UtcTime, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
)

incidents = sa.Table(
    "incidents",
    METADATA,
    *columns(sa.String, "state", "about", primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("detail", sa.String, nullable=False),
)
