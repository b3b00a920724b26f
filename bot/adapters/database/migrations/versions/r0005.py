"""What is needed to know by which configuration something was said?"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"


def upgrade() -> None:
    op.add_column("events", sa.Column("config", sa.String, nullable=False, server_default=""))
