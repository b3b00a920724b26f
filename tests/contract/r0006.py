"""Tables of r0006, the oldest schema that can be upgraded, in SQLite and PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations

from bot.adapters.database.tables import METADATA, RowId, UtcTime


def create_tables(connection: sa.Connection) -> None:
    with Operations.context(MigrationContext.configure(connection, opts={"target_metadata": METADATA})):
        _create_alert_tables()
        _create_outbox()
        _create_subscribers()
        _create_operations()


def _create_alert_tables() -> None:
    op.create_table(
        "memories",
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("basket", sa.String, primary_key=True),
        sa.Column("member", sa.String, primary_key=True),
        sa.Column("against", sa.String, primary_key=True),
        sa.Column("judged", sa.Date),
        sa.Column("episode", sa.String),
        sa.Column("opened", sa.Date),
        sa.Column("severity", sa.Integer),
        sa.Column("move", sa.Double),
        sa.Column("quiet", sa.Integer),
        sa.Column("phase", sa.String),
        sa.Column("told_event", sa.String),
        sa.Column("told_session", sa.Date),
        sa.Column("told_severity", sa.Integer),
    )
    op.create_table(
        "judged_on",
        sa.Column("symbol", sa.String, primary_key=True),
        sa.Column("session", sa.Date, primary_key=True),
        sa.Column("close", sa.Double),
    )
    op.create_table(
        "events",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("shown", sa.String, nullable=False),
        sa.Column("baskets", sa.JSON, nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("session", sa.Date, nullable=False),
        sa.Column("created", UtcTime, nullable=False),
        sa.Column("expires", UtcTime, nullable=False),
        sa.Column("manner", sa.String, nullable=False, server_default="send"),
        sa.Column("original", RowId, sa.ForeignKey("events.id")),
        sa.Column("withdraws", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("silenced", sa.String, nullable=False, server_default=""),
        sa.Column("config", sa.String, nullable=False, server_default=""),
    )
    linked = sa.text("original IS NOT NULL")
    op.create_index("ix_events_original", "events", ["original"], sqlite_where=linked, postgresql_where=linked)
    op.create_index("ix_events_shown", "events", ["shown"])
    op.create_table(
        "bodies",
        sa.Column("event", RowId, sa.ForeignKey("events.id"), primary_key=True),
        sa.Column("language", sa.String, primary_key=True),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, server_default="0"),
        sa.Column("picture", sa.String, nullable=False, server_default=""),
    )
    op.create_table(
        "pictures",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("expires", UtcTime, nullable=False),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("event", RowId, nullable=False),
        sa.Column("transport", sa.String, nullable=False),
        sa.Column("chat", sa.String, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("severe", sa.Boolean, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("not_before", UtcTime),
        sa.Column("expires", UtcTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("unconfirmed", sa.Integer, nullable=False),
        sa.Column("plain", sa.Boolean, nullable=False),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("manner", sa.String, nullable=False, server_default="send"),
        sa.Column("cancelled", sa.String, nullable=False, server_default=""),
        sa.Column("pictured", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.UniqueConstraint("event", "transport", "chat"),
    )
    waits, under_way = sa.text("not_before IS NOT NULL"), sa.text("state = 'sending'")
    indexes: tuple[tuple[str, list[str | sa.TextClause], sa.TextClause], ...] = (
        ("ix_outbox_waiting", ["transport", sa.text("severe DESC"), "kind", "id", "not_before"], waits),
        ("ix_outbox_waiting_chat", ["transport", "chat", "severe", "id"], waits),
        ("ix_outbox_under_way", ["transport", "chat"], under_way),
    )
    for name, columns, where in indexes:
        op.create_index(name, "outbox", columns, sqlite_where=where, postgresql_where=where)


def _create_subscribers() -> None:
    op.create_table(
        "chats",
        sa.Column("transport", sa.String, primary_key=True),
        sa.Column("chat", sa.String, primary_key=True),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.Column("moved_to", sa.String, nullable=False),
        sa.Column("refusals", sa.Integer, nullable=False),
        sa.Column("refused_since", UtcTime),
    )
    op.create_table(
        "subscribers",
        sa.Column("transport", sa.String, primary_key=True),
        sa.Column("chat", sa.String, primary_key=True),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("since", UtcTime, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("everything", sa.Boolean, nullable=False),
        sa.Column("lowest", sa.Integer, nullable=False),
        sa.Column("muted_until", UtcTime),
        sa.Column("quiet_begin", sa.Time),
        sa.Column("quiet_end", sa.Time),
        sa.Column("zone", sa.String, nullable=False),
    )
    op.create_table(
        "wishes",
        sa.Column("transport", sa.String, primary_key=True),
        sa.Column("chat", sa.String, primary_key=True),
        sa.Column("basket", sa.String, primary_key=True),
        sa.Column("lowest", sa.Integer, nullable=False),
        sa.Column("muted_until", UtcTime),
    )
    op.create_index("ix_wishes_basket", "wishes", ["transport", "basket", "lowest", "chat"])


def _create_operations() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "notes",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("basket", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("written", UtcTime, nullable=False),
        sa.Column("until", UtcTime, nullable=False),
    )
    op.create_table(
        "silences",
        sa.Column("basket", sa.String, primary_key=True),
        sa.Column("until", UtcTime, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
    )
    op.create_table(
        "troubles",
        sa.Column("state", sa.String, primary_key=True),
        sa.Column("about", sa.String, primary_key=True),
        sa.Column("since", UtcTime, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
    )
