"""What is needed for subscribers, for messages that edit or answer others, and for the operator's orders?"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.adapters.database.tables import RowId, UtcTime

revision = "r0002"
down_revision = "r0001"


def upgrade() -> None:
    original = sa.Column("original", RowId, sa.ForeignKey("events.id", name="fk_events_original"))
    op.add_column("events", sa.Column("manner", sa.String, nullable=False, server_default="send"))
    op.add_column("events", original, inline_references=True)
    op.add_column("events", sa.Column("withdraws", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("events", sa.Column("silenced", sa.String, nullable=False, server_default=""))
    takes_a_place = sa.text("original IS NOT NULL")
    op.create_index(
        "ix_events_original", "events", ["original"], sqlite_where=takes_a_place, postgresql_where=takes_a_place
    )
    op.create_index("ix_events_shown", "events", ["shown"])
    op.add_column("bodies", sa.Column("position", sa.Integer, nullable=False, server_default="0"))
    for name, kind in (("told_event", sa.String), ("told_session", sa.Date), ("told_severity", sa.Integer)):
        op.add_column("memories", sa.Column(name, kind))
    _change_outbox()
    _create_subscribers()
    _create_orders()


def _change_outbox() -> None:
    for name in ("waiting", "waiting_chat", "expiring", "under_way"):
        op.drop_index(f"ix_outbox_{name}", "outbox")
    with op.batch_alter_table("outbox") as outbox:  # SQLite makes the table anew
        outbox.drop_constraint("fk_outbox_event", type_="foreignkey")
        outbox.add_column(sa.Column("manner", sa.String, nullable=False, server_default="send"))
        outbox.add_column(sa.Column("cancelled", sa.String, nullable=False, server_default=""))
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
        "subscribers",
        sa.Column("transport", sa.String, nullable=False),
        sa.Column("chat", sa.String, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("since", UtcTime, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("everything", sa.Boolean, nullable=False),
        sa.Column("lowest", sa.Integer, nullable=False),
        sa.Column("muted_until", UtcTime),
        sa.Column("quiet_begin", sa.Time),
        sa.Column("quiet_end", sa.Time),
        sa.Column("zone", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("transport", "chat", name="pk_subscribers"),
    )
    op.create_table(
        "wishes",
        sa.Column("transport", sa.String, nullable=False),
        sa.Column("chat", sa.String, nullable=False),
        sa.Column("basket", sa.String, nullable=False),
        sa.Column("lowest", sa.Integer, nullable=False),
        sa.Column("muted_until", UtcTime),
        sa.PrimaryKeyConstraint("transport", "chat", "basket", name="pk_wishes"),
    )
    op.create_index("ix_wishes_basket", "wishes", ["transport", "basket", "lowest", "chat"])


def _create_orders() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "notes",
        sa.Column("id", RowId, nullable=False),
        sa.Column("basket", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("written", UtcTime, nullable=False),
        sa.Column("until", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
    )
    op.create_table(
        "silences",
        sa.Column("basket", sa.String, nullable=False),
        sa.Column("until", UtcTime, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("basket", name="pk_silences"),
    )
