"""How much memory does `run` take with the shipped baskets, 30 years of history, and the real yfinance?"""

from __future__ import annotations

import os
import signal
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
        command = [sys.executable, "-m", "benchmarks.memory_worker", str(yahoo.port)]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as worker:
            assert worker.stderr is not None
            while "look complete" not in (line := worker.stderr.readline()):
                assert line, "the worker ended before it had judged anything"
            status = Path(f"/proc/{worker.pid}/status").read_text(encoding="utf-8")
            worker.send_signal(signal.SIGTERM)
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    yield Line(f"run with {len(symbols)} symbols x {YEARS} years, resident at most", peak, "MB", BOUND_MB)


def _listing(seed: int) -> Listing:
    rng = np.random.default_rng(seed)
    days = [LAST - timedelta(days=back) for back in range(int(YEARS * 365.25), -1, -1)]
    days = [day for day in days if day.weekday() < 5]
    closes = 50 * np.exp(np.cumsum(rng.normal(0.0002, 0.015, len(days))))
    return Listing(
        [
            Day(day, round(float(close), 6), None, float(close) * 1.01, float(close) * 0.99)
            for day, close in zip(days, closes, strict=True)
        ]
    )
