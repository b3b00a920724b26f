"""Does Telegram know the bot, can people talk to it, and may it post where it is told to?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from bot.app.doctor.finding import Finding, Mark, failed
from bot.delivery import BadToken, Gone, Moved, Outcome, Soft
from bot.errors import ConfigError, SourceUnreachable, TokenRefused
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.adapters.telegram import Telegram

NO_TOKEN = "there is none, so alerts go to the terminal"  # noqa: S105  words, no token
GIVE_ONE = "Give one as BOT_TELEGRAM__TOKEN, or in the file that BOT_TELEGRAM__TOKEN_FILE names."
LET_IT_POST = (
    "Make the bot an administrator of the channel with the right to post messages, or let it write in the group."
)
NAME_IT = "Correct chat in bot.toml, and add the bot there."
WEBHOOK = (
    "Telegram hands what people write to a webhook, so the bot hears nobody",
    "Take it away once: call deleteWebhook of the Bot API with the token.",
)


async def check_telegram(settings: Settings, telegram: Telegram | None) -> AsyncIterator[Finding]:
    """The token, the way people's words take, each configured chat, and each operator."""
    if telegram is None:
        yield Finding("token", Mark.WARN, NO_TOKEN, GIVE_ONE)
        return
    from bot.adapters.telegram import Refused, has_webhook, introduced  # noqa: PLC0415 - not needed without a token

    try:
        name = await introduced(telegram)
        hooked = await has_webhook(telegram)
    except Refused as refused:
        yield _unheard(refused.outcome)
        return
    yield Finding("token", Mark.OK, f"Telegram knows it: @{name}")
    yield (
        Finding("webhook", Mark.FAIL, *WEBHOOK, ConfigError.exit_code)
        if hooked
        else Finding("webhook", Mark.OK, "none, so the bot can ask for what people write")
    )
    if not settings.telegram.channels:
        yield Finding("chats", Mark.OK, "none is configured; people subscribe by /start")
    for one in settings.destinations():
        yield await _chat(telegram, one.chat)
    for number in settings.telegram.operators:
        yield await _operator(telegram, number, name)


def _unheard(outcome: Outcome) -> Finding:
    if isinstance(outcome, BadToken):
        return failed("token", TokenRefused())
    remedy = "Look at the network, a firewall, and telegram.base_url; a running bot keeps what waits."
    return Finding(
        "token", Mark.FAIL, f"Telegram cannot be asked: {_why(outcome)}", remedy, SourceUnreachable.exit_code
    )


async def _chat(telegram: Telegram, chat: str) -> Finding:
    from bot.adapters.telegram import Refused, standing  # noqa: PLC0415 - as above

    subject, code = f"chat {chat}", ConfigError.exit_code
    try:
        found = await standing(telegram, chat)
    except Refused as refused:
        if isinstance(refused.outcome, Moved):
            seen = f"the group has another number now, {refused.outcome.chat}"
            return Finding(subject, Mark.WARN, seen, "Write that number into bot.toml.")
        if isinstance(refused.outcome, Gone | Soft):
            return Finding(subject, Mark.FAIL, _why(refused.outcome), NAME_IT, code)
        return Finding(subject, Mark.FAIL, _why(refused.outcome), "Ask again in a minute.", SourceUnreachable.exit_code)
    if found.hindrance:
        return Finding(subject, Mark.FAIL, f"{found.title} ({found.kind}): {found.hindrance}", LET_IT_POST, code)
    return Finding(subject, Mark.OK, f"{found.title} ({found.kind}): the bot may post there")


async def _operator(telegram: Telegram, number: int, name: str) -> Finding:
    from bot.adapters.telegram import Refused, standing  # noqa: PLC0415 - as above

    try:
        found = await standing(telegram, str(number))
    except Refused as refused:
        remedy = f"Open @{name} in Telegram and send /start once: before that, Telegram lets no bot write to anybody."
        return Finding(f"operator {number}", Mark.WARN, f"cannot be written to: {_why(refused.outcome)}", remedy)
    return Finding(f"operator {number}", Mark.OK, f"{found.title} can be written to")


def _why(outcome: Outcome) -> str:
    """Telegram's own words, without the library's name for them."""
    reason = str(getattr(outcome, "reason", outcome))
    return reason.partition(": ")[2] or reason
