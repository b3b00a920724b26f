"""Which closes of the past read otherwise today?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from bot.prices.bars import Bars, Revision

ROUNDING = 1e-6  # relative


def revisions(kept: Bars, new: Bars) -> tuple[Revision, ...]:
    """The closes of `kept` that `new` has otherwise, ascending by session.

    What `new` has no price of is a hole of today, not a change. A split since then rescales every close; that is
    taken out first, for it is no correction of any of them.
    """
    days, ours, theirs = np.intersect1d(kept.dates, new.dates, assume_unique=True, return_indices=True)
    old, now = kept.close[ours], new.close[theirs]
    for action in new.actions:
        if len(kept.dates) and np.datetime64(action.session, "D") > kept.dates[-1]:
            old = old / action.split
    changed = ~np.isnan(now) & ~(np.abs(now / old - 1) <= ROUNDING)
    found = zip(days[changed].tolist(), old[changed].tolist(), now[changed].tolist(), strict=True)
    return tuple(Revision(kept.symbol, *one) for one in found)


def undone(bars: Bars, changes: Iterable[Revision]) -> Bars:
    """`bars` as they read before `changes`; the adjusted closes move along."""
    close, adjusted = bars.close.copy(), bars.adjusted.copy()
    for change in changes:
        row = int(np.searchsorted(bars.dates, np.datetime64(change.session, "D")))
        adjusted[row] *= change.old / change.new
        close[row] = change.old
    return replace(bars, close=close, adjusted=adjusted)
