"""Database of alert state, outbox and subscribers (SQLAlchemy, SQLite or PostgreSQL)."""
