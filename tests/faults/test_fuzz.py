"""Does one wrong price make a false headline, or hide a true one?

FAULTS=1000000 (make verify-data) tries a million; the suite ten thousand.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.faults.fuzz import Tally, trial

TRIALS = int(os.environ.get("FAULTS", "10000"))
Record = Callable[[str, object], None]
AT_ONCE = 1_000  # errors in one history


def test_errors_make_no_headlines_and_hide_none(record_property: Record) -> None:
    tally = Tally()
    for seed in range(TRIALS // AT_ONCE):
        trial(AT_ONCE, seed, tally)
    record_property("figures", str(tally))
    quiet = tally.trials - tally.true
    assert min(tally.true, quiet) > tally.trials / 10
    assert tally.false.total() <= 0.0005 * quiet, tally.false
    assert tally.missed_at_once.total() <= 0.05 * tally.true, tally.missed_at_once
    assert tally.missed.total() == 0, tally.missed


def test_the_same_markets_fool_a_bot_without_the_gate() -> None:
    """The figures above say something only if these errors do harm."""
    naive = Tally()
    trial(AT_ONCE, 0, naive, gated=False)
    assert naive.false.total() > 0.05 * (naive.trials - naive.true)
    assert naive.missed.total() > 0.05 * naive.true
