"""What is needed so that troubles which the operators know of outlast a restart?"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.adapters.database.tables import UtcTime

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    op.create_table(
        "troubles",
        sa.Column("state", sa.String, nullable=False),
        sa.Column("about", sa.String, nullable=False),
        sa.Column("since", UtcTime, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("state", "about", name="pk_troubles"),
    )
