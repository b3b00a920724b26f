"""What the independent server lacks: a bot must live with it."""

from __future__ import annotations

import asyncio
import json

import pytest
from telegram import BotCommand
from telegram.error import NetworkError

from tests.peer.server import HERE, running
from tests.unit.rigs.conftest import real_bot


@pytest.fixture
async def bot(peer):
    async with real_bot(peer) as one:
        yield one


async def test_what_is_missing_answers_with_500(bot):
    missing = [
        lambda: bot.send_photo(1001, b"\x89PNG"),
        lambda: bot.send_document(1001, b"{}"),
        lambda: bot.send_chat_action(1001, "typing"),
        lambda: bot.set_my_commands([BotCommand("start", "start")]),
        lambda: bot.get_chat(1001),
        lambda: bot.get_chat_member(1001, 1001),
    ]
    for call in missing:
        with pytest.raises(NetworkError):
            await call()


async def test_two_bots_on_one_server_do_not_hear_each_other(peer, bot):
    async with type(peer)(peer.port) as other, real_bot(other) as others:
        await peer.person().say("for the first")
        assert await others.get_updates() == ()
        await others.send_message(1001, "from the other")
        await bot.send_message(1001, "from the first")
        assert (await peer.person().chat.next_message()).text == "from the first"


async def test_a_poll_waits_until_something_is_said(peer, bot):
    poll = asyncio.create_task(bot.get_updates(timeout=5))
    await asyncio.sleep(0)
    await peer.person().say("hi")
    (update,) = await poll
    assert update.message.text == "hi"


def test_where_node_does_not_start_the_test_is_skipped(monkeypatch):
    monkeypatch.setattr("tests.peer.server.NODE", "/nowhere/node")
    with pytest.raises(pytest.skip.Exception, match=r"Node\.js does not start here"), running():
        pass


def test_the_lock_file_holds_hashes_and_no_address():
    lock = (HERE / "package-lock.json").read_text()
    packages = json.loads(lock)["packages"]
    assert all(about["integrity"].startswith("sha512-") for name, about in packages.items() if name)
    assert "://" not in lock
