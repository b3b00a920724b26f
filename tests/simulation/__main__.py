"""Are the figures of time reached? Prints a table; exit code 1 if one is missed. Arguments name single rows.

`--seed` repeats a run; kills come at moments of the machine's own time, so that they fall elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.campaigns.figures import Figure, Told
from tests.simulation import faked, polls, sessions
from tests.simulation.life import calendars_at

NORTH = ("XNYS", "XKRX", "XAMS", "XTKS")
BOTH = ("XNYS", "XASX", "XLON")  # summer time begins and ends on other days in each
ROWS = {
    "sessions": lambda folder, told, chance: sessions.campaign(NORTH, (2016, 2026), folder, chance, told),
    "hemispheres": lambda folder, told, chance: sessions.campaign(BOTH, (2024, 2026), folder, chance, told),
    "polls": lambda folder, told, _: polls.year(folder, told),
    "faketime": lambda folder, told, _: faked.campaign(folder, told),
}
MISSED = 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="The figures of time.")
    parser.add_argument("rows", nargs="*", help=f"{', '.join(ROWS)} (default: all)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    if unknown := [name for name in asked.rows if name not in ROWS]:
        parser.error(f"no row {', '.join(unknown)}. There are: {', '.join(ROWS)}.")
    _say(f"seed {asked.seed}")
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        calendars_at(Path(folder), (*NORTH, *BOTH))
        for name in asked.rows or ROWS:
            for one in asyncio.run(ROWS[name](Path(folder), _teller(name), random.Random(asked.seed))):
                missed += not one.kept
                _say(_line(one))
    _say(f"{missed} bounds missed" if missed else "every bound kept")
    return MISSED if missed else 0


def _teller(name: str) -> Told:
    """How far a row is, where somebody looks on."""

    def told(done: int, of: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{name} {done:,} of {of:,} days ")

    return told


def _line(one: Figure) -> str:
    missed = "" if one.kept else "   MISSED"
    return f"{one.what:<82} {one.value:>10}  {one.bound:<16} {one.of}{missed}".rstrip()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
