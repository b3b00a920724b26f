"""How long after the decision are an alert's texts ready, in every language?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

from benchmarks.timing import Line, seconds
from bot.alerts import Severity
from bot.messages import languages
from bot.pipeline import compose
from tests.history import real

NOW = datetime(2020, 3, 9, 21, tzinfo=UTC)


def run() -> Iterator[Line]:
    """Severe alerts of 33 years of recorded prices: they have the most to work out."""
    opened = real.demo().opened()
    found = [one for one in real.posted(opened) if one.severity >= Severity.SEVERE]

    def texts(at: int) -> None:
        compose(opened.board, opened.rulebook, found[at], languages(), NOW, NOW + timedelta(hours=12))

    taken = [seconds(lambda at=at: texts(at)) * 1000 for at in range(len(found))]
    yield Line(
        f"texts of a severe alert in {len(languages())} languages, median of {len(found)}", median(taken), "ms", 300
    )
    yield Line("the same, the slowest", max(taken), "ms")
