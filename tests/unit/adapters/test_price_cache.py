from __future__ import annotations

import io
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from bot.adapters.price_files import PriceCache
from bot.errors import NoData, SourceUnreachable
from bot.prices.bars import Bars, RawBars, Symbol, validate_rows

MU = Symbol("MU")
FIGURES = ("close", "adjusted", "high", "low")
NOW = datetime(2024, 3, 1, 21, tzinfo=UTC)


class Vendor:
    """A source whose rows grow and change; it remembers what it was asked."""

    def __init__(self, sessions: int) -> None:
        self.dates = np.arange("2024-01-01", "2024-12-31", dtype="M8[D]")[:sessions]
        self.close = 100 + np.sqrt(np.arange(sessions))
        self.adjusted = self.close * 0.9
        self.asked: list[str] = []
        self.fails: Exception | None = None

    def bars(self, symbol: Symbol) -> Bars:
        return self._answer("all", np.ones(len(self.dates), dtype=bool))

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        return self._answer(str(day), self.dates >= np.datetime64(day))

    def _answer(self, asked: str, rows: np.ndarray) -> Bars:
        self.asked.append(asked)
        if self.fails:
            raise self.fails
        close, adjusted = self.close[rows], self.adjusted[rows]
        return validate_rows(MU, "vendor", RawBars(self.dates[rows], close, adjusted, close + 1, close - 1), NOW)

    def add(self, close: float) -> None:
        self.dates = np.append(self.dates, self.dates[-1] + 1)
        self.close, self.adjusted = np.append(self.close, close), np.append(self.adjusted, close * 0.9)


def same(one: Bars, other: Bars) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name != "dates")
        for name in ("dates", *FIGURES)
    )


def test_the_first_time_all_is_fetched_and_kept_but_for_the_newest_row(tmp_path: Path) -> None:
    vendor = Vendor(30)
    cache = PriceCache(tmp_path / "prices", vendor)
    assert same(cache.bars(MU), vendor.bars(MU))
    kept = cache.cached(MU)
    assert kept is not None
    assert kept.dates.tolist() == vendor.dates[:-1].tolist()
    for name in FIGURES:
        np.testing.assert_array_equal(getattr(kept, name), getattr(vendor.bars(MU), name)[:-1])


def test_a_restart_asks_for_ten_kept_sessions_and_what_came_after(tmp_path: Path) -> None:
    vendor = Vendor(30)
    PriceCache(tmp_path, vendor).bars(MU)
    vendor.add(77.5)
    vendor.add(78.25)
    again = PriceCache(tmp_path, vendor).bars(MU)
    assert vendor.asked == ["all", str(vendor.dates[19])]
    assert same(again, vendor.bars(MU))
    assert (again.where, again.as_of) == ("vendor", NOW)


def test_the_price_of_an_open_session_is_never_kept(tmp_path: Path) -> None:
    vendor = Vendor(30)
    vendor.close[-1] = 55.0
    PriceCache(tmp_path, vendor).bars(MU)
    vendor.close[-1] = 66.0
    cache = PriceCache(tmp_path, vendor)
    assert cache.bars(MU).close[-1] == 66.0
    assert vendor.asked == ["all", str(vendor.dates[19])]
    vendor.add(67.0)
    cache.bars(MU)
    kept = cache.cached(MU)
    assert kept is not None
    assert kept.close[-1] == 66.0


def split(vendor: Vendor) -> None:
    vendor.close[:-1] /= 10
    vendor.adjusted[:-1] /= 10


def dividend(vendor: Vendor) -> None:
    vendor.adjusted[:-1] *= 0.9995


def revision(vendor: Vendor) -> None:
    vendor.close[25] += 0.01


@pytest.mark.parametrize("event", [split, dividend, revision])
def test_a_past_that_reads_otherwise_is_fetched_whole(tmp_path: Path, event: Callable[[Vendor], None]) -> None:
    vendor = Vendor(30)
    PriceCache(tmp_path, vendor).bars(MU)
    vendor.add(11.0)
    event(vendor)
    cache = PriceCache(tmp_path, vendor)
    assert same(cache.bars(MU), vendor.bars(MU))
    assert vendor.asked == ["all", str(vendor.dates[19]), "all", "all"]
    cache.bars(MU)
    assert vendor.asked[4:] == [str(vendor.dates[20])]


