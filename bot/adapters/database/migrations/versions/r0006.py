"""What is needed to know that a close was revised since it was judged on?"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0006"
down_revision = "r0005"


def upgrade() -> None:
    op.create_table(
        "judged_on",
        sa.Column("symbol", sa.String, primary_key=True),
        sa.Column("session", sa.Date, primary_key=True),
        sa.Column("close", sa.Double),
    )
