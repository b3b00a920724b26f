"""Polling, replies, command menu, administrators; permissions of the bot in a chat."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import telegram
from telegram.constants import ChatMemberStatus, ChatType, ParseMode

from bot.adapters.telegram.client import RequestFailed, TelegramClient, reply_parameters
from bot.adapters.telegram.updates import parse_update
from bot.chat.requests import ALLOWED, ChatRequest, ChatRole, Reply
from bot.chat.router import MENU, command_summary
from bot.chat.service import IncomingUpdate, PollError
from bot.clock import Clock
from bot.delivery.attempts import ChatGone, ChatRefused, SendOutcome, Sent, TokenRejected
from bot.delivery.model import TOPIC, ChatKind
from bot.languages import languages
from bot.messages.catalogue import load_catalogue

LONG_POLL = 30  # seconds of one long poll
UPDATES = ("message", "callback_query")
SURE_FOR = 60.0  # seconds for which the answer about an administrator is valid
MAX_REMEMBERED = 1000
ADMINISTRATORS = (ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR)

log = logging.getLogger(__name__)


class TelegramGateway:
    """Chat gateway of Telegram; `operators` (live: it may change) get the operator commands in their menu."""

    def __init__(self, telegram: TelegramClient, clock: Clock, operators: Collection[int] = ()) -> None:
        self._telegram = telegram
        self._clock = clock
        self._operators = operators
        self._shown: frozenset[int] | None = None  # operators with a menu; None = before the first poll
        self._administrators: dict[tuple[str, int], tuple[float, bool]] = {}

    async def poll(self, after: int) -> Sequence[IncomingUpdate]:
        """The updates after the update id `after`. Raises PollError.

        The first poll fetches the name of the bot and sets the menus, later ones update them for changed operators.
        """
        try:
            if self._shown is None:
                await fetch_bot_name(self._telegram)
            if self._shown != frozenset(self._operators):
                await self._show_menus()
            updates = await self._telegram.call(
                self._telegram.bot.get_updates(
                    offset=after + 1 if after >= 0 else None, timeout=LONG_POLL, allowed_updates=UPDATES
                )
            )
        except RequestFailed as refused:
            raise PollError(str(refused), token=isinstance(refused.outcome, TokenRejected)) from refused
        return [parse_update(update, self._telegram.name_of_bot) for update in updates]

    async def acknowledge(self, update: IncomingUpdate) -> None:
        """End the progress mark of a pressed button; if that fails, Telegram ends it after a while."""
        try:
            await self._telegram.call(self._telegram.bot.answer_callback_query(update.button_press))
        except RequestFailed as refused:
            log.info("a pressed button could not be acknowledged: %s", refused)

    async def reply(self, request: ChatRequest, reply: Reply, message_id: int | None) -> SendOutcome:
        # A reply in a group names its request and stays in the topic.
        target = message_id if request.kind is ChatKind.GROUP else None
        try:
            if not reply.content:
                return Sent(await self._telegram.post(request.chat, reply.message, reply.buttons, target=target))
            bot, file = self._telegram.bot, telegram.InputFile(reply.content, filename=reply.file_name)
            send = bot.send_photo if reply.file_name.endswith(".png") else bot.send_document
            work = send(
                request.chat,
                file,
                reply.message.html,
                parse_mode=ParseMode.HTML,
                reply_parameters=reply_parameters(target),
                reply_markup=self._telegram.keyboard(reply.buttons),
            )
            return Sent((await self._telegram.call(work)).message_id)
        except RequestFailed as refused:
            return refused.outcome

    async def administers(self, chat: str, user: int) -> bool:
        """Whether `user` administers the group `chat`; False if Telegram does not answer."""
        now = self._clock.monotonic()
        valid_until, is_administrator = self._administrators.get((chat, user), (now, False))
        if now < valid_until:
            return is_administrator
        try:
            member = await self._telegram.call(self._telegram.bot.get_chat_member(chat, user))
        except RequestFailed as refused:
            log.warning("nobody can say who administers a group, so nobody does: %s", refused)
            return False
        if len(self._administrators) >= MAX_REMEMBERED:
            self._administrators.clear()
        self._administrators[chat, user] = (now + SURE_FOR, member.status in ADMINISTRATORS)
        return member.status in ADMINISTRATORS

    async def _show_menus(self) -> None:
        """Set the menus of commands by scope; a failure is logged only."""
        before, self._shown = self._shown or frozenset(), frozenset(self._operators)
        scopes: list[tuple[telegram.BotCommandScope, ChatRole]] = [
            (telegram.BotCommandScopeAllPrivateChats(), ChatRole.PERSON),
            (telegram.BotCommandScopeAllGroupChats(), ChatRole.MEMBER),
            (telegram.BotCommandScopeAllChatAdministrators(), ChatRole.ADMINISTRATOR),
            *((telegram.BotCommandScopeChat(user), ChatRole.OPERATOR) for user in self._operators),
            *((telegram.BotCommandScopeChat(user), ChatRole.PERSON) for user in before - self._shown),
        ]
        for scope, role in scopes:
            try:
                for language in ("", *languages()):
                    await self._show(scope, role, language)
            except RequestFailed as refused:
                log.warning("the menu of commands could not be shown: %s", refused)
                # The chat of an operator who never wrote to the bot does not exist.
                if not isinstance(refused.outcome, ChatGone | ChatRefused):
                    return

    async def _show(self, scope: telegram.BotCommandScope, role: ChatRole, language: str) -> None:
        """Set the menu of a scope; "" = for all languages without a menu."""
        catalogue = load_catalogue(language or "en")
        listed = [
            (command.name, command_summary(command, catalogue)) for command in MENU if role in ALLOWED[command.audience]
        ]
        await self._telegram.call(self._telegram.bot.set_my_commands(listed, scope, language or None))


PRESENT = (ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR, ChatMemberStatus.MEMBER, ChatMemberStatus.RESTRICTED)


@dataclass(frozen=True, slots=True)
class ChatPermissions:
    """Title and type of a chat, and the reason why the bot may not post there ("" = it may)."""

    title: str
    kind: str
    hindrance: str


async def fetch_bot_name(bot: TelegramClient) -> str:
    """The user name of the bot, also stored in `bot`. Raises RequestFailed."""
    me = await bot.call(bot.bot.get_me())
    bot.name_of_bot = me.username or ""
    return bot.name_of_bot


async def has_webhook(bot: TelegramClient) -> bool:
    """Whether a webhook gets the updates, which then never reach a poll. Raises RequestFailed."""
    return bool((await bot.call(bot.bot.get_webhook_info())).url)


async def fetch_permissions(bot: TelegramClient, chat: str) -> ChatPermissions:
    """The permissions of the bot in a chat, once its name is fetched. Raises RequestFailed, as for an unknown chat."""
    group, _, topic = chat.partition(TOPIC)
    info = await bot.call(bot.bot.get_chat(group))
    title = info.title or info.full_name or group
    if info.type == ChatType.PRIVATE:
        return ChatPermissions(title, info.type, "")
    me = await bot.call(bot.bot.get_chat_member(group, bot.bot.id))
    hindrance = _hindrance(info, me)
    if topic and not info.is_forum:
        hindrance = hindrance or "the group has no topics"
    return ChatPermissions(title, info.type, hindrance)


def _hindrance(info: telegram.ChatFullInfo, me: telegram.ChatMember) -> str:
    if me.status not in PRESENT:
        return "the bot is not in it"
    if isinstance(me, telegram.ChatMemberRestricted):
        return "" if me.is_member and me.can_send_messages else "the bot is restricted there and may not write"
    if info.type == ChatType.CHANNEL:
        if not isinstance(me, telegram.ChatMemberAdministrator):
            return "the bot is no administrator there"
        return "" if me.can_post_messages else "the bot is an administrator there without the right to post messages"
    members_may_not = info.permissions is not None and info.permissions.can_send_messages is False
    if members_may_not and isinstance(me, telegram.ChatMemberMember):
        return "only administrators may write there, and the bot is none"
    return ""
