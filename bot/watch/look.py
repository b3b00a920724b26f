"""What came of one look at the market, in the numbers of one line?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Look:
    """Filled in as it goes on; `began` is monotonic.

    `due` says why prices were fetched: sessions that are "final", "open" ones, or the "first" look. Of `symbols` that
    were asked for, the `missing` could not be had. `events` were stored, `known` ones had been before; among the
    events are the `provisional`; the `unsure` went to the operators alone. `next` is when something is due again,
    `config` the fingerprint of the configuration.
    """

    began: float
    seconds: float = 0.0
    due: list[str] = field(default_factory=list)
    symbols: int = 0
    missing: int = 0
    doubts: int = 0
    sessions: int = 0
    events: int = 0
    known: int = 0
    provisional: int = 0
    unsure: int = 0
    troubles: int = 0
    next: datetime | None = None
    config: str = ""

    def facts(self) -> dict[str, object]:
        """By name, as a log line shows them."""
        return {
            "seconds": round(self.seconds, 3),
            "due": "+".join(self.due) or "nothing",
            "symbols": self.symbols,
            "got": self.symbols - self.missing,
            **{name: getattr(self, name) for name in COUNTED},
            "next": self.next.isoformat(timespec="minutes") if self.next else "",
            "config": self.config,
        }


COUNTED = ("missing", "doubts", "sessions", "events", "known", "provisional", "unsure", "troubles")
