"""The set-up of logging, to be put back after a test that changes it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("", "httpx", "httpcore", "telegram", "alembic", "aiosqlite", "asyncio", "bot")


@contextmanager
def log_state() -> Iterator[None]:
    root = logging.getLogger()
    handlers, raises = list(root.handlers), logging.raiseExceptions
    levels = {name: logging.getLogger(name).level for name in NAMES}
    try:
        yield
    finally:
        root.handlers, logging.raiseExceptions = handlers, raises
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
