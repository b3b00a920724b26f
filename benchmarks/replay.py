"""How long does `replay` take, as a person types it: 20 baskets, 30 years, the shipped rules, every message written?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.timing import Line, seconds

BASKETS = 20
SYMBOLS = 60
MEMBERS = 5
RUNS = 3


def run() -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        config, prices = Path(folder, "config"), Path(folder, "prices")
        write_prices(prices)
        shutil.copytree("config", config, ignore=shutil.ignore_patterns("demo"))
        write_baskets(config / "baskets.toml")
        rules = (config / "bot.toml").read_text(encoding="utf-8")
        for name, basket in (("equipment", "b0"), ("hyperscalers", "b1"), ("memory", "b2")):
            rules = rules.replace(f'"{name}"', f'"{basket}"')
        (config / "bot.toml").write_text(rules, encoding="utf-8")
        environ = dict(os.environ) | {"BOT_STORAGE__DATA_DIR": str(Path(folder, "data"))}
        command = [sys.executable, "-m", "bot", "replay", "--format", "jsonl"]
        command += ["--config", str(config), "--prices", str(prices)]

        def replay() -> None:
            nonlocal told
            done = subprocess.run(command, env=environ, capture_output=True, check=True)
            told = done.stdout.count(b"\n")

        told = 0
        replay()  # works out the calendar, once
        best = min(seconds(replay) for _ in range(RUNS))
        yield Line(f"replay of {BASKETS} baskets x 30 years from files, {told:,} alerts in two languages", best, "s", 3)
        check = [sys.executable, "-m", "bot", "check"]
        yield Line("check, processor time", min(_processor_seconds(check) for _ in range(RUNS)), "s", 0.5)


def _processor_seconds(command: list[str]) -> float:
    before = os.times()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def write_prices(folder: Path, symbols: int = SYMBOLS) -> None:
    """Made-up daily prices on New York's sessions as far as weekdays tell; holidays are refused and counted."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    days = np.busday_offset("1993-01-04", np.arange(7860), holidays=_holidays()).astype(str)
    common = rng.standard_t(4, len(days)) * 0.006
    for symbol in range(symbols):
        closes = 50 * np.exp(np.cumsum(common + rng.standard_t(4, len(days)) * 0.008 + 0.0003))
        rows = (
            f"{day},{close:.6g},{close * 1.01:.6g},{close * 0.985:.6g},{close:.6g},{close:.6g},1000\n"
            for day, close in zip(days.tolist(), closes.tolist(), strict=True)
        )
        text = "date,open,high,low,close,adj_close,volume\n" + "".join(rows)
        (folder / f"S{symbol}.csv").write_text(text, encoding="utf-8")


def _holidays() -> list[str]:
    """New York's weekdays without a session, read off the demo's prices."""
    lines = Path("config/demo/prices/GSPC.csv").read_text(encoding="utf-8").splitlines()[1:]
    sessions = {line.split(",")[0] for line in lines}
    weekdays = np.arange(np.datetime64("1993-01-04"), np.datetime64(max(sessions)))
    return [str(day) for day in weekdays if np.is_busday(day) and str(day) not in sessions]


def write_baskets(file: Path, count: int = BASKETS, symbols: int = SYMBOLS, members: int = MEMBERS) -> None:
    rng = np.random.default_rng(4)
    blocks = [
        f'[baskets.b{number}]\nname = {{ en = "Basket {number}" }}\nmembers = '
        f"{[f'S{member}' for member in rng.choice(symbols, members, replace=False)]}\n"
        for number in range(count)
    ]
    file.write_text("\n".join(blocks), encoding="utf-8")
