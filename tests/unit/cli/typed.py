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


def said(typed: Typed, code: int, *phrases: str) -> None:
    """Nothing but an error with these phrases, in one line each, and this exit code."""
    assert typed.code == code
    assert typed.out == ""
    for phrase in phrases:
        assert any(phrase in line for line in typed.err.splitlines()), (phrase, typed.err)
