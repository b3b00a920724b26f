"""Tables and columns under the names of the program: copies of the rows, as SQLite cannot rename a constraint."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.adapters.database.tables import RowId, UtcTime

revision = "r0007"
down_revision = "r0006"


def upgrade() -> None:
    _copy_alert_tables()
    for old, new in (("plain", "without_markup"), ("manner", "mode"), ("pictured", "has_photo")):
        op.execute(f"ALTER TABLE outbox RENAME COLUMN {old} TO {new}")
    for old, new in (("everything", "all_baskets"), ("lowest", "min_severity")):
        op.execute(f"ALTER TABLE subscribers RENAME COLUMN {old} TO {new}")
    _copy_table(
        "wishes",
        "basket_subscriptions",
        sa.Column("transport", sa.String, primary_key=True),
        sa.Column("chat", sa.String, primary_key=True),
        sa.Column("basket", sa.String, primary_key=True),
        sa.Column("min_severity", sa.Integer, nullable=False),
        sa.Column("muted_until", UtcTime),
        min_severity="lowest",
    )
    _copy_table(
        "troubles",
        "incidents",
        sa.Column("state", sa.String, primary_key=True),
        sa.Column("about", sa.String, primary_key=True),
        sa.Column("since", UtcTime, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
    )
    for table in ("memories", "judged_on", "bodies", "events", "pictures", "wishes", "troubles"):
        op.drop_table(table)
    linked = sa.text("original IS NOT NULL")
    op.create_index(
        "ix_notifications_original", "notifications", ["original"], sqlite_where=linked, postgresql_where=linked
    )
    op.create_index("ix_notifications_public_id", "notifications", ["public_id"])
    columns = ["transport", "basket", "min_severity", "chat"]
    op.create_index("ix_basket_subscriptions_basket", "basket_subscriptions", columns)
    if op.get_bind().dialect.name == "postgresql":
        sequence = "pg_get_serial_sequence('notifications', 'id')"
        op.execute(f"SELECT setval({sequence}, max(id)) FROM notifications HAVING max(id) > 0")  # noqa: S608  from here


def _copy_alert_tables() -> None:
    _copy_table(
        "memories",
        "subject_states",
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("basket", sa.String, primary_key=True),
        sa.Column("member", sa.String, primary_key=True),
        sa.Column("against", sa.String, primary_key=True),
        sa.Column("last_session", sa.Date),
        sa.Column("episode", sa.String),
        sa.Column("opened", sa.Date),
        sa.Column("severity", sa.Integer),
        sa.Column("worst_move", sa.Double),
        sa.Column("quiet_sessions", sa.Integer),
        sa.Column("phase", sa.String),
        sa.Column("provisional_event", sa.String),
        sa.Column("provisional_session", sa.Date),
        sa.Column("provisional_severity", sa.Integer),
        last_session="judged",
        worst_move="move",
        quiet_sessions="quiet",
        provisional_event="told_event",
        provisional_session="told_session",
        provisional_severity="told_severity",
    )
    _copy_table(
        "judged_on",
        "evaluated_closes",
        sa.Column("symbol", sa.String, primary_key=True),
        sa.Column("session", sa.Date, primary_key=True),
        sa.Column("close", sa.Double),
    )
    _copy_table(
        "events",
        "notifications",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("public_id", sa.String, nullable=False),
        sa.Column("baskets", sa.JSON, nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("session", sa.Date, nullable=False),
        sa.Column("created", UtcTime, nullable=False),
        sa.Column("expires", UtcTime, nullable=False),
        sa.Column("mode", sa.String, nullable=False, server_default="send"),
        sa.Column("original", RowId, sa.ForeignKey("notifications.id")),
        sa.Column("is_withdrawal", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("silenced", sa.String, nullable=False, server_default=""),
        sa.Column("config", sa.String, nullable=False, server_default=""),
        public_id="shown",
        mode="manner",
        is_withdrawal="withdraws",
    )
    _copy_table(
        "bodies",
        "texts",
        sa.Column("event", RowId, sa.ForeignKey("notifications.id"), primary_key=True),
        sa.Column("language", sa.String, primary_key=True),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, server_default="0"),
        sa.Column("picture", sa.String, nullable=False, server_default=""),
    )
    _copy_table(
        "pictures",
        "charts",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("expires", UtcTime, nullable=False),
    )


def _copy_table(old: str, new: str, *columns: sa.Column[Any], **old_names: str) -> None:
    names = [column.name for column in columns]
    op.create_table(new, *columns)
    sources = ", ".join(old_names.get(name, name) for name in names)
    op.execute(f"INSERT INTO {new} ({', '.join(names)}) SELECT {sources} FROM {old}")  # noqa: S608  names from here
