"""What does the server say about itself, its chats, and the commands of the bot?"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.fake_telegram.answers import Refused, bad, refusal
from tests.fake_telegram.chats import INSIDE, Chat, member
from tests.fake_telegram.ledger import Call
from tests.fake_telegram.texts import units

if TYPE_CHECKING:
    from tests.fake_telegram.server import FakeTelegram

TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
SCOPES = {"default", "all_private_chats", "all_group_chats", "all_chat_administrators"}
CHAT_SCOPES = {"chat", "chat_administrators", "chat_member"}


def get_me(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    abilities = ("can_join_groups", "can_read_all_group_messages", "supports_inline_queries")
    return telegram.me | dict(zip(abilities, (True, False, False), strict=True))


def get_chat(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    more = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(gifts, False)}
    return _known(telegram, call).as_json() | more


def get_chat_member(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    chat, number = _known(telegram, call), int(call.form["user_id"])
    if number == telegram.me["id"]:
        rights = {"can_post_messages": chat.may_post} if chat.kind == "channel" else {}
        return member(telegram.me, chat.bot, **rights)
    if number not in telegram.users:
        raise bad("PARTICIPANT_ID_INVALID")
    return member(telegram.users[number], chat.members.get(number, "left"))


def get_chat_administrators(telegram: FakeTelegram, call: Call) -> list[dict[str, Any]]:
    chat = _known(telegram, call)
    if chat.kind == "private":
        raise bad("there are no administrators in the private chat")
    leading = {
        number: standing for number, standing in chat.members.items() if standing in ("creator", "administrator")
    }
    found = [member(telegram.users[number], standing) for number, standing in leading.items()]
    return [*found, member(telegram.me, chat.bot)] if chat.bot == "administrator" else found


def _known(telegram: FakeTelegram, call: Call) -> Chat:
    chat = telegram.find(call.form.get("chat_id", ""))
    if not chat.declared:
        raise bad("chat not found")
    if chat.refuses is not None:
        raise Refused(chat.refuses)
    if chat.bot not in INSIDE:
        raise Refused(refusal(403, f"Forbidden: bot is not a member of the {chat.kind} chat"))
    return chat


def answer_callback_query(telegram: FakeTelegram, call: Call) -> bool:
    query = call.form.get("callback_query_id", "")
    if telegram.queries.get(query, "") is not None:
        raise bad(TOO_OLD)
    if units(call.form.get("text", "")) > 200:
        raise bad("MESSAGE_TOO_LONG")
    telegram.queries[query] = call.form.get("text", "")
    telegram.bell.ring()
    return True


def set_my_commands(telegram: FakeTelegram, call: Call) -> bool:
    commands = json.loads(call.form["commands"])
    if len(commands) > 100:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    for one in commands:
        if not re.fullmatch("[a-z0-9_]{1,32}", one["command"]):
            raise bad("BOT_COMMAND_INVALID")
        if not 1 <= units(one["description"]) <= 256:
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    telegram.commands[_place(call)] = {one["command"]: one["description"] for one in commands}
    return True


def get_my_commands(telegram: FakeTelegram, call: Call) -> list[dict[str, str]]:
    found = telegram.commands.get(_place(call), {})
    return [{"command": command, "description": description} for command, description in found.items()]


def delete_my_commands(telegram: FakeTelegram, call: Call) -> bool:
    telegram.commands.pop(_place(call), None)
    return True


def _place(call: Call) -> tuple[str, str]:
    """Scope and language: ("default", ""), ("all_private_chats", "ko"), ("chat:-100123", "")."""
    scope, language = json.loads(call.form.get("scope", '{"type": "default"}')), call.form.get("language_code", "")
    if scope["type"] not in (CHAT_SCOPES if "chat_id" in scope else SCOPES):
        raise bad("can't parse BotCommandScope: unsupported type specified")
    if not re.fullmatch("|[a-z]{2}", language):
        raise bad("invalid language code specified")
    return ":".join(str(scope[part]) for part in ("type", "chat_id", "user_id") if part in scope), language


def get_webhook_info(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    pending = len(telegram.updates.pending)
    return {"url": telegram.webhook, "has_custom_certificate": False, "pending_update_count": pending}


def delete_webhook(telegram: FakeTelegram, call: Call) -> bool:
    telegram.webhook = ""
    if call.form.get("drop_pending_updates") == "true":
        telegram.updates.forget()
    return True


async def get_updates(telegram: FakeTelegram, call: Call) -> list[dict[str, Any]]:
    return await telegram.updates.poll(call.form)


ASKING = {
    "getMe": get_me,
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "getChatAdministrators": get_chat_administrators,
    "answerCallbackQuery": answer_callback_query,
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
    "getUpdates": get_updates,
}
