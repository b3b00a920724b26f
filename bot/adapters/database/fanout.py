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
from bot.adapters.database.operations import chat_records, resolve_chat, silence_reason
from bot.adapters.database.tables import (
    UtcTime,
    basket_subscriptions,
    chats,
    notifications,
    on_its_way,
    outbox,
    subscribers,
    texts,
)
from bot.delivery.model import CHANGES, Delivery, DeliveryState, Notification, SendMode
from bot.delivery.subscribers import QuietHours

REPLACED = "a later message takes its place"
# Deliveries without any attempt so far.
UNTOUCHED = sa.and_(
    outbox.c.state == DeliveryState.PENDING, outbox.c.attempts == 0, outbox.c.unconfirmed == 0, outbox.c.reason == ""
)
STORE_CHART = sa.text(
    "INSERT INTO charts (name, content, expires) VALUES (:name, :content, :expires) ON CONFLICT (name) "
    "DO UPDATE SET expires = excluded.expires WHERE excluded.expires > charts.expires"
).bindparams(sa.bindparam("expires", type_=UtcTime))
Hours = tuple[str, Any, Any, datetime]  # zone, begin, end, and the time of their next end


async def quiet_hours_at(connection: AsyncConnection, time: datetime) -> list[Hours]:
    """The quiet hours of subscribers that `time` falls into."""
    columns = (subscribers.c.zone, subscribers.c.quiet_begin, subscribers.c.quiet_end)
    stored = await connection.execute(sa.select(*columns).where(subscribers.c.quiet_begin.is_not(None)).distinct())
    ends = [(zone, begin, end, QuietHours(begin, end).ends(time, ZoneInfo(zone))) for zone, begin, end in stored]
    return [(zone, begin, end, until) for zone, begin, end, until in ends if until is not None]


async def publish(
    connection: AsyncConnection, notification: Notification, deliveries: Sequence[Delivery], subscribers_of: str | None
) -> bool:
    """Store a new notification and its deliveries; False if its key is stored or if it amends a replaced one."""
    stored = sa.select(notifications.c.id).where(notifications.c.key == notification.key)
    if await connection.scalar(stored) is not None:
        return False
    original: int | None = None
    if notification.mode is not SendMode.SEND:
        first = sa.func.coalesce(notifications.c.original, notifications.c.id)
        original = await connection.scalar(sa.select(first).where(notifications.c.key == notification.original))
    if notification.mode is SendMode.AMEND:
        chain = notifications.c.id.in_(rows.edit_chain(sa.literal(original, notifications.c.id.type)))
        keys = sa.select(notifications.c.key).where(chain, notifications.c.mode != SendMode.REPLY)
        latest = await connection.scalar(keys.order_by(notifications.c.id.desc()).limit(1))
        if latest is None or latest != notification.original:
            return False
    silenced = await silence_reason(connection, notification)
    row = rows.to_row(notifications, notification, public_id=notification.id, original=original, silenced=silenced)
    number = (await connection.execute(sa.insert(notifications).returning(notifications.c.id), row)).scalar_one()
    await store_texts(connection, notification, number)
    hours = await quiet_hours_at(connection, notification.created)
    fanout = Fanout(connection, notification, number, original, hours, [delivery.chat for delivery in deliveries])
    await fanout.add_deliveries(deliveries, subscribers_of, silenced=bool(silenced))
    return True


