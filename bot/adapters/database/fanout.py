"""Notification -> deliveries in SQL; stored charts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import rows
from bot.adapters.database.outbox import chat_records, resolve_chat
from bot.adapters.database.tables import UtcTime, bodies, events, on_its_way, outbox, pictures, subscribers, wishes
from bot.adapters.database.tables import chats as chats_table
from bot.delivery.model import CHANGES, Delivery, DeliveryState, Notification, SendMode
from bot.delivery.subscribers import QuietHours

TAKEN = "a later message takes its place"
# Nobody has asked a transport to send it yet.
UNTOUCHED = (
    (outbox.c.state == DeliveryState.PENDING)
    & (outbox.c.attempts == 0)
    & (outbox.c.unconfirmed == 0)
    & (outbox.c.reason == "")
)
Hours = tuple[str, Any, Any, datetime]  # zone, begin, end, and when they end this time


async def quiet_hours_at(connection: AsyncConnection, moment: datetime) -> list[Hours]:
    """The quiet hours of subscribers into which `moment` falls."""
    columns = (subscribers.c.zone, subscribers.c.quiet_begin, subscribers.c.quiet_end)
    kept = await connection.execute(sa.select(*columns).where(subscribers.c.quiet_begin.is_not(None)).distinct())
    ends = [(zone, begin, end, QuietHours(begin, end).ends(moment, ZoneInfo(zone))) for zone, begin, end in kept]
    return [(zone, begin, end, until) for zone, begin, end, until in ends if until is not None]


@dataclass(frozen=True, slots=True)
class Fanout:
    """One new event on its way to its chats. A chat gets the first of the deliveries that are made for it.

    `line` is the number of the first event of its line, if that is known; `hours` as `quiet_hours` gives them;
    `configured` are the chats that hear it because of the configuration.
    """

    connection: AsyncConnection
    event: Notification
    number: int
    line: int | None
    hours: Sequence[Hours]
    configured: Collection[str]

    async def edit(self) -> None:
        """What shows an event of its line is edited; where none went out yet, it goes in their place."""
        await self._follow(SendMode.EDIT, ~UNTOUCHED)

    async def replace(self) -> None:
        """It is sent where an event of its line was still to be sent."""
        await self._follow(SendMode.SEND, UNTOUCHED)

    async def supersede(self) -> None:
        """What is still to be sent of its line is not."""
        over = sa.update(outbox).where(UNTOUCHED, self._of_line)
        await self.connection.execute(over.values(state=DeliveryState.SUPERSEDED, not_before=None, reason=TAKEN))

    async def amend(self) -> None:
        """It is sent where its original was still to be sent; where that is shown, or on its way, it follows."""
        original = sa.select(events.c.id).where(events.c.key == self.event.original).scalar_subquery()
        of_original = outbox.c.event == original
        instead = sa.update(outbox).where(UNTOUCHED, of_original).values(event=self.number)
        await self.connection.execute(instead)
        await self._follow(SendMode.AMEND, of_original & (on_its_way | outbox.c.message_id.is_not(None)))

    async def reply(self) -> None:
        await self._follow(SendMode.REPLY, outbox.c.state != DeliveryState.PENDING)

    async def send(self, deliveries: Sequence[Delivery]) -> None:
        """To the chats of these deliveries, wherever they are now."""
        known = await chat_records(self.connection)
        new: dict[tuple[str, str], rows.Row] = {}
        for one in deliveries:
            chat, gone = resolve_chat(known, one.transport, one.chat)
            row = rows.outbox_row(one, self.number) | {"chat": chat, "manner": SendMode.SEND}
            if gone:
                row |= {"state": DeliveryState.FAILED, "not_before": None, "reason": "the chat is gone"}
            new.setdefault((one.transport, chat), row)
        has = sa.select(outbox.c.transport, outbox.c.chat).where(outbox.c.event == self.number)
        for transport, chat in await self.connection.execute(has.where(outbox.c.chat.in_([chat for _, chat in new]))):
            new.pop((transport, chat), None)
        if new:
            await self.connection.execute(sa.insert(outbox), list(new.values()))

    async def send_to_subscribers(self, transport: str) -> None:
        """To every subscriber with a wish for one of its baskets that is met and not muted, if it has not got it yet.

        In a subscriber's quiet hours it waits for their end.
        """
        heard = sa.select(wishes.c.chat).where(*self._wanted, wishes.c.transport == transport)
        taken = sa.select(outbox.c.chat).where(outbox.c.event == self.number, outbox.c.transport == transport)
        gone = sa.select(chats_table.c.chat).where(chats_table.c.transport == transport, chats_table.c.gone)
        who = sa.select(subscribers.c.transport, subscribers.c.chat, subscribers.c.kind).where(
            subscribers.c.transport == transport,
            self._unmuted(subscribers),
            subscribers.c.chat.in_(heard.where(wishes.c.lowest <= self.event.severity)),
            subscribers.c.chat.not_in(taken),
            subscribers.c.chat.not_in(gone),
        )
        await self._insert(SendMode.SEND, who.order_by(subscribers.c.kind, subscribers.c.chat), subscribers)

    async def _follow(self, manner: SendMode, which: sa.ColumnElement[bool]) -> None:
        """To the chats whose last delivery of its line is one of `which`, if they still listen."""
        alive = outbox.c.state.in_(
            (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.UNCERTAIN)
        )
        last = (
            sa.select(sa.func.max(outbox.c.id))
            .where(self._of_line, alive, which, outbox.c.manner != SendMode.REPLY)
            .group_by(outbox.c.transport, outbox.c.chat)
        )
        wish = sa.exists().where(
            *(self._wanted[:1] if manner in CHANGES else self._wanted),
            rows.same_chat(wishes, outbox),
        )
        gone = sa.exists().where(rows.same_chat(chats_table, outbox), chats_table.c.gone)
        taken = outbox.alias("taken")
        has = sa.exists().where(taken.c.event == self.number, rows.same_chat(taken, outbox))
        listens = wish if manner in CHANGES else wish & self._unmuted(subscribers)
        who = (
            sa.select(outbox.c.transport, outbox.c.chat, outbox.c.kind)
            .outerjoin(subscribers, rows.same_chat(subscribers, outbox))
            .where(outbox.c.id.in_(last), ~gone, ~has)
            .where(subscribers.c.chat.is_(None) | outbox.c.chat.in_(self.configured) | listens)
        )
        await self._insert(manner, who.order_by(outbox.c.kind, outbox.c.id), outbox)

    async def _insert(self, manner: SendMode, who: sa.Select[Any], speaks: sa.Table) -> None:
        """A delivery for each (transport, chat, kind) of `who`, in the language that `speaks` has for it."""
        written = [one.language for one in self.event.messages]
        language = sa.case((speaks.c.language.in_(written), speaks.c.language), else_=written[0])
        at_once = sa.literal(self.event.created, UtcTime)
        if manner in CHANGES or not self.hours:
            when: sa.ColumnElement[Any] = at_once
        else:
            quiet = self._quiet
            when = sa.func.coalesce(quiet.c.until, at_once)
            hours = (quiet.c.zone == subscribers.c.zone) & (quiet.c.begins == subscribers.c.quiet_begin)
            who = who.outerjoin(quiet, hours & (quiet.c.ends == subscribers.c.quiet_end))
        same_for_all = {
            "event": self.number,
            "severe": self.event.severe,
            "expires": self.event.expires,
            "state": DeliveryState.PENDING,
            "attempts": 0,
            "unconfirmed": 0,
            "plain": False,
            "reason": "",
            "manner": manner,
        }
        told = [sa.literal(value, outbox.c[name].type) for name, value in same_for_all.items()]
        filled = who.add_columns(language, when, *told)
        names = ["transport", "chat", "kind", "language", "not_before", *same_for_all]
        await self.connection.execute(sa.insert(outbox).from_select(names, filled))

    @property
    def _quiet(self) -> sa.CTE:
        columns = (sa.column("zone", sa.String), sa.column("begins", sa.Time), sa.column("ends", sa.Time))
        return sa.values(*columns, sa.column("until", UtcTime), name="quiet").data(list(self.hours)).cte("quiet")

    @property
    def _of_line(self) -> sa.ColumnElement[bool]:
        return outbox.c.event.in_(rows.edit_chain(sa.literal(self.line))) & (outbox.c.event != self.number)

    @property
    def _wanted(self) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
        """Wishes for its baskets, and those that are not muted."""
        return wishes.c.basket.in_(self.event.baskets), self._unmuted(wishes)

    def _unmuted(self, table: sa.Table) -> sa.ColumnElement[bool]:
        return table.c.muted_until.is_(None) | (table.c.muted_until <= self.event.created)


async def store_charts(connection: AsyncConnection, event: Notification) -> dict[str, str]:
    """Store the pictures of an event until it expires; the answer is their names, by language.

    A name is that of the content: events that look the same share a picture.
    """
    names = {}
    for language, content in event.pictures.items():
        name = names[language] = sha256(content).hexdigest()
        this = pictures.c.name == name
        known = await connection.scalar(sa.select(pictures.c.expires).where(this))
        if known is None:
            row = {"name": name, "content": content, "expires": event.expires}
            await connection.execute(sa.insert(pictures), row)
        elif known < event.expires:
            await connection.execute(sa.update(pictures).where(this).values(expires=event.expires))
    return names


async def chart_names(connection: AsyncConnection, event: Notification) -> dict[str, str]:
    """The names of the pictures, by language, of the event that `event` amends: it has the same."""
    query = sa.select(bodies.c.language, bodies.c.picture).join(events, events.c.id == bodies.c.event)
    return {row.language: row.picture for row in await connection.execute(query.where(events.c.key == event.original))}
