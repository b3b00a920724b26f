"""What did the operator order?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from bot.baskets import BasketId

NoteId = NewType("NoteId", int)


@dataclass(frozen=True, slots=True)
class Note:
    """A line of context that messages about `basket` (None = about any) carry from `written` until `until`.

    `id` is 0 before it is stored.
    """

    basket: BasketId | None
    text: str
    written: datetime
    until: datetime
    id: NoteId = NoteId(0)


@dataclass(frozen=True, slots=True)
class Silence:
    """Until `until` no event about `basket` (None = about any) is told to anybody, for `reason`, which is not empty."""

    basket: BasketId | None
    until: datetime
    reason: str
