"""The worker as a whole: prices come in at one end, and messages go out at the other, once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bot import cli
from bot.adapters.database.database import Database
from bot.adapters.price_files import CsvFolder, PriceCache
from bot.app import worker
from bot.app.monitor import HealthMonitor, OperatorNotifier
from bot.app.service import engine_config
from bot.app.sources import open_calendars
from bot.clock import SteadyClock, SystemClock, since_boot
from bot.delivery.model import DeliveryState
from bot.engine.loop import Engine
from bot.errors import InvalidToken, SourceUnreachable, StoreError
from bot.lease import LeaderLease
from bot.prices.bars import Bars, PriceSource, Symbol
from bot.prices.calendars import Calendar
from bot.settings.load import load_settings
from tests.e2e.processes import CHANNEL, SYMBOLS, closes, folder_of, history, process
from tests.fake_telegram.answers import refusal
from tests.fake_telegram.server import FakeTelegram
from tests.fake_yahoo import HANG, Day, FakeYahoo, Listing, article
from tests.log_state import log_state


@pytest.fixture
def yahoo() -> Iterator[FakeYahoo]:
    server = FakeYahoo()
    yield server
    server.close()


# From Yahoo to the channel


async def test_a_crash_is_told_once_whatever_restarts(
    config: Path, telegram: FakeTelegram, yahoo: FakeYahoo, new_york: Calendar
) -> None:
    last = int(np.searchsorted(new_york.sessions, np.datetime64("2026-07-02")))
    days = history(new_york, last)

    now = (datetime.fromtimestamp(int(new_york.closes[last]), UTC) + timedelta(minutes=21)).isoformat()
    prices = [Day(day, close, close) for day, close in zip(days, closes(falls=True), strict=True)]
    for symbol in SYMBOLS:
        yahoo.listings[symbol] = Listing(list(prices))
    yahoo.news[SYMBOLS[0]] = [article("Chips <sell> off"), article("Long ago", "2026-06-02T14:05:00Z")]
    async with process("-m", "tests.e2e.yahoo_worker", config, yahoo.port, now) as bot:
        await bot.until(lambda: telegram.accepted and "“" in telegram.accepted[0].text)
        await bot.until(lambda: bot.err.count("delivery sent") == len(telegram.requests))
        code, seconds = await bot.end()
    assert code == 0
    assert seconds < 20
    (one,) = telegram.accepted
    assert one.chat == CHANNEL
    assert one.form["parse_mode"] == "HTML"
    assert one.form["caption"].startswith("<b>🔴 Three &amp; co −12.")
    assert one.file is not None
    assert one.file.body.startswith(b"\x89PNG")
    assert 50_000 > len(one.file.body) > 10_000
    assert one.text.split("\n")[1].startswith("closed 2 Jul 2026 · ")
    assert "All 3 members fell" in one.text
    assert one.text.split("\n")[-2] == "Headlines: “Chips <sell> off” (The Wire, 2 Jul 14:05 UTC)"
    assert len(one.history) == len(telegram.requests) - 1 < 2  # it was edited, or sent with the headline at once

    requests = len(telegram.requests)
    async with process("-m", "tests.e2e.yahoo_worker", config, yahoo.port, now) as bot:
        await bot.until(lambda: "watching 1 baskets" in bot.err)
        await asyncio.sleep(0.3)
        assert (await bot.end(signal.SIGINT))[0] == 0
    assert telegram.requests == [CHANNEL] * requests


async def test_a_yahoo_that_hangs_does_not_hold_up_the_end(config: Path, yahoo: FakeYahoo, new_york: Calendar) -> None:
    for symbol in SYMBOLS:
        yahoo.answers[symbol] = HANG
    async with process("-m", "tests.e2e.yahoo_worker", config, yahoo.port, "2026-07-02T20:21:00+00:00") as bot:
        await bot.until(lambda: any(asked.what == "chart" for asked in yahoo.asked))
        code, seconds = await bot.end()
    assert code == 0
    assert seconds < 20


async def test_a_symbol_that_yahoo_refuses_for_a_while_keeps_its_past(
    config: Path, tmp_path: Path, new_york: Calendar, today: int
) -> None:
    prices = CsvFolder(folder_of(tmp_path / "prices", history(new_york, today), closes(falls=True)))
    cache = PriceCache(tmp_path / "kept", Gone(prices))
    cache.bars(Symbol("AA"))
    settings = load_settings(config, os.environ)
    database = await Database.open("sqlite://", upgrade=True)
    calendars = open_calendars(settings, SystemClock(), lambda _: None)

    def engine(source: PriceSource) -> Engine:
        clock = SystemClock()
        monitor = HealthMonitor(settings, clock, database, LeaderLease(database, clock))
        parts = worker.Resources(lambda: settings, settings, clock, source, database, calendars, monitor, lambda: None)
        steady = SteadyClock(clock, since_boot)
        notifier = OperatorNotifier(database, steady, "terminal", ())
        return worker.build_engine(parts, engine_config(settings), steady, notifier, None)

    with pytest.raises(SourceUnreachable):
        cache.bars(Symbol("AA"))
    known = engine(cache).load_history(Symbol("AA"))
    assert known is not None
    assert known.dates[-1] == new_york.sessions[today - 1]
    assert engine(cache).load_history(Symbol("BB")) is None
    assert engine(prices).load_history(Symbol("AA")) is None
    await database.close()


class Gone:
    """A source that gives whole histories and is not there when asked for more."""

    def __init__(self, source: PriceSource) -> None:
        self.bars = source.bars

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        raise SourceUnreachable(f"{symbol} from {day} on cannot be had")


# A price folder, and no token


async def test_without_a_token_the_worker_says_so_and_posts_to_the_terminal(
    config: Path, tmp_path: Path, new_york: Calendar, today: int
) -> None:
    prices = folder_of(tmp_path / "prices", history(new_york, today), closes(falls=True))
    async with process("-m", "bot", "run", "--config", config, "--prices", prices) as bot:
        await bot.until(lambda: "event #" in bot.out)
        code, seconds = await bot.end()
    assert code == 0
    assert seconds < 20
    assert "no Telegram token: alerts go to this terminal. Give one as BOT_TELEGRAM__TOKEN" in bot.err
    header, first, *_ = bot.out.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC · terminal \(en\) · severe", header)
    assert first.startswith("🔴 Three & co −12.")
    assert bot.out.count("event #") == 1
    assert "stopped" in bot.err.splitlines()[-1]


async def test_a_database_that_is_taken_away_ends_the_worker(
    config: Path, tmp_path: Path, telegram: FakeTelegram
) -> None:
    (tmp_path / "prices").mkdir()
    async with process("-m", "bot", "run", "--config", config, "--prices", tmp_path / "prices") as bot:
        await bot.until(lambda: "watching 1 baskets" in bot.err)
        (tmp_path / "data" / "bot.sqlite3").unlink()
        code = await asyncio.wait_for(bot.running.wait(), 60)
        await asyncio.gather(*bot._readers)
    assert code == 74
    assert bot.err.splitlines()[-1].startswith(f"Error: database {tmp_path}/data/bot.sqlite3: there is no such file.")
    assert "Traceback" not in bot.err, bot.err
    assert telegram.requests == []


# A token that Telegram does not know


class Hasty(SystemClock):
    """Ten minutes of patience pass in a third of a second."""

    def monotonic(self) -> float:
        return super().monotonic() * 2000


async def test_a_refused_token_ends_the_worker_and_loses_nothing(
    config: Path, telegram: FakeTelegram, tmp_path: Path, new_york: Calendar, today: int
) -> None:
    prices = folder_of(tmp_path / "prices", history(new_york, today), closes(falls=True))
    telegram.script("*", *[refusal(401, "Unauthorized")] * 1000)
    settings = load_settings(config, os.environ)
    with log_state(), pytest.raises(InvalidToken) as refused:
        await worker.run_worker(lambda: settings, Hasty(), CsvFolder(prices))
    assert refused.value.exit_code == 4
    assert "canary" not in str(refused.value)
    database = await Database.open(worker.database_url(settings))
    (waiting,) = await database.undelivered()
    await database.close()
    assert (waiting.state, waiting.attempts) == (DeliveryState.PENDING, 0)
    assert waiting.not_before is not None


# send-test


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., object]]:
    """Type a command, in another thread of this process; the answer is exit code, standard output and error."""

    async def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["drawdown-bot", *map(str, words)])

        def command() -> int:
            with pytest.raises(SystemExit) as left:
                cli.main()
            return int(left.value.code or 0)

        code = await asyncio.to_thread(command)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "canary" not in out + err
        return code, out, err

    with log_state():
        yield run


Typed = Callable[..., "asyncio.Future[tuple[int, str, str]]"]


async def test_a_test_message_reaches_the_chat(config: Path, telegram: FakeTelegram, typed: Typed) -> None:
    code, out, err = await typed("send-test", "--config", config)
    assert (code, out, err) == (0, f"{CHANNEL}: sent\n", "")
    assert telegram.texts(CHANNEL) == ["A test message of the Drawdown Bot: this chat can be reached."]


async def test_a_chat_that_does_not_exist_is_named_with_the_reason(
    config: Path, telegram: FakeTelegram, typed: Typed
) -> None:
    with (config / "bot.toml").open("a") as file:
        file.write('[[telegram.channels]]\nchat = "@elsewhere"\nlanguage = "zh"\n')
    telegram.script(CHANNEL, refusal(400, "Bad Request: chat not found"))
    code, out, err = await typed("send-test", "--config", config)
    assert code == 3
    lines = out.splitlines()
    assert lines[0].startswith(f"{CHANNEL}: ")
    assert "Chat not found" in lines[0] or "chat not found" in lines[0]
    assert lines[1] == "@elsewhere: sent"
    assert err == "Error: 1 chat did not get the message; the reasons stand above.\n"
    assert telegram.texts("@elsewhere") == ["Drawdown Bot 测试消息：可以送达此聊天。"]


@pytest.mark.parametrize("status", [401, 404])
async def test_a_refused_token_is_told_at_once(config: Path, telegram: FakeTelegram, typed: Typed, status: int) -> None:
    telegram.script("*", refusal(status, "Unauthorized"))
    code, out, err = await typed("send-test", "--config", config)
    assert (code, out) == (4, "")
    assert err.startswith("Error: Telegram does not know this bot's token.")


async def test_a_test_message_without_a_token_goes_to_the_terminal(config: Path, typed: Typed) -> None:
    code, out, err = await typed("send-test", "--config", config)
    assert code == 0
    assert "A test message of the Drawdown Bot" in out
    assert "no Telegram token" in err


async def test_a_token_without_a_chat_is_an_error(config: Path, telegram: FakeTelegram, typed: Typed) -> None:
    file = config / "bot.toml"
    file.write_text(file.read_text().replace(f'[[telegram.channels]]\nchat = "{CHANNEL}"\n', ""))
    code, out, err = await typed("send-test", "--config", config)
    assert (code, out) == (3, "")
    assert "No chat is configured. Name one under [[telegram.channels]] in bot.toml." in err


# migrate


async def test_migrate_twice_is_as_good_as_once(config: Path, tmp_path: Path, typed: Typed) -> None:
    file = tmp_path / "data" / "bot.sqlite3"
    assert (await typed("migrate", "--config", config))[:2] == (0, "")
    with contextlib.closing(sqlite3.connect(file)) as database:
        before = database.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
    assert await typed("migrate", "--config", config) == (0, "", "")
    with contextlib.closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall() == before


async def test_a_database_of_a_newer_bot_is_refused(config: Path, tmp_path: Path, typed: Typed) -> None:
    await typed("migrate", "--config", config)
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "bot.sqlite3")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'r9999'")
        database.commit()
    code, out, err = await typed("migrate", "--config", config)
    assert (code, out) == (65, "")
    assert "its tables (r9999) are newer than this program" in err
    assert err.startswith("Error: database ")
    with pytest.raises(StoreError, match="r9999"):
        await worker.run_worker(lambda: load_settings(config, os.environ), SystemClock(), CsvFolder(tmp_path))
