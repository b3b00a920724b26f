"""Which tables are there?"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa

from bot.alerts.episodes import Phase
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
RowId = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite counts up only what is called INTEGER


class UtcTime(sa.TypeDecorator[datetime]):
    """A moment, stored in UTC and given back with its zone (SQLite by itself forgets the zone)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002  its form is given
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002  its form is given
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _EnumColumn(sa.TypeDecorator[Any]):
    """A value of an enumeration, stored as what is behind its name."""

    def __init__(self, kind: type[Enum]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002  its form is given
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002  its form is given
        return None if value is None else self.kind(value)


class EnumText(_EnumColumn):
    impl = sa.String
    cache_ok = True


class EnumNumber(_EnumColumn):
    impl = sa.Integer
    cache_ok = True


class JsonTexts(sa.TypeDecorator[tuple[str, ...]]):
    """A tuple of texts, as a list in JSON."""

    impl = sa.JSON
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> tuple[str, ...]:  # noqa: ARG002  its form is given
        return tuple(value)


memories = sa.Table(
    "memories",
    METADATA,
    sa.Column("rule", sa.String, primary_key=True),
    sa.Column("basket", sa.String, primary_key=True),
    sa.Column("member", sa.String, primary_key=True),
    sa.Column("against", sa.String, primary_key=True),
    sa.Column("judged", sa.Date),
    sa.Column("episode", sa.String),
    sa.Column("opened", sa.Date),
    sa.Column("severity", EnumNumber(Severity)),
    sa.Column("move", sa.Double),
    sa.Column("quiet", sa.Integer),
    sa.Column("phase", EnumText(Phase)),
    sa.Column("told_event", sa.String),
    sa.Column("told_session", sa.Date),
    sa.Column("told_severity", EnumNumber(Severity)),
)

judged_on = sa.Table(
    "judged_on",
    METADATA,
    sa.Column("symbol", sa.String, primary_key=True),
    sa.Column("session", sa.Date, primary_key=True),
    sa.Column("close", sa.Double),  # NULL = there was none
)

events = sa.Table(
    "events",
    METADATA,
    sa.Column("id", RowId, primary_key=True),
    sa.Column("key", sa.String, nullable=False, unique=True),
    sa.Column("shown", sa.String, nullable=False),
    sa.Column("baskets", JsonTexts, nullable=False),
    sa.Column("severity", EnumNumber(Severity), nullable=False),
    sa.Column("session", sa.Date, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("manner", EnumText(SendMode), nullable=False, server_default="send"),
    # The first of the line of events that take each other's place, never one in its middle.
    sa.Column("original", RowId, sa.ForeignKey("events.id")),
    sa.Column("withdraws", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("silenced", sa.String, nullable=False, server_default=""),
    sa.Column("config", sa.String, nullable=False, server_default=""),
)
takes_a_place = events.c.original.is_not(None)
sa.Index("ix_events_original", events.c.original, sqlite_where=takes_a_place, postgresql_where=takes_a_place)
sa.Index("ix_events_shown", events.c.shown)

bodies = sa.Table(
    "bodies",
    METADATA,
    sa.Column("event", RowId, sa.ForeignKey("events.id"), primary_key=True),
    sa.Column("language", sa.String, primary_key=True),
    sa.Column("lines", JsonTexts, nullable=False),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
    # Of pictures.name, unchecked: a picture is forgotten before its event.
    sa.Column("picture", sa.String, nullable=False, server_default=""),
)

pictures = sa.Table(
    "pictures",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
)

outbox = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", RowId, primary_key=True),
    # Of events.id, unchecked: to check it takes a third of the time of a fan-out.
    sa.Column("event", RowId, nullable=False),
    sa.Column("transport", sa.String, nullable=False),
    sa.Column("chat", sa.String, nullable=False),
    sa.Column("kind", EnumNumber(ChatKind), nullable=False),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("severe", sa.Boolean, nullable=False),
    sa.Column("state", EnumText(DeliveryState), nullable=False),
    sa.Column("not_before", UtcTime),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("unconfirmed", sa.Integer, nullable=False),
    sa.Column("plain", sa.Boolean, nullable=False),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("manner", EnumText(SendMode), nullable=False, server_default="send"),
    # Why it is not to be tried again, if its chat gave up on it while it was under way.
    sa.Column("cancelled", sa.String, nullable=False, server_default=""),
    # Whether the message is a picture, with the text as its caption.
    sa.Column("pictured", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("event", "transport", "chat"),
)
# Only what waits and what is under way is looked for often; both are few beside what was ever sent.
waits = outbox.c.not_before.is_not(None)
under_way = outbox.c.state == sa.literal_column("'sending'")
on_its_way = waits | (outbox.c.state == DeliveryState.SENDING)
sa.Index(
    "ix_outbox_waiting",
    *(outbox.c.transport, outbox.c.severe.desc(), outbox.c.kind, outbox.c.id, outbox.c.not_before),
    sqlite_where=waits,
    postgresql_where=waits,
)
sa.Index(
    "ix_outbox_waiting_chat",
    *(outbox.c.transport, outbox.c.chat, outbox.c.severe, outbox.c.id),
    sqlite_where=waits,
    postgresql_where=waits,
)
sa.Index(
    "ix_outbox_under_way",
    *(outbox.c.transport, outbox.c.chat),
    sqlite_where=under_way,
    postgresql_where=under_way,
)

chats = sa.Table(
    "chats",
    METADATA,
    sa.Column("transport", sa.String, primary_key=True),
    sa.Column("chat", sa.String, primary_key=True),
    sa.Column("gone", sa.Boolean, nullable=False),
    sa.Column("moved_to", sa.String, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("refused_since", UtcTime),
)

subscribers = sa.Table(
    "subscribers",
    METADATA,
    sa.Column("transport", sa.String, primary_key=True),
    sa.Column("chat", sa.String, primary_key=True),
    sa.Column("kind", EnumNumber(ChatKind), nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("everything", sa.Boolean, nullable=False),
    sa.Column("lowest", EnumNumber(Severity), nullable=False),
    sa.Column("muted_until", UtcTime),
    sa.Column("quiet_begin", sa.Time),
    sa.Column("quiet_end", sa.Time),
    sa.Column("zone", sa.String, nullable=False),
)

wishes = sa.Table(
    "wishes",
    METADATA,
    sa.Column("transport", sa.String, primary_key=True),
    sa.Column("chat", sa.String, primary_key=True),
    sa.Column("basket", sa.String, primary_key=True),
    sa.Column("lowest", EnumNumber(Severity), nullable=False),
    sa.Column("muted_until", UtcTime),
)
sa.Index("ix_wishes_basket", wishes.c.transport, wishes.c.basket, wishes.c.lowest, wishes.c.chat)

lease = sa.Table(
    "lease",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("beat", sa.BigInteger, nullable=False),
)

notes = sa.Table(
    "notes",
    METADATA,
    sa.Column("id", RowId, primary_key=True),
    sa.Column("basket", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("written", UtcTime, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
)

silences = sa.Table(
    "silences",
    METADATA,
    sa.Column("basket", sa.String, primary_key=True),
    sa.Column("until", UtcTime, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
)

troubles = sa.Table(
    "troubles",
    METADATA,
    sa.Column("state", sa.String, primary_key=True),
    sa.Column("about", sa.String, primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("detail", sa.String, nullable=False),
)
