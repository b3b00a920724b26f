"""How are questions heard, and replies brought to those who asked?"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

import telegram
from telegram.constants import ChatMemberStatus, ParseMode

from bot.adapters.telegram.standing import introduced
from bot.adapters.telegram.transport import Refused, Telegram, answer_to
from bot.adapters.telegram.updates import heard
from bot.clock import Clock
from bot.conversation import ALLOWED, MENU, Ask, Reply, Role, does
from bot.converse import Deaf, Heard
from bot.delivery import BadToken, Gone, Kind, Outcome, Sent, Soft
from bot.messages import catalogue, languages

LONG_POLL = 30  # seconds that Telegram holds a look for updates
UPDATES = ("message", "callback_query")
SURE_FOR = 60.0  # seconds for which it is known who administers a group
MOST_KNOWN = 1000
ADMINISTRATORS = (ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR)

log = logging.getLogger(__name__)


class TelegramLine:
    """Questions and replies over Telegram; `operators`, who may become others, see their commands in the menu."""

    def __init__(self, telegram: Telegram, clock: Clock, operators: Collection[int] = ()) -> None:
        self._telegram = telegram
        self._clock = clock
        self._operators = operators
        self._shown: frozenset[int] | None = None  # who has the menu of an operator; None = nobody has any yet
        self._administrators: dict[tuple[str, int], tuple[float, bool]] = {}

    async def hear(self, after: int) -> Sequence[Heard]:
        """What arrived after the number `after`; the first time, the bot learns its own name before.

        Menus are shown then, and anew when the operators are others. Raises Deaf.
        """
        try:
            if self._shown is None:
                await introduced(self._telegram)
            if self._shown != frozenset(self._operators):
                await self._show_menus()
            updates = await self._telegram.call(
                self._telegram.bot.get_updates(
                    offset=after + 1 if after >= 0 else None, timeout=LONG_POLL, allowed_updates=UPDATES
                )
            )
        except Refused as refused:
            raise Deaf(str(refused), token=isinstance(refused.outcome, BadToken)) from refused
        return [heard(one, self._telegram.name_of_bot) for one in updates]

    async def acknowledge(self, heard: Heard) -> None:
        """Take the waiting sign off a pressed button; Telegram does so by itself after a while if this fails."""
        try:
            await self._telegram.call(self._telegram.bot.answer_callback_query(heard.press))
        except Refused as refused:
            log.info("a pressed button could not be acknowledged: %s", refused)

    async def reply(self, ask: Ask, reply: Reply, message_id: int | None) -> Outcome:
        # In a group it shows who is answered, and stays in the topic.
        target = message_id if ask.kind is Kind.GROUP else None
        try:
            if reply.content:
                return Sent(await self._send_file(ask.chat, reply, target))
            return Sent(await self._telegram.post(ask.chat, reply.message, reply.buttons, target=target))
        except Refused as refused:
            return refused.outcome

    async def administers(self, chat: str, user: int) -> bool:
        """Whether `user` administers the group `chat`; what cannot be found out counts as no."""
        now = self._clock.monotonic()
        known = self._administrators.get((chat, user))
        if known is not None and now < known[0]:
            return known[1]
        try:
            member = await self._telegram.call(self._telegram.bot.get_chat_member(chat, user))
        except Refused as refused:
            log.warning("nobody can say who administers a group, so nobody does: %s", refused)
            return False
        if len(self._administrators) >= MOST_KNOWN:
            self._administrators.clear()
        self._administrators[chat, user] = (now + SURE_FOR, member.status in ADMINISTRATORS)
        return member.status in ADMINISTRATORS

    async def _send_file(self, chat: str, reply: Reply, target: int | None) -> int:
        bot, file = self._telegram.bot, telegram.InputFile(reply.content, filename=reply.file_name)
        send = bot.send_photo if reply.file_name.endswith(".png") else bot.send_document
        work = send(
            chat,
            file,
            reply.message.html,
            parse_mode=ParseMode.HTML,
            reply_parameters=answer_to(target),
            reply_markup=self._telegram.keyboard(reply.buttons),
        )
        return (await self._telegram.call(work)).message_id

    async def _show_menus(self) -> None:
        """Show the commands where they may be given. A menu that fails is no harm."""
        before, self._shown = self._shown or frozenset(), frozenset(self._operators)
        for scope, role in self._scopes(before - self._shown):
            try:
                for language in ("", *languages()):
                    await self._show(scope, role, language)
            except Refused as refused:
                log.warning("the menu of commands could not be shown: %s", refused)
                if not isinstance(refused.outcome, Gone | Soft):  # an operator who never wrote to the bot is no chat
                    return

    def _scopes(self, former: Collection[int]) -> list[tuple[telegram.BotCommandScope, Role]]:
        return [
            (telegram.BotCommandScopeAllPrivateChats(), Role.PERSON),
            (telegram.BotCommandScopeAllGroupChats(), Role.MEMBER),
            (telegram.BotCommandScopeAllChatAdministrators(), Role.ADMINISTRATOR),
            *((telegram.BotCommandScopeChat(one), Role.OPERATOR) for one in self._operators),
            *((telegram.BotCommandScopeChat(one), Role.PERSON) for one in former),
        ]

    async def _show(self, scope: telegram.BotCommandScope, role: Role, language: str) -> None:
        """The menu of one scope; without a language it is for all that have none of their own."""
        words = catalogue(language or "en")
        listed = [(one.name, does(one, words)) for one in MENU if role in ALLOWED[one.audience]]
        await self._telegram.call(self._telegram.bot.set_my_commands(listed, scope, language or None))
