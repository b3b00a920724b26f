"""What does the bot know of a chat, and how is it rid of it?"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, time
from enum import Enum

from bot.conversation.asks import Ask, Reply
from bot.conversation.desk import Desk, say, tongue
from bot.delivery.subscribers import Subscriber
from bot.messages.message import Button, Message

SURE = "yes"
MOST_EXPORTED = 1000
OF_A_MESSAGE = ("event_id", "created", "state", "message_id", "reason")


async def privacy(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    words = tongue(known)
    buttons = ((Button(words.say("chat_export"), "export"), Button(words.say("chat_delete"), "delete")),)
    return say(
        words, words.say("chat_privacy"), words.say("chat_privacy_what"), words.say("chat_privacy_how"), buttons=buttons
    )


async def export(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """Everything that is stored of the chat, as a JSON file."""
    words = tongue(known)
    stored = await desk.register.subscriber(desk.transport, ask.chat)
    received = await desk.register.received(desk.transport, ask.chat, MOST_EXPORTED)
    whole = {
        "settings": None if stored is None else asdict(stored),
        "messages": [{name: getattr(one, name) for name in OF_A_MESSAGE} for one in received],
    }
    text = json.dumps(_plain(whole), ensure_ascii=False, indent=1)
    caption = Message(words.language, (words.say("chat_exported"),))
    return Reply(caption, file_name="drawdown-bot.json", content=text.encode())


async def delete(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    words = tongue(known)
    if ask.words[:1] != (SURE,):
        sure = ((Button(words.say("chat_delete_sure"), f"delete {SURE}"),),)
        return say(words, words.say("chat_delete_ask"), buttons=sure)
    await desk.register.erase(desk.transport, ask.chat)
    return say(words, words.say("chat_deleted"))


def _plain(value: object) -> object:
    """The same as JSON has it: names instead of the numbers behind them."""
    match value:
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case Enum():
            return value.name.lower()
        case datetime() | time():
            return value.isoformat()
    return value
