"""Alert state, notifications and outbox in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import rows
from bot.adapters.database.connection import replace_rows
from bot.adapters.database.fanout import publish
from bot.adapters.database.operations import LeaseMixin, OperatorMixin, SubscriberMixin, record_incidents
from bot.adapters.database.outbox import OutboxMixin
from bot.adapters.database.tables import charts, evaluated_closes, notifications, session_results, subject_states, texts
from bot.alerts.episodes import Subject, SubjectState
from bot.delivery.model import Delivery, Notification
from bot.engine.incidents import IncidentNotice
from bot.engine.results import KEPT_RESULTS, ResultKey, Results, SessionResult
from bot.prices.bars import Symbol
from bot.prices.revisions import ClosesBySession

# Notifications with the key of the first of their chain.
FIRST = notifications.alias("first")
STORED = sa.select(notifications, FIRST.c.key.label("first")).outerjoin(FIRST, FIRST.c.id == notifications.c.original)
# How many results of the same target are of later sessions.
LATER = session_results.alias("later")
COUNT_LATER = (
    sa.select(sa.func.count())
    .where(LATER.c.rule == session_results.c.rule, LATER.c.basket == session_results.c.basket)
    .where(LATER.c.session > session_results.c.session)
    .correlate(session_results)
    .scalar_subquery()
)


class Database(OutboxMixin, SubscriberMixin, OperatorMixin, LeaseMixin):
    """Alert state, outbox, subscribers and incidents in one SQLite or PostgreSQL database."""

    async def subject_states(self) -> dict[Subject, SubjectState]:
        """The states of all subjects evaluated so far."""
        return dict(map(rows.to_subject_state, await self._rows(sa.select(subject_states))))

    async def evaluated_closes(self) -> dict[Symbol, ClosesBySession]:
        """The closes of the latest evaluations, in the order of their sessions."""
        stored: dict[Symbol, dict[date, float | None]] = {}
        for row in await self._rows(sa.select(evaluated_closes).order_by(evaluated_closes.c.session)):
            stored.setdefault(Symbol(row.symbol), {})[row.session] = row.close
        return dict(stored)

    async def session_results(self) -> dict[ResultKey, SessionResult]:
        """The results of the latest sessions of all targets."""
        return dict(map(rows.to_session_result, await self._rows(sa.select(session_results))))

    async def commit(
        self,
        states: Mapping[Subject, SubjectState],
        happened: Sequence[Notification],
        deliveries: Sequence[Delivery],
        subscribers_of: str | None = None,
        closes: Mapping[Symbol, ClosesBySession] | None = None,
        results: Results | None = None,
        notices: Sequence[IncidentNotice] = (),
    ) -> int:
        """Store states, notifications with deliveries, closes, results and notices of incidents: all or nothing.

        `deliveries` are those of configured chats; with `subscribers_of` the subscribers of that transport get the
        notifications too. A notification with a stored key, or one that amends a replaced one, is left out with its
        deliveries; returns their number. A chat that moved gets its delivery under its present name; a configured
        chat that is gone gets a failed one. Edits, amendments and replies go out as `Notification` says.
        """
        async with self._writing() as connection:
            if states:
                new = [rows.subject_state_row(*item) for item in states.items()]
                await _replace_by_key(connection, subject_states, new)
            if results:
                new = [rows.session_result_row(*item) for item in results.items()]
                await _replace_by_key(connection, session_results, new)
                await connection.execute(sa.delete(session_results).where(COUNT_LATER >= KEPT_RESULTS))
            if closes:
                by_session = [
                    {"symbol": symbol, "session": session, "close": close}
                    for symbol, of_symbol in closes.items()
                    for session, close in of_symbol.items()
                ]
                these = evaluated_closes.c.symbol.in_(tuple(closes))
                await replace_rows(connection, evaluated_closes, these, by_session)
            await record_incidents(connection, notices)
            added = 0
            for notification in happened:
                to_chats = [delivery for delivery in deliveries if delivery.event == notification.key]
                added += await publish(connection, notification, to_chats, subscribers_of)
        self._swept = None  # a new notification may have expired already
        return len(happened) - added

    async def picture(self, name: str) -> bytes | None:
        """The chart with the name `Delivery.picture`; None = its notification has expired."""
        stored = await self._rows(sa.select(charts.c.content).where(charts.c.name == name))
        return stored[0].content if stored else None

    async def told_of(self, shown_id: str, limit: int) -> list[Notification]:
        """The last `limit` notifications with this public id, newest first."""
        query = STORED.where(notifications.c.public_id == shown_id).order_by(notifications.c.id.desc()).limit(limit)
        return await self._notifications(query)

    async def _notifications(self, query: sa.Select[Any]) -> list[Notification]:
        """The notifications of a query of STORED, with their messages."""
        async with self._transaction() as connection:
            stored = (await connection.execute(query)).all()
            of_stored = texts.c.event.in_([row.id for row in stored])
            messages = (await connection.execute(sa.select(texts).where(of_stored).order_by(texts.c.position))).all()
        return [rows.to_notification(row, [text for text in messages if text.event == row.id]) for row in stored]


async def _replace_by_key(connection: AsyncConnection, table: sa.Table, new: Sequence[rows.Row]) -> None:
    """Insert rows in the place of those with the same primary key."""
    same = sa.and_(*(column == sa.bindparam(f"old_{column.name}") for column in table.primary_key))
    old = [{f"old_{column.name}": row[column.name] for column in table.primary_key} for row in new]
    await connection.execute(sa.delete(table).where(same), old)
    await connection.execute(sa.insert(table), new)


async def migrate_database(url: str) -> None:
    """Create or upgrade the tables at `url`; StoreError for newer tables and failures of the database."""
    database = await Database.open(url, upgrade=True)
    await database.close()
