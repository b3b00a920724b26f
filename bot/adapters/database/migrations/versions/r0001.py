"""What does a new database hold?"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.adapters.database.tables import RowId, UtcTime

revision = "r0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "memories",
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("basket", sa.String, nullable=False),
        sa.Column("member", sa.String, nullable=False),
        sa.Column("against", sa.String, nullable=False),
        sa.Column("judged", sa.Date),
        sa.Column("episode", sa.String),
        sa.Column("opened", sa.Date),
        sa.Column("severity", sa.Integer),
        sa.Column("move", sa.Double),
        sa.Column("quiet", sa.Integer),
        sa.Column("phase", sa.String),
        sa.PrimaryKeyConstraint("rule", "basket", "member", "against", name="pk_memories"),
    )
    op.create_table(
        "events",
        sa.Column("id", RowId, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("shown", sa.String, nullable=False),
        sa.Column("baskets", sa.JSON, nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("session", sa.Date, nullable=False),
        sa.Column("created", UtcTime, nullable=False),
        sa.Column("expires", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("key", name="uq_events_key"),
    )
    op.create_table(
        "bodies",
        sa.Column("event", RowId, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("event", "language", name="pk_bodies"),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name="fk_bodies_event"),
    )
    _create_outbox()
    op.create_table(
        "chats",
        sa.Column("transport", sa.String, nullable=False),
        sa.Column("chat", sa.String, nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.Column("moved_to", sa.String, nullable=False),
        sa.Column("refusals", sa.Integer, nullable=False),
        sa.Column("refused_since", UtcTime),
        sa.PrimaryKeyConstraint("transport", "chat", name="pk_chats"),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", RowId, nullable=False),
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
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name="fk_outbox_event"),
        sa.UniqueConstraint("event", "transport", "chat", name="uq_outbox_event_transport_chat"),
    )
    waits, under_way = sa.text("not_before IS NOT NULL"), sa.text("state = 'sending'")
    indexes: tuple[tuple[str, list[str | sa.TextClause], sa.TextClause], ...] = (
        ("ix_outbox_waiting", ["transport", sa.text("severe DESC"), "kind", "id"], waits),
        ("ix_outbox_waiting_chat", ["transport", "chat", "severe", "id"], waits),
        ("ix_outbox_expiring", ["expires"], waits),
        ("ix_outbox_under_way", ["transport", "chat"], under_way),
    )
    for name, columns, where in indexes:
        op.create_index(name, "outbox", columns, sqlite_where=where, postgresql_where=where)
