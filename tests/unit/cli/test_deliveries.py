"""Is everything listed that some chat has not certainly got?"""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.adapters.database.database import Database
from bot.alerts.rules import Severity
from bot.delivery.attempts import ChatRefused, RateLimited, SendOutcome, Sent, Uncertain
from tests.specimens import CHANNEL, GROUP, PRIVATE
from tests.stored import answer, claim, put
from tests.unit.cli.typed import Type

HEADER = "event,severity,transport,chat,state,reason,created,expires,not_before,attempts,unconfirmed,manner,config"


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, bare: None, tmp_path: Path) -> str:
    """Two events for three chats, of which one has one of them for certain."""
    url = f"sqlite:///{tmp_path}/bot.sqlite3"
    monkeypatch.setenv("BOT_STORAGE__DATABASE", url)
    asyncio.run(_fill(url, Sent(1), Uncertain("read timeout"), ChatRefused("no rights"), RateLimited(35)))
    return url


async def _fill(url: str, *outcomes: SendOutcome) -> None:
    store = await Database.open(url, upgrade=True)
    await put(store, CHANNEL, GROUP, PRIVATE, key="a", severity=Severity.WARNING)
    await put(store, CHANNEL, GROUP, key="b", severity=Severity.NOTICE)
    for outcome in outcomes:
        (one,) = await claim(store)
        await answer(store, one, outcome)
    await store.close()


def test_whatever_a_chat_has_not_certainly_got_is_listed_with_its_reason(
    database: str, typed: Type, config: Path
) -> None:
    told = typed("deliveries", "--config", config, "--format", "csv")
    assert (told.code, told.err, told.rows[0]) == (0, "", HEADER)
    listed = [
        (one["event"], one["chat"], one["state"], one["reason"], one["not_before"]) for one in csv.DictReader(told.rows)
    ]
    assert listed == [
        ("A", "-2001", "failed", "no rights", ""),
        ("A", "3001", "pending", "", "2026-07-02T12:00:00+00:00"),
        ("B", "-1001", "uncertain", "read timeout", ""),
        ("B", "-2001", "pending", "told to wait 35 s", "2026-07-02T12:00:35+00:00"),
    ]
    assert {one["config"] for one in csv.DictReader(told.rows)} == {"0123456789ab"}


def test_jsonl_holds_the_cells_of_the_csv(database: str, typed: Type, config: Path) -> None:
    table = list(csv.DictReader(typed("deliveries", "--config", config, "--format", "csv").rows))
    lines = [json.loads(line) for line in typed("deliveries", "--config", config, "--format", "jsonl").rows]
    assert [{key: "" if cell is None else str(cell) for key, cell in line.items()} for line in lines] == table


def test_the_table_ends_with_the_number_in_each_state(database: str, typed: Type, config: Path) -> None:
    told = typed("deliveries", "--config", config)
    assert told.code == 0
    assert "read timeout" in told.out
    assert told.rows[-1] == "2 pending, 1 sent, 1 uncertain, 1 failed"


def test_to_look_changes_nothing(database: str, typed: Type, config: Path) -> None:
    before = _dump(database)
    typed("deliveries", "--config", config)
    assert _dump(database) == before


def test_without_a_database_it_says_how_to_make_one(
    bare: None, typed: Type, config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BOT_STORAGE__DATABASE", f"sqlite:///{tmp_path}/none.sqlite3")
    told = typed("deliveries", "--config", config)
    assert told.code == 74
    assert "python -m bot migrate" in told.err
    assert not (tmp_path / "none.sqlite3").exists()


def test_an_empty_outbox_is_said_to_be_one(
    bare: None, typed: Type, config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/bot.sqlite3"
    monkeypatch.setenv("BOT_STORAGE__DATABASE", url)
    asyncio.run(_empty(url))
    assert typed("deliveries", "--config", config).out == "no deliveries yet\n"


async def _empty(url: str) -> None:
    await (await Database.open(url, upgrade=True)).close()


def _dump(url: str) -> list[str]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return list(connection.iterdump())
