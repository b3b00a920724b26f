"""Where do deliveries wait?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.delivery.deliveries import Delivery
from bot.delivery.steps import Step


class Outbox(Protocol):
    """Where deliveries are kept; every method raises StoreError if it cannot be done, and then has done nothing."""

    async def claim(self, transport: str, now: datetime, limit: int, resting: Collection[str]) -> Sequence[Delivery]:
        """Up to `limit` deliveries of `transport` that are due, already stored as `sending`.

        Severe ones before minor ones, then by kind of chat, then in the order of their making. A chat has one under
        way at a time, and a message waits for its chat's earlier ones of the same urgency. Edits and replies wait for
        what they edit or answer, and have its name as `target` if there is one; edits wait for nothing else. Nothing
        is handed out for a chat of `resting`, or past its expiry.
        """
        ...

    async def record(self, steps: Sequence[Step]) -> None:
        """Store what became of deliveries, and what was learned of their chats.

        The answer to a delivery that was erased meanwhile changes nothing; one that was cancelled is not tried again.
        """
        ...

    async def orphans(self, transport: str) -> Sequence[Delivery]:
        """Deliveries of `transport` that are stored as `sending`: the process that sent them is gone."""
        ...

    async def due(self, transport: str, now: datetime) -> bool:
        """Whether `claim` would hand something out if no chat were resting."""
        ...
