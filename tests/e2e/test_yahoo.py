from __future__ import annotations

import asyncio
import gzip
import json
import os
import resource
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest
import time_machine

from bot.adapters.price_files import PriceCache
from bot.adapters.yahoo.source import CircuitBreaker, YahooPrices
from bot.clock import SystemClock
from bot.errors import NoData, SourceUnreachable
from bot.prices.bars import CorporateAction, Symbol
from bot.prices.calendars import Calendar
from bot.prices.quality import Suspicion
from bot.prices.quality_filter import QualityFilter
from tests import fake_yahoo
from tests.fake_yahoo import Answer, Day, FakeYahoo, Listing, LocalSession
from tests.virtual import VirtualClock

MU = Symbol("MU")
PATIENT = 20.0  # seconds: no test waits for it
RECORDED = Path(os.environ.get("REAL_DATA", "absent")) / "wire"


@pytest.fixture
def net() -> Iterator[tuple[FakeYahoo, LocalSession]]:
    with fake_yahoo.fake_yahoo() as both:
        yield both


@pytest.fixture
def server(net: tuple[FakeYahoo, LocalSession]) -> FakeYahoo:
    server, _ = net
    server.listings["MU"] = listing(30)
    return server


@pytest.fixture
def yahoo(net: tuple[FakeYahoo, LocalSession], tmp_path: Path) -> Iterator[YahooPrices]:
    yahoo = YahooPrices(tmp_path / "yahoo", PATIENT, net[1])
    yield yahoo
    yahoo.close()


def listing(sessions: int) -> Listing:
    first = date(2025, 11, 3)
    weekdays = [day for n in range(2 * sessions) if (day := first + timedelta(days=n)).weekday() < 5][:sessions]
    return Listing([Day(day, 100.0 + n, 90.0 + n, 101.0 + n, 99.0 + n) for n, day in enumerate(weekdays)])


# What is asked, and what comes of it


def test_the_whole_history_is_one_request_after_cookie_and_crumb(server: FakeYahoo, yahoo: YahooPrices) -> None:
    bars = yahoo.bars(MU)
    assert [asked.what for asked in server.asked] == ["cookie", "crumb", "chart"]
    assert int(server.charts("MU")[0]["period1"]) < 0
    days = server.listings["MU"].days
    assert bars.dates.tolist() == [day.date for day in days]
    for name in ("close", "adjusted", "high", "low"):
        assert getattr(bars, name).tolist() == [getattr(day, name) for day in days]
    assert (bars.where, bars.as_of) == ("Yahoo", server.listings["MU"].newest)
    yahoo.bars(MU)
    assert len(server.asked) == 4


def test_the_newest_rows_alone(server: FakeYahoo, yahoo: YahooPrices) -> None:
    day = server.listings["MU"].days[-3].date
    assert yahoo.bars_since(MU, day).dates.tolist() == [one.date for one in server.listings["MU"].days[-3:]]
    begin = datetime.fromtimestamp(int(server.charts("MU")[0]["period1"]), UTC)
    assert timedelta(0) < datetime.combine(day, time(14, 30), UTC) - begin < timedelta(days=3)


@pytest.mark.parametrize(
    ("zone", "opens"), [("Asia/Seoul", time(9)), ("Pacific/Auckland", time(10)), ("America/Los_Angeles", time(6, 30))]
)
def test_a_row_bears_the_date_of_its_exchange(server: FakeYahoo, yahoo: YahooPrices, zone: str, opens: time) -> None:
    mine = server.listings["MU"]
    mine.zone, mine.opens = zone, opens
    assert yahoo.bars(MU).dates.tolist() == [day.date for day in mine.days]
    assert yahoo.bars_since(MU, mine.days[-2].date).dates.tolist() == [day.date for day in mine.days[-2:]]


def test_the_row_of_an_open_session_holds_the_latest_price_and_its_time(server: FakeYahoo, yahoo: YahooPrices) -> None:
    mine = server.listings["MU"]
    mine.asked = datetime(2025, 12, 12, 16, 45, 30, tzinfo=UTC)
    mine.days[-1].close = 88.5
    bars = yahoo.bars(MU)
    assert (bars.close[-1], bars.as_of) == (88.5, mine.asked)


def test_a_live_row_beside_that_of_its_day_counts_once(server: FakeYahoo, yahoo: YahooPrices) -> None:
    days = server.listings["MU"].days
    days.append(Day(days[-1].date, 77.0, 77.0))
    bars = yahoo.bars(MU)
    assert len(bars.dates) == 30
    assert bars.close[-1] == 77.0


