"""Which commands are in a text, and for whom?"""

from __future__ import annotations

import re
from typing import Any

from tests.fake_telegram.texts import units

COMMAND = re.compile(r"(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@(\w+))?")


def commands_in(text: str) -> list[dict[str, Any]]:
    """The entities that Telegram finds for the commands in `text`."""
    return [
        {"type": "bot_command", "offset": units(text[: found.start()]), "length": units(found[0])}
        for found in COMMAND.finditer(text)
    ]


def is_for(name: str, text: str) -> bool:
    """Whether `text` has a command that the bot of this name could be meant by."""
    return any(found[1] in (None, name) for found in COMMAND.finditer(text))
