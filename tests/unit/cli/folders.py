"""A small configuration and its prices, as a person would have written them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.prices.calendars import Calendar
from tests.world import falling

FIRST, SESSIONS = "2021-01-04", 500
SYMBOLS = ("AA", "BB", "CC", "DD", "EE", "IX")
# By the place among the sessions after the first: all but the index fall by so much.
FALLS = {300: -0.06, 301: -0.05, 400: -0.08}
RULES = """\
[[rules]]
name = "fall"
baskets = ["*"]
[rules.levels]
notice = { worst_in = "3 months" }
severe = { record = true }

[[rules]]
name = "gap"
contrast = ["index", "duo"]
[rules.levels]
warning = { percentile = 99.0 }
"""
BASKETS = """\
[baskets.duo]
name = { en = "Duo", zh = "双子" }
members = ["AA", "BB"]

[baskets.five]
name = { en = "Five", zh = "五只" }
members = ["AA", "BB", "CC", "DD", "EE"]

[baskets.index]
name = { en = "Index", zh = "指数" }
members = ["^IX"]
prices = "split-adjusted"

[baskets.gone]
name = { en = "Gone", zh = "无" }
members = ["AA", "ZZ"]
"""
HEADER = "date,open,high,low,close,adj_close,volume"


def write_config(folder: Path) -> Path:
    folder.mkdir()
    (folder / "bot.toml").write_text(RULES)
    (folder / "baskets.toml").write_text(BASKETS)
    (folder / "events.toml").write_text("")
    return folder


def write_prices(folder: Path, calendar: Calendar) -> Path:
    """One file a symbol, one line a session, two thirds of them without an adjusted close at all."""
    folder.mkdir()
    begin = int(np.searchsorted(calendar.sessions, np.datetime64(FIRST)))
    days = calendar.sessions[begin : begin + SESSIONS].astype(str).tolist()
    for seed, symbol in enumerate(SYMBOLS):
        returns = np.array([0.0, *falling(SESSIONS - 1, FALLS if symbol != "IX" else {}, seed)])
        closes = (100 * np.cumprod(1 + returns)).tolist()
        adjusted = [round(close * 0.9, 4) if seed % 3 == 0 else "" for close in closes]
        rows = [
            f"{day},,,{close * 0.99:.4f},{close:.4f},{other},1000"
            for day, close, other in zip(days, closes, adjusted, strict=True)
        ]
        (folder / f"{symbol}.csv").write_text("\n".join([HEADER, *rows, ""]))
    return folder


def put(file: Path, line: int, column: str, cell: str) -> None:
    """Write into one cell."""
    lines = file.read_text().split("\n")
    row = lines[line - 1].split(",")
    row[lines[0].split(",").index(column)] = cell
    lines[line - 1] = ",".join(row)
    file.write_text("\n".join(lines))
