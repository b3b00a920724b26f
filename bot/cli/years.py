"""How many alerts did each year have?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date

from bot.alerts import Severity


def show_years(alerts: Sequence[tuple[date, Severity]]) -> None:
    """A line a year from the first to the last that had one, also for those without, and one for all."""
    years: dict[int, Counter[Severity]] = {}
    for session, severity in alerts:
        years.setdefault(session.year, Counter())[severity] += 1
    if len(years) > 1:
        for year in range(min(years), max(years) + 1):
            sys.stdout.write(f"{year}  {_counts(years.get(year, Counter())) or 'no alert'}\n")
    whole = _counts(Counter(severity for _, severity in alerts))
    sys.stdout.write(f"{whole or 'No alert.'}\n")


def _counts(counts: Counter[Severity]) -> str:
    return ", ".join(f"{severity.word} {count}" for severity, count in sorted(counts.items()))
