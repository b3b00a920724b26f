"""Where is the state of alerts kept?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from bot.alerts.episodes import Subject, SubjectState
from bot.delivery.model import Delivery, Note, Notification
from bot.prices.bars import Symbol
from bot.prices.revisions import Closes
from bot.watch.troubles import Notice, Trouble

T = TypeVar("T")


class Journal(Protocol):
    """What the watch reads and writes; every method raises StoreError, and then has done nothing."""

    async def memories(self) -> dict[Subject, SubjectState]:
        """What every rule remembers."""
        ...

    async def closes(self) -> dict[Symbol, Closes]:
        """The closes that the latest sessions were judged on."""
        ...

    async def published(self, keys: Collection[str], /) -> Collection[str]:
        """Those of `keys` whose events are stored."""
        ...

    async def notes(self, now: datetime, /) -> Sequence[Note]:
        """What the operator wants to stand beside alerts at `now`."""
        ...

    async def troubles(self) -> Mapping[Trouble, Notice]:
        """Those whose beginning the operators have heard of, and not their end."""
        ...

    async def commit(
        self,
        known: Mapping[Subject, SubjectState],
        happened: Sequence[Notification],
        deliveries: Sequence[Delivery],
        subscribers_of: str | None,
        closes: Mapping[Symbol, Closes],
        /,
    ) -> int:
        """Store all of it in one transaction, or nothing; an event whose key is known is not stored again.

        `closes` are those that it was judged on, in the place of what is stored of these symbols. Events go to
        `deliveries` and to everybody who subscribed with the transport `subscribers_of`. The answer is how many events
        were known.
        """
        ...


async def whole(work: Awaitable[T]) -> T:
    """The result of `work`, which is done to the end even when we are cancelled: half a transaction keeps its lock."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
