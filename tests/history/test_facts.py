"""Facts of recorded history, worked out from the files by hand and asked of the program."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from bot.baskets import BasketId
from bot.statistics.market_stats import MarketStats
from bot.statistics.verdict import Verdict
from tests.history import real

needs_more = pytest.mark.skipif(not real.SHARED.is_dir(), reason="there are no more prices than the demo's")
ENERGY, STAPLES, SOX, MEMORY = (BasketId(name) for name in ("energy", "staples", "sox", "memory"))
COVID = date(2020, 3, 9)


@cache
def demo_board() -> MarketStats:
    return real.demo().opened().board


@cache
def shared_board() -> MarketStats:
    return real.shared().of("sox", "memory").opened().board


def verdict(board: MarketStats, basket: BasketId, session: date) -> Verdict:
    position = board.position(basket, session)
    assert position is not None
    found = board.of_basket(basket, 2).at(position)
    assert found is not None
    return found


def closes(path: Path, column: str) -> dict[str, float]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["date"]: float(row[column]) for row in csv.DictReader(file) if row[column]}


def returns(files: dict[str, str], column: str = "adj_close") -> dict[str, float]:
    """Mean daily returns by date; `files` holds each symbol's first date as a member."""
    member = {symbol: closes(real.DEMO / "prices" / f"{symbol}.csv", column) for symbol in files}
    days = sorted(set().union(*member.values()))
    daily = {}
    for before, day in pairwise(days):
        own = [
            one[day] / one[before] - 1
            for symbol, one in member.items()
            if before in one and day in one and day >= files[symbol]
        ]
        daily[day] = sum(own) / len(own)
    return daily


def two_sessions(daily: dict[str, float]) -> dict[str, float]:
    return {day: (1 + daily[before]) * (1 + daily[day]) - 1 for before, day in pairwise(daily)}


def by_hand(moves: dict[str, float], day: str) -> tuple[int, int, str | None]:
    """Rank, sample, and the latest earlier day as bad."""
    earlier = {one: move for one, move in moves.items() if one < day}
    as_bad = [one for one, move in earlier.items() if move <= moves[day]]
    return 1 + sum(move < moves[day] for move in earlier.values()), len(earlier) + 1, max(as_bad, default=None)


ENERGY_FILES = {"XOM": "", "CVX": "", "RRC": "1997-01-02"}
STAPLES_FILES = {"KO": "", "PEP": "", "PG": "", "WMT": ""}


@pytest.mark.parametrize(
    ("basket", "files", "percent", "rank", "since"),
    [
        (ENERGY, ENERGY_FILES, -13.55, 3, "2008-11-20"),
        (STAPLES, STAPLES_FILES, -4.49, 53, "2020-02-28"),
    ],
)
def test_9_march_2020(basket: BasketId, files: dict[str, str], percent: float, rank: int, since: str) -> None:
    moves = two_sessions(returns(files))
    found = verdict(demo_board(), basket, COVID)
    assert by_hand(moves, "2020-03-09") == (rank, 7603, since)
    assert (found.rank, found.sample, str(found.worst_since)) == (rank, 7603, since)
    assert found.move == pytest.approx(moves["2020-03-09"], abs=1e-12)
    assert round(100 * found.move, 2) == percent
    assert found.percentile == pytest.approx(100 * rank / 7603, abs=1e-12)
    assert found.since == date(1990, 1, 3)


def test_the_gap_of_9_march_2020() -> None:
    one, other = two_sessions(returns(ENERGY_FILES)), two_sessions(returns(STAPLES_FILES))
    gaps = {day: one[day] - other[day] for day in one}
    behind = demo_board().spread_at(ENERGY, STAPLES, 2, COVID)
    ahead = demo_board().spread_at(STAPLES, ENERGY, 2, COVID)
    assert behind is not None
    assert ahead is not None
    assert (
        (behind.rank, behind.sample, str(behind.worst_since)) == by_hand(gaps, "2020-03-09") == (12, 7603, "2008-11-20")
    )
    assert behind.move == -ahead.move == pytest.approx(gaps["2020-03-09"], abs=1e-12)
    assert round(100 * behind.move, 2) == -9.06
    # Since then energy was ahead by more than it fell behind now: "widest gap" says nothing without a direction.
    wider = {day for day, gap in gaps.items() if "2008-11-20" < day < "2020-03-09" and gap > -gaps["2020-03-09"]}
    assert wider == {"2008-11-24", "2019-09-16", "2019-11-04"}


def test_the_sp500_of_march_2020() -> None:
    index = closes(real.DEMO / "prices" / "GSPC.csv", "close")
    found = verdict(demo_board(), BasketId("sp500"), date(2020, 3, 23))
    peak = max((day for day in index if day <= "2020-03-23"), key=lambda day: index[day])
    assert str(found.peak_session) == peak == "2020-02-19"
    assert found.drawdown == pytest.approx(index["2020-03-23"] / index[peak] - 1, abs=1e-12)
    assert round(100 * found.drawdown, 1) == -33.9
    assert found.state.word == "bear"


@needs_more
def test_the_five_worst_falls_of_the_semiconductor_index() -> None:
    columns = shared_board().of_basket(SOX, 2)
    moves = {
        day: move for day, move in zip(columns.sessions.tolist(), columns.move.tolist(), strict=True) if move < -0.10
    }
    sessions = columns.sessions.tolist()
    worst: list[date] = []
    for day in sorted(moves, key=lambda one: moves[one]):
        if all(abs(sessions.index(day) - sessions.index(one)) >= 2 for one in worst):
            worst.append(day)
    assert [(str(day), round(100 * moves[day], 2)) for day in worst[:5]] == [
        ("2025-04-04", -16.74),
        ("2020-03-12", -15.96),
        ("2000-10-17", -14.54),
        ("2001-09-18", -14.53),
        ("1997-10-27", -14.48),
    ]


@needs_more
def test_4_april_2025_was_a_record_for_the_index_and_not_for_memory() -> None:
    day = date(2025, 4, 4)
    sox, memory = verdict(shared_board(), SOX, day), verdict(shared_board(), MEMORY, day)
    assert (sox.record, sox.rank, sox.worst_since, sox.worst_in_years) == (True, 1, None, None)
    assert not memory.record
    assert memory.worst_since is not None
    index = closes(real.SHARED / "SOX.csv", "close")
    before, between, last = (index[one] for one in ("2025-04-02", "2025-04-03", "2025-04-04"))
    assert sox.move == pytest.approx(last / before - 1, abs=1e-12)
    assert sox.daily_return == pytest.approx(last / between - 1, abs=1e-12)