def test_a_past_that_is_adjusted_on_some_days_only_is_refused_until_it_is_whole(tmp_path: Path) -> None:
    vendor = Vendor(30)
    PriceCache(tmp_path, vendor).bars(MU)
    before = (tmp_path / "MU.npz").read_bytes()
    split(vendor)
    vendor.close[:7] *= 10
    vendor.adjusted[:7] *= 10
    for _ in range(2):
        with pytest.raises(SourceUnreachable, match=r"past of MU .* jumps on 2024-01-08 .* delete .*MU\.npz"):
            PriceCache(tmp_path, vendor).bars(MU)
        assert (tmp_path / "MU.npz").read_bytes() == before
    vendor.close[:7] /= 10
    vendor.adjusted[:7] /= 10
    assert same(PriceCache(tmp_path, vendor).bars(MU), vendor.bars(MU))


def test_a_past_that_was_torn_and_is_mended_is_taken(tmp_path: Path) -> None:
    vendor = Vendor(30)
    vendor.close[25] *= 100
    PriceCache(tmp_path, vendor).bars(MU)
    vendor.close[25] /= 100
    assert same(PriceCache(tmp_path, vendor).bars(MU), vendor.bars(MU))


def test_rounding_is_no_event(tmp_path: Path) -> None:
    vendor = Vendor(30)
    PriceCache(tmp_path, vendor).bars(MU)
    vendor.adjusted *= 1 + 4e-7
    PriceCache(tmp_path, vendor).bars(MU)
    assert len(vendor.asked) == 2


def test_after_a_pause_longer_than_the_vendor_remembers_all_is_fetched(tmp_path: Path) -> None:
    vendor = Vendor(30)
    PriceCache(tmp_path, vendor).bars(MU)
    vendor.dates = vendor.dates + 200
    assert same(PriceCache(tmp_path, vendor).bars(MU), vendor.bars(MU))
    assert vendor.asked[:3] == ["all", str(vendor.dates[19] - 200), "all"]


@pytest.mark.parametrize("lost", ["row", "price"])
def test_a_session_that_the_vendor_has_lost_stays(tmp_path: Path, lost: str) -> None:
    vendor = Vendor(30)
    whole = PriceCache(tmp_path, vendor).bars(MU)
    if lost == "row":
        for name in ("dates", "close", "adjusted"):
            setattr(vendor, name, np.delete(getattr(vendor, name), 25))
    else:
        vendor.close[25] = vendor.adjusted[25] = np.nan
    assert same(PriceCache(tmp_path, vendor).bars(MU), whole)


def test_a_newest_row_without_a_price_hides_nothing(tmp_path: Path) -> None:
    vendor = Vendor(30)
    PriceCache(tmp_path, vendor).bars(MU)
    vendor.add(np.nan)
    again = PriceCache(tmp_path, vendor).bars(MU)
    assert same(again, vendor.bars(MU))
    kept = PriceCache(tmp_path, vendor).cached(MU)
    assert kept is not None
    assert kept.dates[-1] == vendor.dates[-2]


