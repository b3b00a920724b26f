"""Languages of messages: those with a catalogue."""

from __future__ import annotations

from functools import cache
from pathlib import Path

CATALOGUES = Path(__file__).parent / "messages"


@cache
def languages() -> tuple[str, ...]:
    """Every language there is a catalogue for."""
    return tuple(sorted(path.stem for path in CATALOGUES.glob("*.toml")))
