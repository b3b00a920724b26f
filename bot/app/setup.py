"""What do the settings mean for loop 1?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot.delivery.model import ChatKind, Destination
from bot.languages import languages
from bot.settings.load import Settings
from bot.watch.due import Timing
from bot.watch.turn import Setup


def setup_of(
    settings: Settings, destinations: Sequence[Destination] | None = None, *, subscribers_of: str | None = None
) -> Setup:
    """Whom to tell what: the configured chats unless other `destinations` are given, and subscribers.

    Every language that some chat reads is written; a subscriber may read any.
    """
    told = settings.destinations() if destinations is None else tuple(destinations)
    read = dict.fromkeys(one.language for one in told)
    return Setup(
        rulebook=settings.rulebook(),
        destinations=tuple(told),
        languages=languages() if subscribers_of else tuple(read or settings.delivery.languages),
        timing=replace(
            Timing(),
            settle=timedelta(minutes=settings.schedule.settle_minutes),
            expiry=timedelta(hours=settings.delivery.expiry_hours),
            provisional=settings.schedule.provisional,
        ),
        subscribers_of=subscribers_of,
        charts=settings.delivery.charts,
        config=settings.fingerprint(),
    )


def terminal_destinations(languages: Sequence[str]) -> tuple[Destination, ...]:
    """The terminal as a chat, once a language."""
    return tuple(Destination("terminal", f"terminal ({one})", ChatKind.TERMINAL, one) for one in languages)
