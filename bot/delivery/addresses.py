"""Who hears of an event?"""

from __future__ import annotations

from collections.abc import Iterable

from bot.delivery.deliveries import Delivery, Destination, Event


def address(event: Event, destinations: Iterable[Destination]) -> tuple[Delivery, ...]:
    """One delivery for each chat that wants to hear of `event`, in its language; a chat named twice hears it once."""
    wanting = (one for one in destinations if _wants(one, event))
    chats = {(one.transport, one.chat): one for one in wanting}
    return tuple(
        Delivery(
            event=event.key,
            event_id=event.id,
            severity=event.severity,
            created=event.created,
            expires=event.expires,
            transport=one.transport,
            chat=one.chat,
            kind=one.kind,
            message=event.message(one.language),
            not_before=event.created,
            baskets=event.baskets,
            session=event.session,
            config=event.config,
        )
        for one in chats.values()
    )


def _wants(destination: Destination, event: Event) -> bool:
    if event.severity < destination.lowest:
        return False
    return destination.baskets is None or not set(event.baskets).isdisjoint(destination.baskets)
