"""Store of alert state as the engine needs it, and the summary of one price check."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeVar

from bot.alerts.episodes import Subject, SubjectState, SubjectStates
from bot.delivery.model import Delivery, Note, Notification, route
from bot.engine.evaluation import Changes, EngineConfig
from bot.engine.incidents import Incident, IncidentNotice
from bot.engine.results import Results
from bot.prices.bars import Symbol
from bot.prices.revisions import ClosesBySession

T = TypeVar("T")


class AlertStore(Protocol):
    """What the engine reads and writes; every method raises StoreError, and then has done nothing."""

    async def subject_states(self) -> dict[Subject, SubjectState]:
        """The state of every subject that was ever evaluated."""
        ...

    async def evaluated_closes(self) -> dict[Symbol, ClosesBySession]:
        """The closes that the latest sessions were evaluated on."""
        ...

    async def session_results(self) -> Results:
        """The results of the latest sessions of every target."""
        ...

    async def notes(self, now: datetime, /) -> Sequence[Note]:
        """The operators' notes shown with alerts at `now`."""
        ...

    async def open_incidents(self) -> Mapping[Incident, IncidentNotice]:
        """The incidents whose beginning the operators were notified of, and not their end."""
        ...

    async def commit(
        self,
        states: SubjectStates,
        notifications: Sequence[Notification],
        deliveries: Sequence[Delivery],
        subscribers_of: str | None,
        closes: Mapping[Symbol, ClosesBySession],
        results: Results,
        /,
    ) -> int:
        """Store all of it in one transaction, or nothing. Return how many notifications were stored before.

        A notification whose key is stored is left out. Notifications go to `deliveries` and to the subscribers of the
        transport `subscribers_of`. `closes` replace what is stored of these symbols. The `results` of older sessions
        are deleted.
        """
        ...


@dataclass(slots=True)
class CheckSummary:
    """One price check in the figures of one log line, filled in as it goes on; `began` is monotonic.

    `due` says why prices were fetched: "final" sessions, "open" ones, or the "first" check. Of `symbols` fetched the
    `missing` are unavailable, and `suspects` prices are suspect. `notifications` were stored (`provisional` among
    them), `already_stored` ones had been before, `unconfirmed` ones went to operators. `next` is when something is due
    again, `config` the fingerprint of the configuration.
    """

    began: float
    seconds: float = 0.0
    due: list[str] = field(default_factory=list)
    symbols: int = 0
    missing: int = 0
    suspects: int = 0
    sessions: int = 0
    notifications: int = 0
    already_stored: int = 0
    provisional: int = 0
    unconfirmed: int = 0
    incidents: int = 0
    next: datetime | None = None
    config: str = ""

    def facts(self) -> dict[str, object]:
        """By name, as a log line shows them."""
        return {
            "seconds": round(self.seconds, 3),
            "due": "+".join(self.due) or "nothing",
            "symbols": self.symbols,
            "got": self.symbols - self.missing,
            "missing": self.missing,
            "doubts": self.suspects,
            "sessions": self.sessions,
            "events": self.notifications,
            "known": self.already_stored,
            "provisional": self.provisional,
            "unsure": self.unconfirmed,
            "troubles": self.incidents,
            "next": self.next.isoformat(timespec="minutes") if self.next else "",
            "config": self.config,
        }


async def run_to_completion(work: Awaitable[T]) -> T:
    """Return the result of `work`, which is finished even when the caller is cancelled: half a transaction locks."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def commit(store: AlertStore, config: EngineConfig, changes: Changes) -> int:
    """Store the changes, with deliveries to the configured chats; return how many notifications were stored before."""
    notifications = [replace(notification, config=config.config) for notification in changes.notifications]
    deliveries = [delivery for item in notifications for delivery in route(item, config.destinations)]
    stored = (changes.states, notifications, deliveries, config.subscribers_of, changes.closes, changes.results)
    return await run_to_completion(store.commit(*stored))
