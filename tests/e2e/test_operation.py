"""The worker as those see it who run it: pages, heartbeat, log, and a loop that stands still."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.adapters.price_files import CsvFolder
from bot.app import worker
from bot.clock import SystemClock
from bot.errors import ConfigError
from bot.prices.calendars import Calendar
from bot.settings.load import load_settings
from tests.e2e.processes import CHANNEL, closes, folder_of, history, process
from tests.fake_telegram.server import FakeTelegram
from tests.heart import Heart


@pytest.fixture
def prices(tmp_path: Path, new_york: Calendar, today: int) -> Path:
    return folder_of(tmp_path / "prices", history(new_york, today), closes(falls=True))


@pytest.fixture
async def heart(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Heart]:
    async with Heart() as heart:
        monkeypatch.setenv("BOT_OPERATION__HEARTBEAT", heart.url)
        yield heart


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port that is free, and given to the bot."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free: int = taken.getsockname()[1]
    monkeypatch.setenv("BOT_OPERATION__PORT", str(free))
    return free


async def get(port: int, path: str) -> tuple[int, str]:
    def ask() -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        found = answer.status, answer.read().decode()
        connection.close()
        return found

    return await asyncio.to_thread(ask)


async def test_the_bot_is_seen_from_outside_and_shows_no_secret(
    config: Path, prices: Path, telegram: FakeTelegram, heart: Heart, port: int, new_york: Calendar, today: int
) -> None:
    async with process("-m", "bot", "run", "--config", config, "--prices", prices) as bot:
        await bot.until(lambda: heart.pings)
        await bot.until(lambda: "look complete" in bot.err)
        assert await get(port, "/livez") == (200, "the event loop answers\n")
        assert await get(port, "/healthz") == (200, "works\n")
        _, page = await get(port, "/")
        _, numbers = await get(port, "/metrics")
        code, _ = await bot.end()
    assert code == 0
    assert heart.pings == 1
    assert "Three &amp; co" in page
    assert f"{new_york.sessions[today]}</td>" in page
    for line in ("drawdown_ready 1.0", "drawdown_leader 1.0", 'drawdown_watch_total{what="events"} 1.0'):
        assert f"\n{line}\n" in numbers
    assert not [text for text in (page, numbers) if "canary" in text or CHANNEL in text]
    lines = [json.loads(line) for line in bot.err.splitlines()]
    (look,) = [one for one in lines if one["event"] == "look complete"]
    assert set(look["due"].split("+")) - {"open"} == {"final", "first"}  # New York may be open
    assert (look["symbols"], look["got"], look["missing"]) == (3, 3, 0)
    assert (look["events"], look["known"], look["troubles"]) == (1, 0, 0)
    assert look["sessions"] > 1
    assert look["seconds"] > 0
    assert look["next"] > str(new_york.sessions[today])


async def test_a_port_that_is_taken_is_told_before_anything_is_done(config: Path, tmp_path: Path, port: int) -> None:
    settings = load_settings(config, os.environ)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConfigError, match=r"operation\.port.*Choose"):
        await worker.run_worker(lambda: settings, SystemClock(), CsvFolder(tmp_path))


async def test_a_loop_that_stands_still_ends_the_process_and_the_next_one_catches_up(
    config: Path, prices: Path
) -> None:
    async with process("-m", "tests.e2e.blocked_worker", config, prices, "1.5") as bot:
        code = await bot.running.wait()
        await asyncio.gather(*bot._readers)
    assert code == 70
    assert "the event loop has stood still for 1.5 s" in bot.err
    assert "in stand_still" in bot.err
    assert "event #" not in bot.out
    async with process("-m", "bot", "run", "--config", config, "--prices", prices) as bot:
        await bot.until(lambda: "event #" in bot.out)
        assert (await bot.end())[0] == 0
    assert bot.out.count("event #") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a disk that is always full")
async def test_a_log_on_a_full_disk_and_an_output_that_nobody_reads_keep_no_alert_back(
    config: Path, prices: Path, telegram: FakeTelegram
) -> None:
    reader, nobody_reads = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    words = ("-m", "bot", "run", "--log-level", "DEBUG", "--config", str(config), "--prices", str(prices))
    environ = os.environ | {"PYTHONWARNINGS": "ignore"}
    bot = await asyncio.create_subprocess_exec(sys.executable, *words, env=environ, stdout=nobody_reads, stderr=full)
    for one in (nobody_reads, full):
        os.close(one)
    try:
        for _ in range(3000):
            if telegram.accepted or bot.returncode is not None:
                break
            await asyncio.sleep(0.05)
        assert [one.chat for one in telegram.accepted] == [CHANNEL]
        bot.terminate()
        await asyncio.wait_for(bot.wait(), 60)
    finally:
        if bot.returncode is None:
            bot.kill()
            await bot.wait()
    assert len(telegram.accepted) == 1
