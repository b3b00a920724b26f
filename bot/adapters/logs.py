"""Logging set-up and redaction of secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import TextIO

import structlog
from structlog.typing import Processor

# httpx logs addresses at INFO, telegram at DEBUG; the address of a request holds the token.
TALKATIVE = ("httpx", "httpcore", "telegram", "alembic", "apscheduler")
TOKEN = re.compile(r"\d{5,}(?::|%3A)[\w-]{20,}", re.IGNORECASE)
HIDDEN = "[token]"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without `secrets` and without strings of the form of a bot token."""
    for secret in secrets:
        for part in (secret, secret.rpartition(":")[2]):
            text = text.replace(part, HIDDEN) if part else text
    return TOKEN.sub(HIDDEN, text)


def configure_logging(
    level: str = "INFO", *, secrets: Iterable[str] = (), stream: TextIO | None = None, json: bool = False
) -> None:
    """Send the logs of all libraries to `stream` (default: standard error), redacted with their tracebacks.

    One line a record, with `json` one object a line.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    renderers: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if json:
        renderers += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        # Other traceback formatters show the values of variables.
        plain = structlog.dev.plain_traceback
        renderers.append(structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain))
    handler.setFormatter(_RedactingFormatter(renderers, tuple(secrets)))
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
