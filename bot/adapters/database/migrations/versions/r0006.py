"""The oldest schema that can be upgraded; new databases get that of `tables.py` at once."""

revision = "r0006"
down_revision = None
