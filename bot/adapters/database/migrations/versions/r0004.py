"""What is needed for pictures above messages?"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.adapters.database.tables import UtcTime

revision = "r0004"
down_revision = "r0003"


def upgrade() -> None:
    op.create_table(
        "pictures",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("expires", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_pictures"),
    )
    op.add_column("bodies", sa.Column("picture", sa.String, nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("pictured", sa.Boolean, nullable=False, server_default=sa.false()))
