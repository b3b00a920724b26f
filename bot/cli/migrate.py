"""The database, brought to this version."""

from __future__ import annotations

import asyncio
import os

from bot.cli.options import Config


def command(config: Config = None) -> None:
    """Create the database, or bring it to this version (a platform's release phase)."""
    from bot.adapters.database import migrate  # noqa: PLC0415 - commands import what they need and no more
    from bot.app.worker import database_url  # noqa: PLC0415
    from bot.settings import load_settings  # noqa: PLC0415

    asyncio.run(migrate(database_url(load_settings(config, os.environ))))
