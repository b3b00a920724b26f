"""Does a message reach the chats?"""

from __future__ import annotations

import asyncio
import os
import sys

from rich.console import Console

from bot.cli.options import Config
from bot.errors import BotError
from bot.settings import Settings, load_settings


class Unreached(BotError):
    """A chat did not take the test message."""

    exit_code = 3


def command(config: Config = None) -> None:
    """Send a test message to every configured chat (without a token, to this terminal)."""
    from bot.adapters import logs  # noqa: PLC0415 - commands import what they need and no more

    settings = load_settings(config, os.environ)
    logs.set_up("WARNING", secrets=[settings.telegram.token.get_secret_value()])
    failed = asyncio.run(_send(settings))
    if failed:
        raise Unreached(f"{failed} chat{'s' * (failed != 1)} did not get the message; the reasons stand above.")


async def _send(settings: Settings) -> int:
    from bot.adapters.terminal import Terminal  # noqa: PLC0415
    from bot.app.setup import terminal_destinations  # noqa: PLC0415
    from bot.app.worker import telegram_of  # noqa: PLC0415
    from bot.clock import SystemClock  # noqa: PLC0415
    from bot.delivery import Sent  # noqa: PLC0415
    from bot.dispatch import send_test  # noqa: PLC0415
    from bot.messages import catalogue  # noqa: PLC0415

    clock, console, failed = SystemClock(), Console(highlight=False), 0
    async with telegram_of(settings) as telegram:
        transport = telegram or Terminal(sys.stdout, clock)
        destinations = settings.destinations() if telegram else terminal_destinations(settings.delivery.languages)
        for one in destinations:
            outcome = await send_test(transport, one, catalogue(one.language).say("test_message"), clock)
            reached = isinstance(outcome, Sent)
            failed += not reached
            console.print(f"{one.chat}: {'sent' if reached else outcome}", markup=False)
        if not destinations:
            raise Unreached("No chat is configured. Name one under [[telegram.channels]] in bot.toml.")
    return failed
