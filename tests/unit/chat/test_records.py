"""What is stored of a chat, and how it is rid of it."""

from __future__ import annotations

import json

import pytest

from bot.baskets import BasketId
from bot.delivery.model import DeliveryState
from tests.desks import KIM, Room
from tests.stored import put


async def wish(room: Room, basket: str = "tech"):
    known = await room.database.subscriber("telegram", KIM)
    return known and known.subscriptions.get(BasketId(basket))


async def test_an_export_holds_what_is_stored(room: Room) -> None:
    await room.say("/subscribe tech")
    await room.say("/quiet 22:00-07:00")
    await put(room.database, key="fall", baskets=["tech"], subscribers_of="telegram", created=room.clock.now())
    reply = await room.reply("/export")
    told = json.loads(reply.content)
    assert told["settings"]["chat"] == KIM
    assert told["settings"]["kind"] == "private"
    assert told["settings"]["subscriptions"] == {"tech": {"min_severity": "notice", "muted_until": None}}
    assert told["settings"]["quiet"] == {"begin": "22:00:00", "end": "07:00:00"}
    assert [(one["event_id"], one["state"]) for one in told["messages"]] == [("FALL", "pending")]


async def test_an_export_of_nothing(room: Room) -> None:
    assert json.loads((await room.reply("/export")).content) == {"settings": None, "messages": []}


async def test_delete_asks_first_and_leaves_nothing(room: Room) -> None:
    await room.say("/subscribe tech")
    await put(room.database, key="fall", baskets=["tech"], subscribers_of="telegram", created=room.clock.now())
    assert await room.buttons("/delete") == ["delete yes"]
    assert await wish(room)
    assert "nothing is stored" in await room.say("/delete yes")
    assert await rows_with(room, KIM) == []


async def rows_with(room: Room, chat: str) -> list[str]:
    """The tables in which something is of this chat."""
    found = []
    async with room.database._transaction() as connection:
        names = await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in names.all():
            rows = (await connection.exec_driver_sql(f"SELECT * FROM {table}")).all()  # noqa: S608  its own names
            found += [table for row in rows if any(str(cell) == chat for cell in row)]
    return found


async def test_stop_ends_what_waits_at_once(room: Room) -> None:
    await room.say("/subscribe tech")
    await put(room.database, key="fall", baskets=["tech"], subscribers_of="telegram", created=room.clock.now())
    assert "Stopped" in await room.say("/stop")
    assert [one.state for one in await room.database.undelivered()] == [DeliveryState.FAILED]
    await put(room.database, key="next", baskets=["tech"], subscribers_of="telegram", created=room.clock.now())
    assert len(await room.database.undelivered()) == 1


@pytest.mark.parametrize(
    ("command", "left"), [("unsubscribe tech", ["oil"]), ("mute tech 1d", ["oil"]), ("mute 1d", [])]
)
async def test_what_is_not_wanted_any_more_does_not_arrive_late(room: Room, command: str, left: list[str]) -> None:
    await room.say("/subscribe tech oil")
    for name in ("tech", "oil"):
        await put(room.database, key=name, baskets=[name], subscribers_of="telegram", created=room.clock.now())
    await room.say(f"/{command}")
    assert [one.event for one in await room.database.undelivered() if one.state is DeliveryState.PENDING] == left