def test_a_newest_row_without_prices_is_missing_not_filled(server: FakeYahoo, yahoo: YahooPrices) -> None:
    days = server.listings["MU"].days
    days[-1] = Day(days[-1].date, None)
    assert np.isnan(yahoo.bars(MU).close[-1])
    assert yahoo.bars(MU).close[-2] == days[-2].close


def test_splits_and_volumes_come_along(server: FakeYahoo, yahoo: YahooPrices) -> None:
    mine = server.listings["MU"]
    mine.splits = {mine.days[-3].date: 10.0, mine.days[2].date: 0.1}
    mine.days[-1].volume = 7_000
    bars = yahoo.bars(MU)
    assert bars.actions == (CorporateAction(mine.days[2].date, 0.1), CorporateAction(mine.days[-3].date, 10.0))
    assert bars.volume is not None
    assert bars.volume.tolist() == [1_000.0] * 29 + [7_000.0]
    assert yahoo.bars_since(MU, mine.days[-4].date).actions == (CorporateAction(mine.days[-3].date, 10.0),)


def test_a_payment_of_a_quarter_is_no_fall(
    server: FakeYahoo, yahoo: YahooPrices, tmp_path: Path, new_york: Calendar
) -> None:
    mine = server.listings["MU"]
    before, last = mine.days[-2:]
    assert before.close is not None
    mine.days[-2] = replace(before, adjusted=before.close)
    mine.days[-1] = Day(last.date, 96.0, 96.0, 97.0, 95.0)
    mine.pay(0.25)
    mine.dividends = {last.date: 0.25 * before.close}
    bars = {MU: PriceCache(tmp_path, yahoo).bars(MU)}
    assert bars[MU].actions == (CorporateAction(last.date, dividend=0.25 * before.close),)
    look = QualityFilter().filter(
        bars, [[MU]], type("Real", (), {"get": staticmethod(lambda code: new_york)})(), mine.newest
    )
    assert look.suspects == ()
    assert look.included[MU].adjusted[-2:].tolist() == [0.75 * before.close, 96.0]


def test_a_rally_is_not_taken_for_splits(server: FakeYahoo, yahoo: YahooPrices) -> None:
    """Closes of GameStop in January 2021; its yfinance would "repair" them if it were let."""
    closes = [39.12, 43.03, 65.01, 76.79, 147.98, 347.51, 193.60, 325.00, 225.00, 90.00]
    mine = server.listings["MU"]
    for day, close in zip(mine.days[-10:], closes, strict=True):
        day.close = day.adjusted = close
        day.high, day.low = 1.3 * close, 0.8 * close
    bars = yahoo.bars(MU)
    assert bars.close[-10:].tolist() == closes
    assert bars.actions == ()


def test_rows_in_disorder_come_out_in_order(server: FakeYahoo, yahoo: YahooPrices) -> None:
    mine = server.listings["MU"]
    right = yahoo.bars(MU)
    mine.days[3:6] = [mine.days[5], mine.days[3], mine.days[4], replace(mine.days[4])]
    mixed = yahoo.bars(MU)
    assert mixed.dates.tolist() == right.dates.tolist()
    assert mixed.close.tolist() == right.close.tolist()


@pytest.mark.parametrize("zone", ["", "Nowhere/Land", None])
def test_without_a_zone_there_is_no_wrong_date(server: FakeYahoo, yahoo: YahooPrices, zone: str | None) -> None:
    server.answers["MU"] = Answer(body=zoned(server.listings["MU"], zone))
    try:
        dates = yahoo.bars(MU).dates.tolist()
    except SourceUnreachable:
        return
    assert dates == [day.date for day in server.listings["MU"].days]


def zoned(mine: Listing, zone: str | None) -> bytes:
    told = mine.chart("MU", 0, 1e12)
    told["chart"]["result"][0]["meta"]["exchangeTimezoneName"] = zone
    return json.dumps(told).encode()


def test_the_currency_comes_along(server: FakeYahoo, yahoo: YahooPrices, tmp_path: Path) -> None:
    server.listings["MU"].currency = "GBp"
    cache = PriceCache(tmp_path, yahoo)
    assert [cache.bars(MU).currency for _ in range(2)] == ["GBp", "GBp"]


def test_an_index_is_read_by_its_close(server: FakeYahoo, yahoo: YahooPrices) -> None:
    server.listings["^SOX"] = listing(3)
    server.listings["^SOX"].kind = "INDEX"
    bars = yahoo.bars(Symbol("^SOX"))
    assert bars.adjusted.tolist() == bars.close.tolist() == [100.0, 101.0, 102.0]


