from __future__ import annotations

from pathlib import Path

from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.model import ChatKind, Destination
from bot.settings.load import load_settings


def test_channels_groups_and_people(folder: Path) -> None:
    (folder / "bot.toml").write_text("""
        [[telegram.channels]]
        chat = "@falls"
        [[telegram.channels]]
        chat = -1001234567890
        language = "zh"
        lowest = "severe"
        baskets = ["memory"]
        [[telegram.channels]]
        chat = "-4567"
        [[telegram.channels]]
        chat = 4567
    """)
    assert load_settings(folder, {}).destinations() == (
        Destination("telegram", "@falls", ChatKind.CHANNEL),
        Destination("telegram", "-1001234567890", ChatKind.CHANNEL, "zh", Severity.SEVERE, (BasketId("memory"),)),
        Destination("telegram", "-4567", ChatKind.GROUP),
        Destination("telegram", "4567", ChatKind.PRIVATE),
    )


def test_a_topic_of_a_group(folder: Path) -> None:
    (folder / "bot.toml").write_text("""
        [[telegram.channels]]
        chat = -1001234567890
        topic = 12
    """)
    (only,) = load_settings(folder, {}).destinations()
    assert (only.chat, only.kind) == ("-1001234567890/12", ChatKind.GROUP)
