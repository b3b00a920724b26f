"""Router of requests to handlers: command menu, permissions, throttle."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace

from bot.chart.data import ChartData
from bot.chat import market_handlers, operator_handlers, subscription_handlers
from bot.chat.requests import (
    ALLOWED,
    Admission,
    Audience,
    BotService,
    ChatRequest,
    ChatStore,
    HandlerContext,
    InvalidRequest,
    Reply,
    Throttle,
    role_of,
    supported_language,
    text_reply,
)
from bot.clock import Clock
from bot.delivery.formatting import LONGEST, LONGEST_CAPTION, fit_to_limit
from bot.delivery.model import ChatKind
from bot.delivery.subscribers import Subscriber
from bot.errors import BotError
from bot.messages.catalogue import Catalogue, load_catalogue

DECIDERS, EVERYONE, OPERATORS = Audience.DECIDERS, Audience.EVERYONE, Audience.OPERATORS

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChatCommand:
    """A command: name without the slash, audience, handler."""

    name: str
    audience: Audience
    handler: Callable[[HandlerContext], Awaitable[Reply]]


async def help_(ctx: HandlerContext) -> Reply:
    lines = [
        ctx.say("chat_help_line", name=command.name, does=command_summary(command, ctx.catalogue))
        for command in MENU
        if command.audience is not OPERATORS
    ]
    return ctx.reply(ctx.say("chat_purpose"), *lines)


def command_summary(command: ChatCommand, catalogue: Catalogue) -> str:
    """A few words about the command."""
    return catalogue.say(f"chat_cmd_{command.name}")


MENU = (
    ChatCommand("start", EVERYONE, subscription_handlers.start),
    ChatCommand("help", EVERYONE, help_),
    ChatCommand("subscribe", DECIDERS, subscription_handlers.subscribe),
    ChatCommand("unsubscribe", DECIDERS, subscription_handlers.unsubscribe),
    ChatCommand("stop", DECIDERS, subscription_handlers.stop),
    ChatCommand("baskets", EVERYONE, market_handlers.baskets),
    ChatCommand("status", EVERYONE, market_handlers.status),
    ChatCommand("worst", EVERYONE, market_handlers.worst),
    ChatCommand("chart", EVERYONE, market_handlers.chart),
    ChatCommand("why", EVERYONE, market_handlers.why),
    ChatCommand("whatif", EVERYONE, market_handlers.whatif),
    ChatCommand("level", DECIDERS, subscription_handlers.level),
    ChatCommand("mute", DECIDERS, subscription_handlers.mute),
    ChatCommand("unmute", DECIDERS, subscription_handlers.unmute),
    ChatCommand("quiet", DECIDERS, subscription_handlers.quiet),
    ChatCommand("timezone", DECIDERS, subscription_handlers.timezone),
    ChatCommand("language", DECIDERS, subscription_handlers.language),
    ChatCommand("settings", DECIDERS, subscription_handlers.settings),
    ChatCommand("privacy", EVERYONE, subscription_handlers.privacy),
    ChatCommand("export", DECIDERS, subscription_handlers.export),
    ChatCommand("delete", DECIDERS, subscription_handlers.delete),
    ChatCommand("health", OPERATORS, operator_handlers.health),
    ChatCommand("reload", OPERATORS, operator_handlers.reload),
    ChatCommand("silence", OPERATORS, operator_handlers.silence),
    ChatCommand("outbox", OPERATORS, operator_handlers.outbox),
    ChatCommand("note", OPERATORS, operator_handlers.note),
    ChatCommand("tune", OPERATORS, operator_handlers.tune),
)
COMMANDS = {command.name: command for command in MENU}


@dataclass(frozen=True, slots=True)
class ChatRouter:
    """Answers the requests of one transport.

    `operators` are the operators' user numbers, and may change; `administers` tells whether a user administers a group
    (in doubt: no).
    """

    transport: str
    store: ChatStore
    bot: BotService
    clock: Clock
    render_chart: Callable[[ChartData, str], Awaitable[bytes]]
    administers: Callable[[str, int], Awaitable[bool]]
    operators: Collection[int] = frozenset()
    throttle: Throttle = field(default_factory=Throttle)

    async def handle_request(self, request: ChatRequest) -> Reply | None:
        """The reply; None = silence. Refusals of the throttle and errors of the bot are replies, too.

        In a group only commands are answered: people talk to each other there.
        """
        # A start with a basket, as links have it, is a subscription.
        command = COMMANDS.get("subscribe" if request.command == "start" and request.words else request.command)
        nobody = request.kind is ChatKind.CHANNEL or (request.kind is ChatKind.PRIVATE and request.user is None)
        if nobody or (command is None and request.kind is ChatKind.GROUP):
            return None
        user = [] if request.user is None else [f"user {request.user}"]
        admission = self.throttle.admit([f"chat {request.chat}", *user], self.clock.monotonic())
        if admission is Admission.IGNORED:
            return None
        if admission is Admission.REFUSED:
            return error_reply(request, "chat_slower")
        try:
            reply = await self._handle(request, command)
        except BotError as error:
            log.warning("%s could not be answered: %s", request.command, error)
            return error_reply(request)
        return replace(reply, message=fit_to_limit(reply.message, LONGEST_CAPTION if reply.content else LONGEST))

    async def _handle(self, request: ChatRequest, command: ChatCommand | None) -> Reply:
        subscriber = await self.store.subscriber(self.transport, request.chat) or Subscriber(
            self.transport, request.chat, request.kind, self.clock.now(), supported_language(request.language)
        )
        ctx = HandlerContext(request, subscriber, self.store, self.bot, self.clock, self.render_chart)
        if command is None:
            return ctx.reply(ctx.say("chat_not_understood"))
        if not await self._may(request, command.audience):
            return ctx.reply(ctx.say(f"chat_only_{command.audience.value}"))
        try:
            return await command.handler(ctx)
        except InvalidRequest as error:
            return ctx.reply(*error.lines, buttons=error.buttons)

    async def _may(self, request: ChatRequest, audience: Audience) -> bool:
        administers = False
        if audience is DECIDERS and request.kind is ChatKind.GROUP and request.user is not None:
            administers = await self.administers(request.chat, request.user)
        role = role_of(request, operator=request.user in self.operators, administers=administers)
        return role in ALLOWED[audience]


def error_reply(request: ChatRequest, phrase: str = "chat_trouble") -> Reply:
    """A reply of one phrase, in the language of the person's own program, without the database."""
    phrases = load_catalogue(supported_language(request.language))
    return text_reply(phrases, phrases.say(phrase))
