"""What does an update of Telegram ask of us?"""

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
# What a link carries may hold letters, digits and underscores alone; whoever follows one only looks at something.
LINK_GAP = "__"
LINKED = ("status", "chart", "why")
KINDS: dict[str, ChatKind] = {
    ChatType.PRIVATE: ChatKind.PRIVATE,
    ChatType.GROUP: ChatKind.GROUP,
    ChatType.SUPERGROUP: ChatKind.GROUP,
}
MAX_COMMAND_LENGTH = 600  # characters of a command; what comes after is not read

log = logging.getLogger(__name__)


def drop_unreadable(payload: bytes) -> bytes:
    """The answer to a look for updates, without the content of those that the library cannot read.

    It reads all or nothing, and what is not read is not confirmed: one update would keep all others from us for ever.
    """
    try:
        told = json.loads(payload)
        bad = [one for one in told["result"] if not _is_readable(one)]
    except FAILURES:
        return payload
    for one in bad:
        log.warning("an update cannot be read and is passed over", extra={"update": one["update_id"]})
        for key in one.keys() - {"update_id"}:
            del one[key]
    return json.dumps(told).encode() if bad else payload


def _is_readable(update: dict[str, Any]) -> bool:
    """Whether the library can read it; FAILURES if it is no update at all."""
    int(update["update_id"])
    try:
        telegram.Update.de_json(update)
    except FAILURES:
        return False
    return True


def parse_update(update: telegram.Update, name_of_bot: str) -> IncomingUpdate:
    """What arrived with an update; most of what people write to each other asks nothing."""
    query = update.callback_query
    if query is not None:
        return _pressed(update.update_id, query)
    message = update.effective_message
    if message is None:
        return IncomingUpdate(update.update_id)
    if message.migrate_to_chat_id is not None:
        return IncomingUpdate(update.update_id, moved=(str(message.chat.id), str(message.migrate_to_chat_id)))
    if (
        update.edited_message is not None
        or update.edited_channel_post is not None
        or message.forward_origin is not None
    ):
        return IncomingUpdate(update.update_id)  # what was said before it was changed, or elsewhere, is no command
    return IncomingUpdate(update.update_id, _asked(message, name_of_bot), message_id=message.message_id)


def _pressed(number: int, query: telegram.CallbackQuery) -> IncomingUpdate:
    """A button counts in the chat of its message; one without a message or a command is only acknowledged."""
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


def _asked(message: telegram.Message, name_of_bot: str) -> ChatRequest | None:
    text = (message.text or "")[:MAX_COMMAND_LENGTH]
    found = COMMAND.match(text)
    if found and found[2] and found[2].lower() != name_of_bot.lower():
        return None  # another bot is meant
    words = tuple(text[found.end() :].split()) if found else ()
    command = found[1].lower() if found else ""
    if command == "start" and words and words[0].startswith(tuple(f"{one}{LINK_GAP}" for one in LINKED)):
        command, *linked = words[0].split(LINK_GAP)
        words = tuple(linked)
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
    """Where nobody can be asked who speaks, and of what we have not heard of, is like a channel: not answered."""
    return KINDS.get(chat.type, ChatKind.CHANNEL)
