"""How much memory does `run` take with the shipped baskets, 30 years of history, and the real yfinance?

All baskets fall on the last day, so that there are alerts and their charts: those are drawn in a process beside it.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from benchmarks.timing import Line
from bot.settings import load_settings
from tests.fake_yahoo import Day, Listing, fake_yahoo

BOUND_MB = 220
YEARS = 30
LAST = date(2026, 11, 20)
THEN = "2026-11-20T21:25:00+00:00"  # when it is final in New York


def run() -> Iterator[Line]:
    """Serve made-up histories, run the worker until it has judged, and ask the kernel about it."""
    symbols = dict.fromkeys(
        symbol for basket in load_settings(Path("config"), {}).baskets() for symbol in basket.symbols
    )
    with fake_yahoo() as (yahoo, _), tempfile.TemporaryDirectory() as folder:
        for seed, symbol in enumerate(symbols):
            yahoo.listings[symbol] = _listing(seed)
        environ = dict(os.environ) | {
            "BOT_STORAGE__DATA_DIR": folder,
            "BOT_TELEGRAM__TOKEN": "1:none",
            "BOT_TELEGRAM__BASE_URL": "http://127.0.0.1:9/bot",
        }
        command = [sys.executable, "-m", "benchmarks.memory_worker", str(yahoo.port), THEN]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as worker:
            assert worker.stderr is not None
            while "look complete" not in (line := worker.stderr.readline()):
                assert line, "the worker ended before it had judged anything"
            peak, beside = _peak(worker.pid), [_peak(one) for one in _children(worker.pid)]
            with sqlite3.connect(f"{folder}/bot.sqlite3") as database:
                ((drawn,),) = database.execute("SELECT count(*) FROM pictures").fetchall()
            worker.send_signal(signal.SIGTERM)
    what = f"run with {len(symbols)} symbols x {YEARS} years"
    yield Line(f"{what}, after {drawn} charts, resident at most", peak, "MB", BOUND_MB)
    yield Line("the process that draws, which ends after three idle minutes", max(beside), "MB")


def _peak(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(one) for task in tasks for one in (task / "children").read_text(encoding="utf-8").split()]


def _listing(seed: int) -> Listing:
    rng = np.random.default_rng(seed)
    days = [LAST - timedelta(days=back) for back in range(int(YEARS * 365.25), -1, -1)]
    days = [day for day in days if day.weekday() < 5]
    moves = rng.normal(0.0002, 0.015, len(days))
    moves[-1] = -0.12
    closes = 50 * np.exp(np.cumsum(moves))
    return Listing(
        [
            Day(day, round(float(close), 6), None, float(close) * 1.01, float(close) * 0.99)
            for day, close in zip(days, closes, strict=True)
        ]
    )
