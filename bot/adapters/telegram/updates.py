"""Telegram update -> chat request."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import telegram
from telegram.constants import ChatType

from bot.adapters.telegram.outcomes import FAILURES
from bot.chat.requests import ChatRequest
from bot.chat.service import IncomingUpdate
from bot.delivery.model import ChatKind

COMMAND = re.compile(r"/(\w{1,32})(?:@(\w+))?(?:\s|$)")
# The payload of a link holds letters, digits and underscores only; linked commands change nothing.
LINK_GAP = "__"
LINKED = ("status", "chart", "why")
KINDS: dict[str, ChatKind] = {
    ChatType.PRIVATE: ChatKind.PRIVATE,
    ChatType.GROUP: ChatKind.GROUP,
    ChatType.SUPERGROUP: ChatKind.GROUP,
}
MAX_COMMAND_LENGTH = 600  # characters of a command; the rest is ignored

log = logging.getLogger(__name__)


def drop_unreadable(payload: bytes) -> bytes:
    """The payload of updates without the content of unreadable updates.

    The library reads all updates or none, and unread updates are never confirmed: one unreadable update would block all
    others for ever.
    """
    try:
        answer = json.loads(payload)
        bad = [update for update in answer["result"] if not _is_readable(update)]
    except FAILURES:
        return payload
    for update in bad:
        log.warning("an update cannot be read and is passed over", extra={"update": update["update_id"]})
        for key in update.keys() - {"update_id"}:
            del update[key]
    return json.dumps(answer).encode() if bad else payload


def _is_readable(update: dict[str, Any]) -> bool:
    """Whether the library can read the update; FAILURES if it is no update at all."""
    int(update["update_id"])
    try:
        telegram.Update.de_json(update)
    except FAILURES:
        return False
    return True


def parse_update(update: telegram.Update, name_of_bot: str) -> IncomingUpdate:
    """The request, button press or chat move in an update; most messages of groups hold none."""
    query = update.callback_query
    if query is not None:
        return _press_to_request(update.update_id, query)
    message = update.effective_message
    if message is None:
        return IncomingUpdate(update.update_id)
    if message.migrate_to_chat_id is not None:
        return IncomingUpdate(update.update_id, moved=(str(message.chat.id), str(message.migrate_to_chat_id)))
    edited = update.edited_message is not None or update.edited_channel_post is not None
    if edited or message.forward_origin is not None:
        return IncomingUpdate(update.update_id)  # edited and forwarded messages are no commands
    return IncomingUpdate(update.update_id, _to_request(message, name_of_bot), message_id=message.message_id)


def _press_to_request(number: int, query: telegram.CallbackQuery) -> IncomingUpdate:
    """The request of a button, in the chat of its message; none without a message or a command."""
    if query.message is None or not query.data:
        return IncomingUpdate(number, button_press=query.id)
    command, *words = query.data.split() or [""]
    chat = query.message.chat
    request = ChatRequest(
        chat=str(chat.id),
        kind=_kind(chat),
        user=query.from_user.id,
        command=command,
        words=tuple(words),
        language=query.from_user.language_code or "",
    )
    return IncomingUpdate(number, request, button_press=query.id, message_id=query.message.message_id)


def _to_request(message: telegram.Message, name_of_bot: str) -> ChatRequest | None:
    text = (message.text or "")[:MAX_COMMAND_LENGTH]
    match = COMMAND.match(text)
    if match and match[2] and match[2].lower() != name_of_bot.lower():
        return None  # a command for another bot
    words = tuple(text[match.end() :].split()) if match else ()
    command = match[1].lower() if match else ""
    if command == "start" and words and words[0].startswith(tuple(f"{linked}{LINK_GAP}" for linked in LINKED)):
        command, *payload = words[0].split(LINK_GAP)
        words = tuple(payload)
    sender = message.sender_chat
    person = message.from_user if sender is None else None
    return ChatRequest(
        chat=str(message.chat.id),
        kind=_kind(message.chat),
        user=person.id if person else None,
        command=command,
        words=words,
        language=(person.language_code if person else None) or "",
        anonymous=sender is not None and sender.id == message.chat.id and message.chat.type != ChatType.CHANNEL,
    )


def _kind(chat: telegram.Chat) -> ChatKind:
    """The kind of a chat; unknown types count as channels, which get no answers."""
    return KINDS.get(chat.type, ChatKind.CHANNEL)