@dataclass(frozen=True, slots=True)
class Fanout:
    """The deliveries of a new notification; a chat gets the first that is made for it.

    `number` is the id of the notification, `original` that of the first of its chain (None = no stored one); `hours`
    as from `quiet_hours_at`; `configured` are the chats of the configuration.
    """

    connection: AsyncConnection
    notification: Notification
    number: int
    original: int | None
    hours: Sequence[Hours]
    configured: Collection[str]

    async def add_deliveries(
        self, deliveries: Sequence[Delivery], subscribers_of: str | None, *, silenced: bool
    ) -> None:
        """Make the deliveries that the mode of the notification asks for."""
        mode = self.notification.mode
        to_new_chats = mode is not SendMode.REPLY and not silenced and not self.notification.is_withdrawal
        if mode is SendMode.AMEND:
            # It takes the place of its original in untouched deliveries, and edits the others.
            amended = sa.select(notifications.c.id).where(notifications.c.key == self.notification.original)
            of_original = outbox.c.event == amended.scalar_subquery()
            await self.connection.execute(sa.update(outbox).where(UNTOUCHED, of_original).values(event=self.number))
            await self.follow(mode, of_original & (on_its_way | outbox.c.message_id.is_not(None)))
            return
        if mode is SendMode.EDIT and self.original is not None:
            await self.follow(mode, ~UNTOUCHED)
            if to_new_chats:
                await self.follow(SendMode.SEND, UNTOUCHED)
            superseded = {"state": DeliveryState.SUPERSEDED, "not_before": None, "reason": REPLACED}
            await self.connection.execute(sa.update(outbox).where(UNTOUCHED, self.in_chain).values(superseded))
        if mode is SendMode.REPLY and self.original is not None:
            await self.follow(mode, outbox.c.state != DeliveryState.PENDING)
        if to_new_chats:
            await self.send(deliveries)
            if subscribers_of is not None:
                await self.send_to_subscribers(subscribers_of)

    async def send(self, deliveries: Sequence[Delivery]) -> None:
        """Messages for the chats of these deliveries, under their present names."""
        records = await chat_records(self.connection)
        new: dict[tuple[str, str], rows.Row] = {}
        for delivery in deliveries:
            chat, gone = resolve_chat(records, delivery.transport, delivery.chat)
            about = {"event": self.number, "chat": chat, "language": delivery.message.language, "mode": SendMode.SEND}
            row = rows.to_row(outbox, delivery, **about)
            if gone:
                row |= {"state": DeliveryState.FAILED, "not_before": None, "reason": "the chat is gone"}
            new.setdefault((delivery.transport, chat), row)
        stored = sa.select(outbox.c.transport, outbox.c.chat).where(outbox.c.event == self.number)
        for transport, chat in await self.connection.execute(
            stored.where(outbox.c.chat.in_([chat for _, chat in new]))
        ):
            new.pop((transport, chat), None)
        if new:
            await self.connection.execute(sa.insert(outbox), list(new.values()))

    async def send_to_subscribers(self, transport: str) -> None:
        """Messages for the subscribers of its baskets at its severity, muted ones excepted, after their quiet hours."""
        subscribed = sa.select(basket_subscriptions.c.chat).where(
            *(self.of_baskets, self.unmuted(basket_subscriptions)),
            basket_subscriptions.c.transport == transport,
            basket_subscriptions.c.min_severity <= self.notification.severity,
        )
        taken = sa.select(outbox.c.chat).where(outbox.c.event == self.number, outbox.c.transport == transport)
        gone = sa.select(chats.c.chat).where(chats.c.transport == transport, chats.c.gone)
        recipients = sa.select(subscribers.c.transport, subscribers.c.chat, subscribers.c.kind).where(
            subscribers.c.transport == transport,
            self.unmuted(subscribers),
            subscribers.c.chat.in_(subscribed),
            subscribers.c.chat.not_in(taken),
            subscribers.c.chat.not_in(gone),
        )
        await self.insert(SendMode.SEND, recipients.order_by(subscribers.c.kind, subscribers.c.chat), subscribers)

    async def follow(self, mode: SendMode, condition: sa.ColumnElement[bool]) -> None:
        """Deliveries for the chats whose last delivery of the chain meets `condition`, unless the chat unsubscribed."""
        alive = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.UNCERTAIN)
        last = (
            sa.select(sa.func.max(outbox.c.id))
            .where(self.in_chain, outbox.c.state.in_(alive), condition, outbox.c.mode != SendMode.REPLY)
            .group_by(outbox.c.transport, outbox.c.chat)
        )
        subscribed = sa.exists().where(self.of_baskets, rows.same_chat(basket_subscriptions, outbox))
        listens: sa.ColumnElement[bool] = subscribed
        if mode not in CHANGES:
            listens = subscribed.where(self.unmuted(basket_subscriptions)) & self.unmuted(subscribers)
        gone = sa.exists().where(rows.same_chat(chats, outbox), chats.c.gone)
        taken = outbox.alias("taken")
        stored = sa.exists().where(taken.c.event == self.number, rows.same_chat(taken, outbox))
        recipients = (
            sa.select(outbox.c.transport, outbox.c.chat, outbox.c.kind)
            .outerjoin(subscribers, rows.same_chat(subscribers, outbox))
            .where(outbox.c.id.in_(last), ~gone, ~stored)
            .where(subscribers.c.chat.is_(None) | outbox.c.chat.in_(self.configured) | listens)
        )
        await self.insert(mode, recipients.order_by(outbox.c.kind, outbox.c.id), outbox)

    async def insert(self, mode: SendMode, recipients: sa.Select[Any], languages: sa.Table) -> None:
        """A delivery for each (transport, chat, kind) of `recipients`, in the language from the table `languages`."""
        written = [message.language for message in self.notification.messages]
        language = sa.case((languages.c.language.in_(written), languages.c.language), else_=written[0])
        not_before: sa.ColumnElement[Any] = sa.literal(self.notification.created, UtcTime)
        if mode not in CHANGES and self.hours:
            columns = (sa.column("zone", sa.String), sa.column("begins", sa.Time), sa.column("ends", sa.Time))
            quiet = sa.values(*columns, sa.column("until", UtcTime), name="quiet").data(list(self.hours)).cte("quiet")
            not_before = sa.func.coalesce(quiet.c.until, not_before)
            hours = (quiet.c.zone == subscribers.c.zone) & (quiet.c.begins == subscribers.c.quiet_begin)
            recipients = recipients.outerjoin(quiet, hours & (quiet.c.ends == subscribers.c.quiet_end))
        same_for_all = {
            "event": self.number,
            "severe": self.notification.severe,
            "expires": self.notification.expires,
            "state": DeliveryState.PENDING,
            "attempts": 0,
            "unconfirmed": 0,
            "without_markup": False,
            "reason": "",
            "mode": mode,
        }
        values = [sa.literal(value, outbox.c[name].type) for name, value in same_for_all.items()]
        query = recipients.add_columns(language, not_before, *values)
        names = ["transport", "chat", "kind", "language", "not_before", *same_for_all]
        await self.connection.execute(sa.insert(outbox).from_select(names, query))

    @property
    def in_chain(self) -> sa.ColumnElement[bool]:
        """Deliveries of the other notifications of its chain."""
        return outbox.c.event.in_(rows.edit_chain(sa.literal(self.original))) & (outbox.c.event != self.number)

    @property
    def of_baskets(self) -> sa.ColumnElement[bool]:
        return basket_subscriptions.c.basket.in_(self.notification.baskets)

    def unmuted(self, table: sa.Table) -> sa.ColumnElement[bool]:
        return table.c.muted_until.is_(None) | (table.c.muted_until <= self.notification.created)


