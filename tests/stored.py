"""What a test does with a store, in a word."""

from __future__ import annotations

from bot.adapters.database.database import STORED, Database
from bot.adapters.database.tables import notifications
from bot.delivery.attempts import Sent, next_step
from bot.delivery.model import Delivery, DeliveryState, Destination, Notification, route
from tests.specimens import event
from tests.virtual import NOON


async def put(store: Database, *destinations: Destination, known=None, subscribers_of=None, **about) -> int:
    happened = event(**about)
    return await store.commit(known or {}, [happened], route(happened, destinations), subscribers_of)


async def notification(store: Database, number: int) -> Notification | None:
    """The notification with the id `Delivery.event_number`."""
    return next(iter(await store._notifications(STORED.where(notifications.c.id == number))), None)


async def claim(store: Database, limit=1, now=NOON, resting=()) -> list[Delivery]:
    return await store.claim("telegram", now, limit, resting)


async def answer(store: Database, one: Delivery, outcome, now=NOON):
    await store.record([next_step(one, outcome, now, 0.0)])


async def send_all(store: Database, now=NOON) -> list[tuple[str, str]]:
    """(chat, event) in the order in which they are handed out, each answered before the next."""
    order = []
    while claimed := await claim(store, now=now):
        order.append((claimed[0].chat, claimed[0].event))
        await answer(store, claimed[0], Sent(1), now)
    return order


async def states(store: Database) -> dict[tuple[str, str], DeliveryState]:
    return {(one.chat, one.event): one.state for one in await store.undelivered()}
