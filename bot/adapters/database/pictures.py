"""Where are the pictures of events kept, as long as they are to be sent?"""

from __future__ import annotations

from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database.tables import bodies, events, pictures
from bot.delivery import Event


async def keep_pictures(connection: AsyncConnection, event: Event) -> dict[str, str]:
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


async def pictures_of(connection: AsyncConnection, event: Event) -> dict[str, str]:
    """The names of the pictures, by language, of the event that `event` amends: it has the same."""
    query = sa.select(bodies.c.language, bodies.c.picture).join(events, events.c.id == bodies.c.event)
    return {row.language: row.picture for row in await connection.execute(query.where(events.c.key == event.original))}
