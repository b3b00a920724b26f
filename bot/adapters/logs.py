"""Where do log lines go, how do they look, and what must never stand in them?"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import TextIO

import structlog
from structlog.typing import Processor

# httpx logs addresses at INFO, telegram at DEBUG, and the address of a request holds the token.
TALKATIVE = ("httpx", "httpcore", "telegram", "alembic", "apscheduler")
TOKEN = re.compile(r"\d{5,}(?::|%3A)[\w-]{20,}", re.IGNORECASE)
HIDDEN = "[token]"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without these secrets, and without anything that has the form of a bot's token."""
    for secret in secrets:
        for part in (secret, secret.rpartition(":")[2]):
            text = text.replace(part, HIDDEN) if part else text
    return TOKEN.sub(HIDDEN, text)


def configure_logging(
    level: str = "INFO", *, secrets: Iterable[str] = (), stream: TextIO | None = None, json: bool = False
) -> None:
    """Send everything that is logged, by whatever library, to `stream` (standard error), one line each.

    What comes out is redacted as a whole, tracebacks included. `json` writes one object a line.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_RedactingFormatter(_renderers(stream, json=json), tuple(secrets)))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    # A full disk or a closed terminal must not stop the bot, nor show a record that was not redacted.
    logging.raiseExceptions = False


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self, renderers: list[Processor], secrets: tuple[str, ...]) -> None:
        super().__init__(processors=renderers, foreign_pre_chain=FACTS)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets)


FACTS: list[Processor] = [
    structlog.stdlib.ExtraAdder(),
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _renderers(stream: TextIO, *, json: bool) -> list[Processor]:
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if json:
        return [strip, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    # The other tracebacks show the values of variables.
    console = structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    return [strip, console]
