"""What does Telegram say of the bot itself, and may it post in a chat?"""

from __future__ import annotations

from dataclasses import dataclass

import telegram
from telegram.constants import ChatMemberStatus, ChatType

from bot.adapters.telegram.transport import Telegram
from bot.delivery import TOPIC

PRESENT = (ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR, ChatMemberStatus.MEMBER, ChatMemberStatus.RESTRICTED)


@dataclass(frozen=True, slots=True)
class Standing:
    """A chat's name and kind, and why the bot may not post there ("" = it may)."""

    title: str
    kind: str
    hindrance: str


async def introduced(bot: Telegram) -> str:
    """The bot's own name, once Telegram has taken its token. Raises Refused."""
    me = await bot.call(bot.bot.get_me())
    bot.name_of_bot = me.username or ""
    return bot.name_of_bot


async def has_webhook(bot: Telegram) -> bool:
    """Whether what people write goes to an address, and so never to us. Raises Refused."""
    return bool((await bot.call(bot.bot.get_webhook_info())).url)


async def standing(bot: Telegram, chat: str) -> Standing:
    """What the bot is in a chat; it must have been introduced. Raises Refused, above all if there is no such chat."""
    group, _, topic = chat.partition(TOPIC)
    about = await bot.call(bot.bot.get_chat(group))
    title = about.title or about.full_name or group
    if about.type == ChatType.PRIVATE:
        return Standing(title, about.type, "")
    me = await bot.call(bot.bot.get_chat_member(group, bot.bot.id))
    hindrance = _hindrance(about, me)
    if topic and not about.is_forum:
        hindrance = hindrance or "the group has no topics"
    return Standing(title, about.type, hindrance)


def _hindrance(about: telegram.ChatFullInfo, me: telegram.ChatMember) -> str:
    if me.status not in PRESENT:
        return "the bot is not in it"
    if isinstance(me, telegram.ChatMemberRestricted):
        return "" if me.is_member and me.can_send_messages else "the bot is restricted there and may not write"
    if about.type == ChatType.CHANNEL:
        if not isinstance(me, telegram.ChatMemberAdministrator):
            return "the bot is no administrator there"
        return "" if me.can_post_messages else "the bot is an administrator there without the right to post messages"
    members_may_not = about.permissions is not None and about.permissions.can_send_messages is False
    if members_may_not and isinstance(me, telegram.ChatMemberMember):
        return "only administrators may write there, and the bot is none"
    return ""