# The cache: what a restart asks for


def test_a_restart_asks_only_for_what_is_new(server: FakeYahoo, yahoo: YahooPrices, tmp_path: Path) -> None:
    PriceCache(tmp_path, yahoo).bars(MU)
    kept = server.listings["MU"].days[:-1]
    server.listings["MU"] = listing(32)
    bars = PriceCache(tmp_path, yahoo).bars(MU)
    assert bars.close.tolist() == [day.close for day in server.listings["MU"].days]
    first, second = server.charts("MU")
    begin = datetime.fromtimestamp(int(second["period1"]), UTC).date()
    assert int(first["period1"]) < 0
    assert kept[-10].date - timedelta(days=2) <= begin < kept[-10].date


def test_a_split_is_seen_in_the_rows_asked_again_and_all_is_fetched(
    server: FakeYahoo, yahoo: YahooPrices, tmp_path: Path
) -> None:
    PriceCache(tmp_path, yahoo).bars(MU)
    server.listings["MU"] = listing(31)
    server.listings["MU"].split(10)
    bars = PriceCache(tmp_path, yahoo).bars(MU)
    assert bars.close.tolist() == [day.close for day in server.listings["MU"].days]
    assert [int(query["period1"]) < 0 for query in server.charts("MU")] == [True, False, True]


def test_a_split_that_is_told_and_not_applied_is_taken_out_by_the_gate(
    server: FakeYahoo, yahoo: YahooPrices, tmp_path: Path, new_york: Calendar
) -> None:
    calendars = type("Real", (), {"get": staticmethod(lambda code: new_york)})()
    mine = server.listings["MU"]
    mine.days[-1] = Day(mine.days[-1].date, 12.9, 11.9, 13.0, 12.8)
    now = mine.newest + timedelta(minutes=20)
    bars = {MU: PriceCache(tmp_path, yahoo).bars(MU)}
    (doubt,) = QualityFilter().filter(bars, [[MU]], calendars, now).suspects
    assert (doubt.session, doubt.kind) == (mine.days[-1].date, Suspicion.SPLIT)
    mine.splits = {mine.days[-1].date: 10.0}
    bars = {MU: PriceCache(tmp_path, yahoo).bars(MU)}
    look = QualityFilter().filter(bars, [[MU]], calendars, now)
    assert look.suspects == ()
    assert look.included[MU].close[-2:].tolist() == pytest.approx([12.8, 12.9])


@pytest.mark.parametrize("symbols", [10, 50])
def test_a_poll_is_one_request_a_symbol(server: FakeYahoo, yahoo: YahooPrices, tmp_path: Path, symbols: int) -> None:
    names = [Symbol(f"S{number}") for number in range(symbols)]
    server.listings |= {name: listing(30) for name in names}
    cache = PriceCache(tmp_path, CircuitBreaker(yahoo, SystemClock()))
    for cookie_and_crumb in (2, 0, 0):
        server.asked.clear()
        for name in names:
            cache.bars(name)
        assert len(server.asked) == symbols + cookie_and_crumb


def test_so_is_a_dividend(server: FakeYahoo, yahoo: YahooPrices, tmp_path: Path) -> None:
    PriceCache(tmp_path, yahoo).bars(MU)
    server.listings["MU"] = listing(31)
    server.listings["MU"].pay(0.004)
    bars = PriceCache(tmp_path, yahoo).bars(MU)
    assert bars.adjusted.tolist() == [day.adjusted for day in server.listings["MU"].days]
    assert len(server.charts("MU")) == 3


# Failures


@pytest.mark.parametrize(
    "answer",
    [
        fake_yahoo.FLOOD, fake_yahoo.BROKEN, fake_yahoo.OUTAGE, fake_yahoo.EMPTY, fake_yahoo.NO_ROWS,
        fake_yahoo.GARBAGE, fake_yahoo.DROP, Answer(200, b""), Answer(200, b"null"), Answer(200, b"[]"),
        Answer(200, b'{"chart":null}'), Answer(200, b'{"chart":{"result":[{}],"error":null}}'),
        Answer(200, b"\xff\xfe\x00"), Answer(200, b"x" * 25_000_000), Answer(404, b"<html>Not Found</html>"),
        Answer(503, b""), Answer(403, b"{}"), fake_yahoo.refusal(401, "Unauthorized", "Invalid Crumb"),
        fake_yahoo.refusal(422, "Unprocessable Entity", "1d data not available for the range"),
        fake_yahoo.refusal(500, "Internal Server Error", "possibly delisted"),
    ],
    ids=lambda answer: f"{answer.then} {answer.status} {answer.body[:40]!r}",
)  # fmt: skip
def test_every_failure_says_unreachable_never_delisted_and_passes(
    server: FakeYahoo, yahoo: YahooPrices, answer: Answer
) -> None:
    server.answers["MU"] = answer
    with pytest.raises(SourceUnreachable, match="MU") as caught:
        yahoo.bars(MU)
    assert "possibly delisted;" not in str(caught.value)
    del server.answers["MU"]
    assert len(yahoo.bars(MU).dates) == 30


