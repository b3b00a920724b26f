"""Tables and columns under the names of the program: copies of the rows, as SQLite cannot rename a constraint."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0007"
down_revision = "r0006"


def upgrade() -> None:
    copy_table(
        "memories",
        "subject_states",
        leave_out=("phase",),
        judged="last_session",
        move="worst_move",
        quiet="quiet_sessions",
        told_event="provisional_event",
        told_session="provisional_session",
        told_severity="provisional_severity",
    )
    copy_table("judged_on", "evaluated_closes")
    copy_table(
        "events",
        "notifications",
        sa.UniqueConstraint("key"),
        sa.ForeignKeyConstraint(["original"], ["notifications.id"]),
        shown="public_id",
        manner="mode",
        withdraws="is_withdrawal",
    )
    copy_table("bodies", "texts", sa.ForeignKeyConstraint(["event"], ["notifications.id"]))
    copy_table("pictures", "charts")
    copy_table("wishes", "basket_subscriptions", lowest="min_severity")
    copy_table("troubles", "incidents")
    for table in ("memories", "judged_on", "bodies", "events", "pictures", "wishes", "troubles"):
        op.drop_table(table)
    for old, new in (("plain", "without_markup"), ("manner", "mode"), ("pictured", "has_photo")):
        op.execute(f"ALTER TABLE outbox RENAME COLUMN {old} TO {new}")
    for old, new in (("everything", "all_baskets"), ("lowest", "min_severity")):
        op.execute(f"ALTER TABLE subscribers RENAME COLUMN {old} TO {new}")
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


def copy_table(
    old: str, new: str, *constraints: sa.Constraint, leave_out: tuple[str, ...] = (), **new_names: str
) -> None:
    """Create the table `new` with the columns and rows of `old`; `new_names` are those of the renamed columns."""
    table = sa.Table(old, sa.MetaData(), autoload_with=op.get_bind())
    columns = [column for column in table.columns if column.name not in leave_out]
    copies = [
        sa.Column(
            new_names.get(column.name, column.name),
            column.type,
            primary_key=column.primary_key,
            nullable=column.nullable,
            server_default=None if column.primary_key else column.server_default,  # the sequence of the old key
        )
        for column in columns
    ]
    op.create_table(new, *copies, *constraints)
    names, sources = (", ".join(column.name for column in table) for table in (copies, columns))
    op.execute(f"INSERT INTO {new} ({names}) SELECT {sources} FROM {old}")  # noqa: S608  names from here