async def store_texts(connection: AsyncConnection, notification: Notification, number: int) -> None:
    """Store the messages of a notification with the id `number`, by language, with the names of their charts."""
    names = await (chart_names if notification.mode is SendMode.AMEND else store_charts)(connection, notification)
    by_language = {message.language: message for message in notification.messages}
    new = [
        rows.to_row(texts, message, event=number, position=position, picture=names.get(language, ""))
        for position, (language, message) in enumerate(by_language.items())
    ]
    await connection.execute(sa.insert(texts), new)


async def store_charts(connection: AsyncConnection, notification: Notification) -> dict[str, str]:
    """The names of the stored charts of a notification, by language; kept until it expires.

    A name is the hash of the content: notifications with the same chart share a row.
    """
    names = {language: sha256(content).hexdigest() for language, content in notification.pictures.items()}
    for language, name in names.items():
        row = {"name": name, "content": notification.pictures[language], "expires": notification.expires}
        await connection.execute(STORE_CHART, row)
    return names


async def chart_names(connection: AsyncConnection, notification: Notification) -> dict[str, str]:
    """The names of the charts, by language, of the notification that `notification` amends."""
    query = sa.select(texts.c.language, texts.c.picture).join(notifications, notifications.c.id == texts.c.event)
    result = await connection.execute(query.where(notifications.c.key == notification.original))
    return {row.language: row.picture for row in result}