def zeros(megabytes: int) -> bytes:
    return gzip.compress(bytes(megabytes * 1_000_000), 1)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=zeros(200), packed="gzip"),
        Answer(body=b"0" * 1_000_000, then="flood"),
        Answer(body=b"{", then="trickle"),
    ],
    ids=["200 MB in a small parcel", "without an end", "a byte at a time"],
)
def test_an_answer_is_as_large_and_as_slow_as_allowed(
    net: tuple[FakeYahoo, LocalSession], server: FakeYahoo, tmp_path: Path, answer: Answer
) -> None:
    yahoo = YahooPrices(tmp_path / "yahoo", PATIENT if answer.then != "trickle" else 1.5, net[1])
    yahoo.bars(MU)
    server.answers["MU"] = answer
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SourceUnreachable, match="MU"):
        yahoo.bars(MU)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    yahoo.close()


def test_a_storm_of_refusals_delists_nobody_and_keeps_what_is_known(
    server: FakeYahoo, yahoo: YahooPrices, tmp_path: Path
) -> None:
    names = [Symbol(f"S{number}") for number in range(20)]
    server.listings |= {name: listing(30) for name in names}
    clock = VirtualClock()
    cache = PriceCache(tmp_path, CircuitBreaker(yahoo, clock, chance=lambda: 0.0))
    for name in names:
        cache.bars(name)
    server.answers |= dict.fromkeys(names, fake_yahoo.FLOOD)
    asked = []
    for minutes in (0, 4, 5, 9, 10):  # it is asked anew each five minutes
        clock.seconds = 60.0 * minutes
        server.asked.clear()
        for name in names:
            with pytest.raises(SourceUnreachable):
                cache.bars(name)
            known = cache.cached(name)
            assert known is not None
            assert len(known.dates) == 29
        asked.append(len({one.symbol for one in server.asked if one.what == "chart"}))
    assert asked == [5, 0, 1, 0, 1]
    server.answers.clear()
    clock.seconds += 300
    assert [len(cache.bars(name).dates) for name in names] == [30] * 20


def test_too_many_requests_is_said_so(server: FakeYahoo, yahoo: YahooPrices) -> None:
    server.answers["MU"] = fake_yahoo.FLOOD
    with pytest.raises(SourceUnreachable, match="too many requests"):
        yahoo.bars(MU)


def test_only_yahoos_own_word_makes_a_symbol_unknown(server: FakeYahoo, yahoo: YahooPrices) -> None:
    with pytest.raises(NoData, match="no symbol NOPE"):
        yahoo.bars(Symbol("NOPE"))
    assert {asked.symbol for asked in server.asked if asked.what == "chart"} == {"NOPE"}


def test_rows_that_hold_no_price_are_a_failure_of_yahoo(server: FakeYahoo, yahoo: YahooPrices) -> None:
    server.listings["MU"].days = [Day(date(2025, 11, 3), None), Day(date(2025, 11, 4), 0.0)]
    with pytest.raises(SourceUnreachable, match="no price of MU"):
        yahoo.bars(MU)


def test_prices_that_are_none_are_refused_and_the_others_stay(server: FakeYahoo, yahoo: YahooPrices) -> None:
    server.listings["MU"].days[3].low = 0.0
    bars = yahoo.bars(MU)
    assert np.flatnonzero(np.isnan(bars.low)).tolist() == [3]
    assert [str(one) for one in bars.refused] == ["Yahoo 2025-11-06: low 0.0 is no price; it is left out"]


@pytest.mark.parametrize("what", ["cookie", "crumb"])
@pytest.mark.parametrize("answer", [fake_yahoo.DROP, fake_yahoo.BROKEN, fake_yahoo.FLOOD])
def test_prices_come_without_cookie_or_crumb(server: FakeYahoo, yahoo: YahooPrices, what: str, answer: Answer) -> None:
    server.answers[what] = answer
    assert len(yahoo.bars(MU).dates) == 30


