"""Health signals, readiness, and the status report that every view of the bot reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bot.baskets import BasketId
from bot.engine.incidents import IncidentNotice
from bot.engine.store import CheckSummary
from bot.lease import Lease

# Seconds. A price check may take longer than the pause between two checks, but not without progress.
STALLED_AFTER = 35.0  # beyond the timeout of a request, or beyond the time of the next check
MAX_FAILED_CHECKS, CHECK_ALLOWANCE = 3, 300.0  # checks in a row that may fail, and their duration
NOT_POLLED_AFTER = 180.0  # without an answer from Telegram; each poll waits 30 s by itself


class HealthSignal(StrEnum):
    """A sign of a working bot; the values are labels of a metric."""

    EVALUATION = "evaluation"
    COMMANDS = "commands"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class HealthInputs:
    """Inputs of the health rules; moments are seconds of the monotonic clock, None = not yet.

    `since`: start of the process being `active`, or standby. A price check is due every `poll_every` seconds, and a
    price may take `request_timeout` seconds. `completed_at`: the last complete check; `progressed_at`: the engine's
    last progress (while `idle`, the engine waits for the next check); `last_error`: the failure of the last check. With
    `polls_chat`, `polled_at` is the time of Telegram's last answer. `failing` are the last errors of the lease, the
    dispatcher and the engine ("" = none).
    """

    since: float
    active: bool
    poll_every: float = 300.0
    request_timeout: float = 20.0
    completed_at: float | None = None
    progressed_at: float | None = None
    idle: bool = False
    last_error: str = ""
    polls_chat: bool = False
    polled_at: float | None = None
    failing: tuple[str, ...] = ()

    def silence(self, last: float | None, now: float) -> float:
        """Seconds since `last`, or since the process became active or a standby."""
        return now - (self.since if last is None else max(last, self.since))


@dataclass(frozen=True, slots=True)
class Health:
    """The problems by signal, in words; a bot that is active and `starting` has not completed a price check yet."""

    active: bool
    problems: Mapping[HealthSignal, str] = field(default_factory=dict)
    starting: bool = False

    @property
    def ready(self) -> bool:
        """True if the bot works, or is a standby that waits for the lease alone."""
        return not self.problems and not self.starting

    def __str__(self) -> str:
        if self.problems:
            return "\n".join(f"{signal}: {problem}" for signal, problem in self.problems.items())
        if not self.active:
            return "stands by: another process works"
        return "the first look is under way" if self.starting else "works"


def assess_health(inputs: HealthInputs, now: float) -> Health:
    """The health at `now`, in seconds of the clock of `inputs`."""
    problems = {}
    if inputs.active and (problem := evaluation_problem(inputs, now)):
        problems[HealthSignal.EVALUATION] = problem
    silence = inputs.silence(inputs.polled_at, now)
    if inputs.active and inputs.polls_chat and silence > NOT_POLLED_AFTER:
        problems[HealthSignal.COMMANDS] = f"Telegram was not heard for {_minutes(silence)}"
    if errors := [error for error in dict.fromkeys(inputs.failing) if error]:
        problems[HealthSignal.WORK] = "; ".join(errors)
    return Health(inputs.active, problems, inputs.active and inputs.completed_at is None)


def evaluation_problem(inputs: HealthInputs, now: float) -> str:
    """The reason for overdue price checks ("" = in time)."""
    silence, age = inputs.silence(inputs.progressed_at, now), inputs.silence(inputs.completed_at, now)
    if inputs.idle and silence > inputs.poll_every + STALLED_AFTER:
        return f"the next look is overdue by {_minutes(silence - inputs.poll_every)}"
    if not inputs.idle and silence > inputs.request_timeout + STALLED_AFTER:
        return f"a look has not got on for {_minutes(silence)}"
    if age > MAX_FAILED_CHECKS * inputs.poll_every + CHECK_ALLOWANCE:
        return f"no look was complete for {_minutes(age)}{inputs.last_error and f': {inputs.last_error}'}"
    return ""


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


@dataclass(frozen=True, slots=True)
class BasketStatus:
    """A basket, by name, and the last evaluated session."""

    basket: BasketId
    name: str
    last_session: date | None


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """Figures from the database; `error` is the reason for no answer ("" = answered), None = unknown.

    `waiting` counts the deliveries pending or under way; `oldest` is the earliest due time of a pending delivery.
    """

    error: str = ""
    lease: Lease | None = None
    waiting: int | None = None
    oldest: datetime | None = None
    incidents: tuple[IncidentNotice, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The bot at `now`: health, start as active or standby, loops and database; None = not yet.

    `completed_at`: the last complete price check; `checked_at`: the time of the last fetched prices; `last_error`: the
    failure of the last check; `last_check`: the figures of the last check. With `polls_chat`, `polled_at` is the time
    of Telegram's last answer. `counts` are totals since the start, by loop ("engine", "dispatcher", "chat") and name. A
    standby has no loops.
    """

    now: datetime
    health: Health
    since: datetime
    completed_at: datetime | None = None
    checked_at: datetime | None = None
    last_error: str = ""
    last_check: CheckSummary | None = None
    polls_chat: bool = False
    polled_at: datetime | None = None
    baskets: tuple[BasketStatus, ...] = ()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    database: DatabaseStatus = field(default_factory=DatabaseStatus)
