from __future__ import annotations

from datetime import timedelta

import pytest

from bot.adapters.database.database import Database
from bot.app.monitor import OperatorNotifier
from bot.delivery.model import DeliveryState
from bot.engine.incidents import Incident, IncidentNotice, UnconfirmedNotice
from bot.engine.incidents import IncidentKind as Wrong
from bot.prices.bars import Symbol
from tests.specimens import event
from tests.virtual import NOON, VirtualClock


async def test_each_operator_hears_of_a_trouble_once_when_it_begins_and_once_when_it_ends(database: Database) -> None:
    operators = OperatorNotifier(database, VirtualClock(), "telegram", [9001, 9002])
    began = IncidentNotice(Incident(Wrong.OUTAGE), NOON, "28 of 28 symbols cannot be had")
    ended = IncidentNotice(Incident(Wrong.OUTAGE), NOON, "28 of 28 symbols cannot be had", NOON + timedelta(hours=2))
    for notice in (began, began, ended):
        await operators.notify([notice])
    heard = await database.received("telegram", "9001", 9)
    assert [one.message.lines for one in heard] == [
        ("⚙️ outage is over after 2:00:00",),
        ("⚙️ outage: 28 of 28 symbols cannot be had",),
    ]
    assert len(await database.received("telegram", "9002", 9)) == 2
    assert {one.state for one in heard} == {DeliveryState.PENDING}


async def test_what_is_unconfirmed_says_what_it_depends_on(database: Database) -> None:
    operators = OperatorNotifier(database, VirtualClock(), "telegram", [9001])
    await operators.notify([UnconfirmedNotice(event(), (Symbol("AA"), Symbol("BB")))])
    (one,) = await database.received("telegram", "9001", 9)
    assert one.message.lines[0] == "Unconfirmed, and told to the operators alone: it depends on AA, BB"
    assert one.message.lines[1] == "fall"


async def test_without_operators_the_log_says_it(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    await OperatorNotifier(database, VirtualClock(), "terminal", []).notify(
        [IncidentNotice(Incident(Wrong.STALE, "XNYS"), NOON, "since noon")]
    )
    assert "stale XNYS: since noon" in caplog.text
    assert await database.counts("terminal") == {}
