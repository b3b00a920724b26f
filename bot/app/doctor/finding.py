"""What did one check find?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.errors import BotError


class Mark(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, what was seen, and what to do. `exit_code` is that of a failure."""

    subject: str
    mark: Mark
    seen: str
    remedy: str = ""
    exit_code: int = 0


def failed(subject: str, error: BotError) -> Finding:
    """The failure that an error of ours tells of: its first sentence is what was seen, the others are the remedy."""
    seen, _, remedy = str(error).partition(". ")
    return Finding(subject, Mark.FAIL, seen.removeprefix("database "), remedy, error.exit_code)
