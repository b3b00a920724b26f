"""Are the figures of delivery reached? Prints a table; exit code 1 if one is missed. Arguments name single rows.

`--share 0.1` makes every trial a tenth as long, to see whether it runs at all.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
from collections.abc import Awaitable, Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks import storage
from tests.campaigns import crashes, drains, kills, restarts, takeovers
from tests.campaigns.figures import Figure, Told, none_of
from tests.campaigns.rig import SHORT_LEASE

Row = Callable[[float, Told, random.Random], Awaitable[list[Figure]]]
MISSED = 1
SAY = Console(highlight=False, soft_wrap=True).print


async def _storage(_share: float, told: Told, _chance: random.Random) -> list[Figure]:
    """The benchmark of the store, in the words of this table."""
    found = await asyncio.to_thread(lambda: list(storage.run()))
    told(1, 1)
    return [Figure(one.what, one.measured, one.unit, "", one.at_most, one.at_least) for one in found]


ROWS: dict[str, Row] = {
    "drain": lambda share, told, _: drains.drain(_part(10_000, share), told),
    "dead": lambda share, told, _: drains.dead(_part(10_000, share), told),
    "severe": lambda share, told, _: drains.severe(_part(20, share), 10_000, told),
    "kills": lambda share, told, chance: kills.kills(_part(1_000, share), told, chance),
    "stops": lambda share, told, chance: kills.stops(_part(200, share), told, chance),
    "unanswered": lambda _share, _told, _: kills.unanswered(),
    "takeover": lambda share, told, _: takeovers.takeovers(_part(2, share), told),
    "crashes": lambda _share, told, _: crashes.crashes(told),
    "restart": lambda _share, told, _: restarts.restart(told),
    "slow": lambda share, told, _: drains.slow(60 * share, told),
    "storage": _storage,
}
# What waits most of the time runs side by side; what is measured by the second has few beside it.
STAGES = (
    ("drain",),
    ("dead",),
    ("severe",),
    ("storage",),
    ("takeover", "crashes", "restart", "slow"),
    ("kills",),
    ("stops", "unanswered"),
)


def _part(whole: int, share: float) -> int:
    return max(1, round(whole * share))


async def _run(names: Sequence[str], share: float, seed: int) -> list[Figure]:
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    figures: list[Figure] = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        async def run(name: str) -> None:
            task = progress.add_task(name, total=None)
            try:
                found = await ROWS[name](share, _teller(progress, task), random.Random(seed))
            except TimeoutError:
                found = [none_of(f"{name}: broken off, something that had to come did not", 1)]
            progress.remove_task(task)
            figures.extend(found)
            for one in found:
                SAY(_line(one), markup=False)

        for stage in STAGES:
            await asyncio.gather(*(run(name) for name in stage if name in names))
    return figures


def _teller(progress: Progress, task: TaskID) -> Told:
    return lambda done, of: progress.update(task, completed=done, total=of)


def _line(one: Figure) -> str:
    missed = "" if one.kept else "   MISSED"
    return f"{one.what:<78} {one.value:>14}  {one.bound:<20} {one.of}{missed}".rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description="The figures of delivery.")
    parser.add_argument("rows", nargs="*", help=f"{', '.join(ROWS)} (default: all)")
    parser.add_argument("--share", type=float, default=1.0, help="of the whole length (default: 1)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    if unknown := [name for name in asked.rows if name not in ROWS]:
        parser.error(f"no row {', '.join(unknown)}. There are: {', '.join(ROWS)}.")
    SAY(f"seed {asked.seed}; kills and stops with a lease of {SHORT_LEASE['patience']} s in the place of 15 s")
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # a killed process leaves requests half written
    figures = asyncio.run(_run(asked.rows or list(ROWS), asked.share, asked.seed))
    missed = sum(not one.kept for one in figures)
    SAY(f"{missed} bounds missed" if missed else "every bound kept")
    return MISSED if missed else 0


if __name__ == "__main__":
    sys.exit(main())
