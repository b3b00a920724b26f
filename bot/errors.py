"""Errors of the bot and their exit codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


class BotError(Exception):
    """A named error. The message contains the problem, the place and the remedy."""

    exit_code = 70


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """A mistake in the configuration: `file` is a path as written (or "environment"), `key` the dotted key."""

    file: str
    key: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.message}. {self.remedy}"


class ConfigError(BotError):
    """Invalid configuration, with all problems."""

    exit_code = 2

    def __init__(self, problems: tuple[ConfigProblem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class NoData(BotError):
    """An answer of a source without usable data for the request."""

    exit_code = 3


class SourceUnreachable(BotError):
    """No answer of a source, or a failure that does not depend on the symbol."""

    exit_code = 3


class SourceBackingOff(SourceUnreachable):
    """A pause in the requests to a source, at its request or after too many failures."""


class InvalidToken(BotError):
    """A bot token that Telegram rejects."""

    exit_code = 4

    def __init__(self) -> None:
        super().__init__(
            "Telegram does not know this bot's token. Nothing is lost: what waits is sent once the token is right. "
            "Look whether it is complete and base_url is right, or ask @BotFather for a new one"
        )


class LeaseLost(BotError):
    """A lease taken over by another process; nothing was written."""

    exit_code = 5


class ClockJumped(BotError):
    """A jump of the machine's clock, set or after a sleep; no evaluation until it is certain."""

    def __init__(self, jump: timedelta) -> None:
        way = "back" if jump < timedelta() else "ahead"
        super().__init__(
            f"the machine's clock jumped {way} by {abs(jump)}. Nothing is judged and nothing expires before it says "
            "the same at the next look. If it is wrong, set it: look at timedatectl"
        )


class StoreError(BotError):
    """A failure to open, read or write the database, for now."""

    exit_code = 74  # EX_IOERR of sysexits.h


class StoreLost(StoreError):
    """A database that is gone or read-only: waiting does not help."""


class SchemaMismatch(StoreError):
    """A database with tables of another version of the program, or without tables."""

    exit_code = 65  # EX_DATAERR of sysexits.h


def short_message(error: Exception) -> str:
    """The text of an error for the operator; an error that is no BotError counts as a bug."""
    return str(error) if isinstance(error, BotError) else f"{type(error).__name__}: our bug"
