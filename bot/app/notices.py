"""How do the operators hear what is for them alone?"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.adapters.database.database import Database
from bot.alerts.rules import Severity
from bot.clock import Clock
from bot.delivery.model import ChatKind, Destination, Notification, NotificationKey, route
from bot.languages import languages
from bot.messages.catalogue import load_catalogue
from bot.messages.message import Message
from bot.watch.loop import Telling
from bot.watch.troubles import Notice, Unjudged, Unsure

NEWS = timedelta(hours=12)  # after which a notice is none any more

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Operators:
    """Their private chats, by `transport` and number; without any, the log alone says it."""

    database: Database
    clock: Clock
    transport: str
    numbers: Collection[int]

    async def tell(self, told: Sequence[Telling]) -> None:
        """Into the log, and into the outbox like an alert: it survives a restart and is sent once.

        Which troubles go on is kept in the same transaction, so that their beginnings and ends stay pairs.
        """
        for one in told:
            log.warning("for the operators: %s", one)
        notices = [one for one in told if isinstance(one, Notice)]
        chats = [Destination(self.transport, str(one), ChatKind.PRIVATE) for one in sorted(self.numbers)]
        events = [self._event(one) for one in told] if chats else []
        if events or notices:
            addressed = [each for one in events for each in route(one, chats)]
            await self.database.commit({}, events, addressed, notices=notices)

    def _event(self, one: Telling) -> Notification:
        if isinstance(one, Unsure):
            return self._unsure(one)
        if isinstance(one, Unjudged):
            return self._notice("unjudged/" + ",".join(f"{basket}/{day}" for basket, day in one.sessions), one)
        trouble, when = one.trouble, one.ended or one.since
        which = f"{trouble.state}/{trouble.about}/{when.isoformat()}"
        return self._notice(f"notice/{which}/{'end' if one.ended else 'begin'}", one)

    def _notice(self, key: str, said: Telling) -> Notification:
        now = self.clock.now()
        text = load_catalogue("en").say("notice", text=str(said))
        return Notification(
            key=NotificationKey(key),
            id="",
            baskets=(),
            severity=Severity.WARNING,
            session=now.date(),
            created=now,
            expires=now + NEWS,
            messages=(Message("en", (text,)),),
        )

    def _unsure(self, unsure: Unsure) -> Notification:
        """What nobody else hears, with the reason above it; it has no buttons, for it is no alert."""
        symbols = ", ".join(unsure.depends_on)
        marked = (
            Message(one.language, (load_catalogue(one.language).say("unsure", symbols=symbols), *one.lines))
            for one in unsure.event.messages
            if one.language in languages()
        )
        return replace(unsure.event, baskets=(), messages=tuple(marked))
