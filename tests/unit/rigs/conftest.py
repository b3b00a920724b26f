from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
import telegram
from telegram.request import HTTPXRequest

from tests.fake_telegram.server import FakeTelegram
from tests.people import Rig


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


def real_bot(rig: Rig) -> AbstractAsyncContextManager[telegram.Bot]:
    """The real library's bot, set up and shut down."""
    requests = [HTTPXRequest(connection_pool_size=8, read_timeout=10, httpx_kwargs={"verify": False}) for _ in range(2)]
    return telegram.Bot(rig.token, base_url=rig.base_url, request=requests[0], get_updates_request=requests[1])


@pytest.fixture
async def bot(unhurried: FakeTelegram) -> AsyncIterator[telegram.Bot]:
    async with real_bot(unhurried) as one:
        yield one


@pytest.fixture
async def bot_of_rig(rig: Rig) -> AsyncIterator[telegram.Bot]:
    async with real_bot(rig) as one:
        yield one
