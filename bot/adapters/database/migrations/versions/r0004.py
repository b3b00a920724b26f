"""Where do migrations begin? With these tables; no release had earlier ones, and a new database needs no migration."""

from __future__ import annotations

revision = "r0004"
down_revision = None


def upgrade() -> None:
    """The tables of this version are there."""
