"""How does the bot remember, with SQLAlchemy?"""

from bot.adapters.database.store import Database, migrate

__all__ = ["Database", "migrate"]
