"""What did the operator decide, and is it sound? Files, environment and secrets in one frozen object."""

from bot.settings.effective import effective, warnings
from bot.settings.load import Settings, load_settings
from bot.settings.tables import schemas

__all__ = ["Settings", "effective", "load_settings", "schemas", "warnings"]
