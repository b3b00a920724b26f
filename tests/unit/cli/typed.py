"""What became of a command that somebody typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Typed(NamedTuple):
    """What became of a command: the exit code, and what stood on the two streams."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[str]:
        return self.out.splitlines()


Type = Callable[..., Typed]
