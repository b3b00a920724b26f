"""The results of recent sessions, to compare with when closes are revised."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0008"
down_revision = "r0007"


def upgrade() -> None:
    op.create_table(
        "session_results",
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("basket", sa.String, primary_key=True),
        sa.Column("session", sa.Date, primary_key=True),
        sa.Column("result", sa.JSON, nullable=False),
    )