def archive(**changes: object) -> bytes:
    """A file of the cache with 20 rows, of which some arrays are others (None = not there)."""
    prices = np.arange(1.0, 21.0)
    arrays: dict[str, object] = {"dates": np.datetime64("2024-01-01") + np.arange(20)}
    arrays |= dict.fromkeys(FIGURES, prices) | changes
    buffer = io.BytesIO()
    np.savez(buffer, **{name: values for name, values in arrays.items() if values is not None})
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe",
        b"date,close\n2024-01-02,10\n2024-01-03,11\n",
        b"\x93NUMPY\x01\x00",
        archive()[:700],
        archive(low=None),
        archive(low=np.arange(1.0, 20.0)),
        archive(close=np.array(["10"] * 20)),
        archive(close=np.array([10.0, "ten"] * 10, dtype=object)),
        archive(dates=np.arange(20.0)),
        archive(dates=np.full(20, np.datetime64("NaT", "D"))),
        archive(dates=np.full(20, np.datetime64("2024-01-02", "D"))),
        archive(close=-np.arange(1.0, 21.0)),
        archive(close=np.full(20, np.nan), adjusted=np.full(20, np.nan)),
        archive(**dict.fromkeys(("dates", *FIGURES), np.empty(0))),
    ],
)
def test_a_file_that_cannot_be_read_is_made_anew(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    vendor = Vendor(30)
    file = tmp_path / "MU.npz"
    whole = PriceCache(tmp_path, vendor).bars(MU)
    kept = PriceCache(tmp_path, vendor).cached(MU)
    file.write_bytes(content)
    cache = PriceCache(tmp_path, vendor)
    assert cache.cached(MU) is None
    assert f"{file} cannot be used" in caplog.text
    assert same(cache.bars(MU), whole)
    again = cache.cached(MU)
    assert kept is not None
    assert again is not None
    assert same(kept, again)


def test_the_archives_of_these_tests_are_read(tmp_path: Path) -> None:
    (tmp_path / "MU.npz").write_bytes(archive())
    assert PriceCache(tmp_path, Vendor(3)).cached(MU) is not None


def test_no_bit_that_flips_breaks_it_or_changes_a_price(tmp_path: Path) -> None:
    cache = PriceCache(tmp_path, Vendor(3))
    cache.bars(MU)
    whole = cache.cached(MU)
    assert whole is not None
    file = tmp_path / "MU.npz"
    good = file.read_bytes()
    for place in range(0, len(good), 5):
        file.write_bytes(good[:place] + bytes([good[place] ^ (1 << place % 8)]) + good[place + 1 :])
        kept = cache.cached(MU)
        assert kept is None or same(kept, whole)


def test_a_cache_of_an_earlier_version_is_left_and_fetched_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "MU.csv").write_text("date,high,low,close,adj_close\n2024-01-01,3,1,2,2\n2024-01-02,3,1,2,2\n")
    vendor = Vendor(30)
    cache = PriceCache(tmp_path, vendor)
    assert cache.cached(MU) is None
    assert "MU.csv: a cache of an earlier version" in caplog.text
    assert same(cache.bars(MU), vendor.bars(MU))
    caplog.clear()
    assert cache.cached(MU) is not None
    assert caplog.text == ""
    assert (tmp_path / "MU.csv").exists()


@pytest.mark.parametrize("error", [SourceUnreachable("down"), NoData("no such symbol")])
def test_when_the_vendor_fails_so_does_the_cache_and_what_it_kept_stays(tmp_path: Path, error: Exception) -> None:
    vendor = Vendor(30)
    cache = PriceCache(tmp_path, vendor)
    cache.bars(MU)
    vendor.fails = error
    with pytest.raises(type(error)):
        cache.bars(MU)
    kept = cache.cached(MU)
    assert kept is not None
    assert kept.dates.tolist() == vendor.dates[:-1].tolist()


def test_nothing_kept_is_nothing(tmp_path: Path) -> None:
    assert PriceCache(tmp_path / "no", Vendor(3)).cached(MU) is None


@pytest.mark.parametrize("sessions", [1, 2, 3])
def test_a_new_listing(tmp_path: Path, sessions: int) -> None:
    vendor = Vendor(sessions)
    assert same(PriceCache(tmp_path, vendor).bars(MU), vendor.bars(MU))
    vendor.add(70.0)
    assert same(PriceCache(tmp_path, vendor).bars(MU), vendor.bars(MU))


def test_a_file_is_written_only_when_it_changes(tmp_path: Path) -> None:
    vendor = Vendor(30)
    cache = PriceCache(tmp_path, vendor)
    cache.bars(MU)
    before = (tmp_path / "MU.npz").stat()
    vendor.close[-1] = 66.0
    cache.bars(MU)
    after = (tmp_path / "MU.npz").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_place_that_cannot_be_written_costs_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "prices").touch()
    vendor = Vendor(30)
    with caplog.at_level(logging.WARNING):
        assert same(PriceCache(tmp_path / "prices", vendor).bars(MU), vendor.bars(MU))
    assert "cannot be written" in caplog.text


def test_no_half_written_file_is_left(tmp_path: Path) -> None:
    PriceCache(tmp_path, Vendor(30)).bars(MU)
    assert [path.name for path in tmp_path.iterdir()] == ["MU.npz"]
