"""Which rows do we have already, and which must be fetched?"""

from __future__ import annotations

import contextlib
import logging
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from bot.adapters.price_files.folder import CsvFolder
from bot.errors import NoData, SourceUnreachable
from bot.prices.bars import Bars, Floats, IncrementalSource, Symbol

OVERLAP = 10  # sessions asked for once more, to see whether the past still reads the same
ROUNDING = 1e-6  # relative; a dividend of a hundredth of a per cent is more
TORN = 0.15  # of the logarithm: no correction of a close is so large, and no split so small
NUMBERS = ("high", "low", "close", "adjusted")

log = logging.getLogger(__name__)


class PriceCache:
    """A source that keeps what another one gave, as a price folder, and asks only for what is new.

    The files can be deleted at any time: they are fetched anew, as is one that cannot be read. The newest row is
    never kept, for its session may not be over; so what stands in a file is final.
    """

    def __init__(self, folder: Path, upstream: IncrementalSource) -> None:
        self._folder = folder
        self._kept = CsvFolder(folder)
        self._upstream = upstream

    def bars(self, symbol: Symbol) -> Bars:
        """The whole history with the newest rows of the upstream source.

        A row that no longer reads as before means that a split or a dividend has changed the whole past: then all
        of it is fetched, and refused if it is torn, as by a split on some days only.
        Raises what the upstream source raises; the file stays as it was.
        """
        kept = self.cached(symbol)
        if kept is None:
            return self.anew(symbol)
        new = self._upstream.bars_since(symbol, kept.dates[-OVERLAP:][0].item())
        whole = _joined(kept, new) if _agree(kept, new) else self._untorn(kept)
        if not _same(kept, whole):
            self._keep(whole)
        return whole

    def anew(self, symbol: Symbol) -> Bars:
        """The same, all of it fetched whatever is kept."""
        whole = self._upstream.bars(symbol)
        self._keep(whole)
        return whole

    def _untorn(self, kept: Bars) -> Bars:
        """All of the upstream source's history; SourceUnreachable where it has jumps that `kept` has not."""
        whole = self._upstream.bars(kept.symbol)
        _, ours, theirs = np.intersect1d(kept.dates, whole.dates, assume_unique=True, return_indices=True)
        before, now = (np.abs(np.diff(np.log(one))) for one in (kept.close[ours], whole.close[theirs]))
        if len(torn := np.flatnonzero(now > before + TORN)):
            day, file = whole.dates[theirs[torn[0] + 1]], self._folder / f"{kept.symbol}.csv"
            raise SourceUnreachable(
                f"The past of {kept.symbol} reads otherwise than it did, and jumps on {day} as if a split counted on"
                f" some days only; what is known stays. Ask again later; if the jump is right, delete {file}."
            )
        return whole

    def cached(self, symbol: Symbol) -> Bars | None:
        """What is on the disk, final rows only; None if there is nothing, or nothing readable."""
        try:
            kept = self._kept.bars(symbol)
        except NoData:
            return None
        return None if kept.refused else kept

    def _keep(self, bars: Bars) -> None:
        """Write all rows but the newest, whole or not at all. Where that fails, the next start takes longer."""
        if len(bars.dates) < 2:
            return
        target = self._folder / f"{bars.symbol}.csv"
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(_text(bars), encoding="utf-8", newline="\n")
            part.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            log.warning("%s cannot be written (%s); the whole history is fetched at each start", target, error)


def _text(bars: Bars) -> str:
    columns = (getattr(bars, name)[:-1].tolist() for name in NUMBERS)
    rows = zip(bars.dates[:-1].astype(str), *columns, strict=True)
    lines = (",".join([day, *("" if math.isnan(price) else repr(price) for price in prices)]) for day, *prices in rows)
    return "\n".join(["date,high,low,close,adj_close", *lines, ""])


def _agree(kept: Bars, new: Bars) -> bool:
    """Whether the closes that both have are the same, up to rounding. Without any in common, nobody knows."""
    _, ours, theirs = np.intersect1d(kept.dates, new.dates, assume_unique=True, return_indices=True)
    pairs = ((kept.close[ours], new.close[theirs]), (kept.adjusted[ours], new.adjusted[theirs]))
    changes = np.concatenate([np.abs(now / then - 1) for then, now in pairs])
    known = changes[~np.isnan(changes)]
    return len(known) > 0 and bool((known <= ROUNDING).all())


def _joined(kept: Bars, new: Bars) -> Bars:
    """`new` with the rows of `kept` that it does not have, or has without a price."""
    priced = ~(np.isnan(new.close) & np.isnan(new.adjusted)) | ~np.isin(new.dates, kept.dates)
    older = ~np.isin(kept.dates, new.dates[priced])
    dates = np.concatenate([kept.dates[older], new.dates[priced]])
    order = np.argsort(dates)

    def both(name: str) -> Floats:
        joined: Floats = np.concatenate([getattr(kept, name)[older], getattr(new, name)[priced]])[order]
        return joined

    close, adjusted, high, low = map(both, ("close", "adjusted", "high", "low"))
    # Volumes are not kept: those of the sessions read again are enough to tell a heavy day.
    volume = None
    if new.volume is not None:
        volume = np.concatenate([np.full(older.sum(), np.nan), new.volume[priced]])[order]
    return replace(new, dates=dates[order], close=close, adjusted=adjusted, high=high, low=low, volume=volume)


def _same(kept: Bars, whole: Bars) -> bool:
    """Whether the file holds `whole` but for its newest row."""
    return np.array_equal(kept.dates, whole.dates[:-1]) and all(
        np.array_equal(getattr(kept, name), getattr(whole, name)[:-1], equal_nan=True) for name in NUMBERS
    )
