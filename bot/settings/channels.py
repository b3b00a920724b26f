"""Which chats did the operator name, and what do they want to hear?"""

from __future__ import annotations

from collections.abc import Sequence

from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.deliveries import TOPIC, Destination, Kind
from bot.settings.tables import ChannelTable


def destinations(channels: Sequence[ChannelTable]) -> tuple[Destination, ...]:
    return tuple(
        Destination(
            transport="telegram",
            chat=channel.chat if channel.topic is None else f"{channel.chat}{TOPIC}{channel.topic}",
            kind=_kind(channel.chat) if channel.topic is None else Kind.GROUP,
            language=channel.language,
            lowest=Severity[channel.lowest.upper()],
            baskets=None if "*" in channel.baskets else tuple(map(BasketId, channel.baskets)),
        )
        for channel in channels
    )


def _kind(chat: str) -> Kind:
    """Telegram numbers people from 1 up, groups from -1 down, channels and large groups from -100 and ten digits on."""
    if chat.startswith(("@", "-100")):
        return Kind.CHANNEL
    return Kind.GROUP if chat.startswith("-") else Kind.PRIVATE