def test_a_failure_is_not_remembered_where_yfinance_cannot_write(
    net: tuple[FakeYahoo, LocalSession], server: FakeYahoo, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    yahoo = YahooPrices(tmp_path / "file" / "yahoo", PATIENT, net[1])
    server.answers["MU"] = fake_yahoo.BROKEN
    for _ in range(2):
        with pytest.raises(SourceUnreachable):
            yahoo.bars(MU)
    del server.answers["MU"]
    assert len(yahoo.bars(MU).dates) == 30
    yahoo.close()


# A server that does not answer


def test_the_deadline_holds_and_the_next_download_has_a_new_worker(
    net: tuple[FakeYahoo, LocalSession], server: FakeYahoo, tmp_path: Path
) -> None:
    yahoo = YahooPrices(tmp_path / "yahoo", 0.3, net[1])
    server.answers |= dict.fromkeys(("cookie", "crumb", "MU"), fake_yahoo.HANG)
    with pytest.raises(SourceUnreachable, match="MU"):
        yahoo.bars(MU)
    server.over.set()
    yahoo.close()
    patient = YahooPrices(tmp_path / "yahoo", PATIENT, LocalSession(server.port))
    server.answers.clear()
    assert len(patient.bars(MU).dates) == 30
    patient.close()


def test_a_download_that_never_ends_is_left_behind(
    net: tuple[FakeYahoo, LocalSession], server: FakeYahoo, tmp_path: Path
) -> None:
    class Stuck(LocalSession):
        """A client that ignores its time-out, as a lock would."""

        stuck = threading.Event()

        def request(self, *arguments: object, **options: object) -> object:
            if not self.stuck.is_set():
                self.stuck.wait(30)
            return super().request(*arguments, **options)

    session = Stuck(server.port)
    yahoo = YahooPrices(tmp_path / "yahoo", 0.3, session)
    with pytest.raises(SourceUnreachable, match=r"no answer about MU within 0\.3 s"):
        yahoo.bars(MU)
    session.stuck.set()
    yahoo._deadline_seconds = PATIENT
    assert len(yahoo.bars(MU).dates) == 30
    yahoo.close()
    session.close()


async def test_the_event_loop_goes_on_meanwhile(server: FakeYahoo, yahoo: YahooPrices) -> None:
    server.listings |= {name: listing(5) for name in ("A", "B", "C")}
    every = await asyncio.gather(
        *(asyncio.to_thread(yahoo.bars, Symbol(name)) for name in ("A", "B", "C", "NOPE")), return_exceptions=True
    )
    assert [len(bars.dates) for bars in every[:3]] == [5, 5, 5]
    assert isinstance(every[3], NoData)


# Answers that Yahoo really gave


def recorded(name: str, status: int = 200) -> Answer:
    return Answer(status, (RECORDED / name).read_bytes())


@pytest.mark.skipif(not RECORDED.is_dir(), reason="REAL_DATA names no folder with recorded answers")
@time_machine.travel(datetime(2026, 10, 5, 16, tzinfo=UTC))  # minutes after the last of them
def test_recorded_answers(server: FakeYahoo, yahoo: YahooPrices) -> None:
    server.answers["^SOX"] = recorded("chart_SOX_1d_1mo.json")
    bars = yahoo.bars(Symbol("^SOX"))
    told = json.loads(server.answers["^SOX"].body)["chart"]["result"][0]
    assert bars.close.tolist() == bars.adjusted.tolist() == told["indicators"]["quote"][0]["close"]
    assert bars.close[-1] == pytest.approx(told["meta"]["regularMarketPrice"], rel=1e-6)
    assert bars.as_of == datetime.fromtimestamp(told["meta"]["regularMarketTime"], UTC)
    assert bars.refused == ()

    server.answers["KOSPI-25.KS"] = recorded("chart_KOSPI-25.KS_1d_snapshot_only.json")
    with pytest.raises(NoData, match=r"no history of KOSPI-25\.KS"):
        yahoo.bars(Symbol("KOSPI-25.KS"))
    bars = yahoo.bars_since(Symbol("KOSPI-25.KS"), date(2026, 9, 1))
    assert len(bars.dates) == 1
    assert np.isnan([bars.high[0], bars.low[0]]).all()
    assert len(bars.refused) == 2

    server.answers["NOPE"] = recorded("error_404_unknown_symbol.json", 404)
    with pytest.raises(NoData):
        yahoo.bars(Symbol("NOPE"))
    server.answers["MU"] = recorded("error_422_range_unavailable.json", 422)
    with pytest.raises(SourceUnreachable, match="requested range"):
        yahoo.bars(MU)
