"""What can go wrong, and which exit code the person who typed the command sees?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


class BotError(Exception):
    """Something we can name. The message says what is wrong, where, and what to do."""

    exit_code = 70


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One mistake in the configuration.

    `file` is the path as the operator wrote it (or "environment"), `key` the dotted key, `message` what is
    wrong there, `remedy` what to do.
    """

    file: str
    key: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.message}. {self.remedy}"


class ConfigError(BotError):
    """The configuration is wrong; every problem at once."""

    exit_code = 2

    def __init__(self, problems: tuple[ConfigProblem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class NoData(BotError):
    """A source answered, and it has nothing (or nothing usable) for what was asked."""

    exit_code = 3


class SourceUnreachable(BotError):
    """A source did not answer, or answered with a failure that says nothing about the symbol."""

    exit_code = 3


class SourceBackingOff(SourceUnreachable):
    """A source that is to be left alone for a while: it asked for that, or has failed too often."""


class InvalidToken(BotError):
    """Telegram does not know this token."""

    exit_code = 4

    def __init__(self) -> None:
        super().__init__(
            "Telegram does not know this bot's token. Nothing is lost: what waits is sent once the token is right. "
            "Look whether it is complete and base_url is right, or ask @BotFather for a new one"
        )


class LeaseLost(BotError):
    """Another process has taken the lease over from this one; nothing was written."""

    exit_code = 5


class ClockJumped(BotError):
    """The machine's clock was set, or the machine slept: nothing is judged until that is certain."""

    def __init__(self, jump: timedelta) -> None:
        way = "back" if jump < timedelta() else "ahead"
        super().__init__(
            f"the machine's clock jumped {way} by {abs(jump)}. Nothing is judged and nothing expires before it says "
            "the same at the next look. If it is wrong, set it: look at timedatectl"
        )


class StoreError(BotError):
    """The database cannot be opened, read or written, now."""

    exit_code = 74  # EX_IOERR of sysexits.h


class StoreLost(StoreError):
    """The database was taken away, or may not be written: to wait does not help."""


class SchemaMismatch(StoreError):
    """What is in the database is not for this program: tables of another version, or none at all."""

    exit_code = 65  # EX_DATAERR of sysexits.h


def short_message(error: Exception) -> str:
    """What an error says to whoever runs the bot; what is none of ours is our bug."""
    return str(error) if isinstance(error, BotError) else f"{type(error).__name__}: our bug"
