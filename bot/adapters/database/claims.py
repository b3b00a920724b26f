"""Which deliveries may be sent now, and in which order?"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.adapters.database.rows import CHANGING, DELIVERIES, line_of, same_chat
from bot.adapters.database.tables import chats, events, outbox, pictures, waits
from bot.delivery import CHANGES, Manner, State


def _due() -> sa.Select[Any]:
    """The numbers of what may be sent at `now` by `transport`, the first `most` of it (Outbox.claim has the order).

    To send a chat's messages one at a time and in order is to hand out only the first that waits in each chat, and
    none while one is under way.
    """
    now = sa.bindparam("now", type_=outbox.c.expires.type)
    before, flying = outbox.alias("before"), outbox.alias("flying")
    under_way = sa.select(flying.c.id).where(
        same_chat(flying, outbox),
        flying.c.state == sa.literal_column("'sending'"),
    )
    earlier = before.c.id < outbox.c.id
    more_urgent = before.c.severe & ~outbox.c.severe
    as_urgent = before.c.severe == outbox.c.severe
    # An edit makes no sound: it passes what is kept for the end of quiet hours, but never what it edits. Messages do
    # not wait for edits and replies, for these may wait for a less urgent message.
    its_turn = (
        outbox.c.manner.not_in(CHANGES) & (before.c.manner == Manner.SEND) & (more_urgent | (as_urgent & earlier))
    )
    line = sa.select(events.c.original).where(events.c.id == outbox.c.event).correlate(outbox).scalar_subquery()
    its_line = (outbox.c.manner != Manner.SEND) & earlier & before.c.event.in_(line_of(line))
    waits_before = sa.select(before.c.id).where(
        same_chat(before, outbox),
        before.c.not_before.is_not(None) & (before.c.expires > now),
        its_turn | its_line,
    )
    return (
        sa.select(outbox.c.id)
        .where(outbox.c.transport == sa.bindparam("transport"), outbox.c.not_before <= now)
        .where(outbox.c.expires > now, outbox.c.chat.not_in(sa.bindparam("resting", expanding=True)))
        .where(_none(under_way), _none(waits_before))
        .order_by(outbox.c.severe.desc(), outbox.c.kind, outbox.c.id)
        .limit(sa.bindparam("most"))
    )


def _none(found: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """NOT EXISTS in words that PostgreSQL does not take for a join of everything with everything."""
    return found.limit(1).correlate(outbox).scalar_subquery().is_(None)


def _expire() -> sa.Update:
    """What has waited until `now` past its expiry is over; it stays uncertain if a copy may have arrived."""
    uncertain = outbox.c.state == State.UNCERTAIN
    return (
        sa.update(outbox)
        .where(waits, outbox.c.expires <= sa.bindparam("now"))
        .values(
            state=sa.case((uncertain, outbox.c.state), else_=sa.literal(State.EXPIRED, outbox.c.state.type)),
            not_before=None,
            reason=sa.case((outbox.c.reason == "", "waited past its expiry"), else_=outbox.c.reason),
        )
    )


# Built once: to build them takes longer than to run them.
DUE = _due()
# SQLite has one writer, and no words for what is locked.
CLAIM = DELIVERIES.where(outbox.c.id.in_(DUE.with_for_update(skip_locked=True)))
# What an answer is for, and whether there is something of its chat to be forgotten when it is heard again.
UNDER_WAY = sa.select(
    *(outbox.c[name] for name in ("id", "event", "chat", "cancelled")),
    sa.exists().where(same_chat(chats, outbox)).label("noted"),
).where(outbox.c.id.in_(sa.bindparam("ids", expanding=True)), outbox.c.state == State.SENDING)
EXPIRE = _expire()
FADE = sa.delete(pictures).where(pictures.c.expires <= sa.bindparam("now"))
# Whether an event ceased to be news: what waits has the expiry of its event, and is too much to look through often.
EXPIRED = (
    sa.select(events.c.id)
    .where(events.c.expires > sa.bindparam("since"), events.c.expires <= sa.bindparam("now"))
    .limit(1)
)
THESE = outbox.c.id.in_(sa.bindparam("ids", expanding=True))
# What was to be added to a message that is not there after all.
VOID = (
    sa.update(outbox)
    .where(THESE)
    .values(state=State.SUPERSEDED, not_before=None, reason="there is no message to add it to")
)
TAKE = sa.update(outbox).where(THESE).values(state=State.SENDING, not_before=None)
PROGRESS = (
    sa.update(outbox).where(outbox.c.id == sa.bindparam("row")).values({name: sa.bindparam(name) for name in CHANGING})
)
