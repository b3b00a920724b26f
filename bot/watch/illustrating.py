"""Which pictures do new alerts get, and how long may they wait for them?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from bot.baskets import Basket
from bot.chart.data import ChartData
from bot.delivery.model import Notification
from bot.errors import BotError
from bot.statistics.verdict import Verdict

PATIENCE = 4.0  # seconds in all: what is not drawn by then goes out as text

log = logging.getLogger(__name__)
Key = tuple[Basket, Verdict, str]


class Studio(Protocol):
    """Whoever draws charts."""

    def open(self) -> None:
        """There may be something to draw soon."""
        ...

    async def draw(self, facts: ChartData, language: str) -> bytes:
        """The chart as a PNG. Raises BotError if it cannot be drawn."""
        ...


async def illustrated(events: Sequence[Notification], studio: Studio) -> tuple[Notification, ...]:
    """These events with what could be drawn of them in time, the loudest first.

    A chart that fails costs its alert nothing but the picture.
    """
    drawn: dict[Key, bytes] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            for event in sorted(events, key=lambda one: -one.severity):
                await _draw(event, studio, drawn)
    except TimeoutError:
        log.warning("charts take longer than %s s: some alerts go without", PATIENCE)
    return tuple(_with(event, drawn) for event in events)


async def _draw(event: Notification, studio: Studio, drawn: dict[Key, bytes]) -> None:
    """The pictures of one event, unless another event has the same."""
    for language, key in _keys(event).items():
        assert event.chart is not None  # it has keys
        if key not in drawn:
            try:
                drawn[key] = await studio.draw(event.chart, language)
            except BotError as error:
                log.warning("a chart cannot be drawn, its alert goes without: %s", error)


def _with(event: Notification, drawn: dict[Key, bytes]) -> Notification:
    return replace(event, pictures={one: drawn[key] for one, key in _keys(event).items() if key in drawn})


def _keys(event: Notification) -> dict[str, Key]:
    """By language; what is the same in one batch is drawn once."""
    if event.chart is None:
        return {}
    basket, verdict = event.chart.basket, event.chart.verdict
    return {message.language: (basket, verdict, message.language) for message in event.messages}
