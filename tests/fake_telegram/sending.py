"""What becomes of a request that writes something into a chat?"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.fake_telegram.answers import Refused, bad, flood, refusal
from tests.fake_telegram.chats import INSIDE, Chat
from tests.fake_telegram.ledger import Accepted, Call, File
from tests.fake_telegram.texts import Keyboard, inline_keyboard, shown_caption, shown_text

if TYPE_CHECKING:
    from tests.fake_telegram.server import FakeTelegram

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
LARGEST_PHOTO = 10 * 2**20
LARGEST_FILE = 50 * 2**20
ACTIONS = {"typing", "upload_photo", "upload_document"}
UNCHANGED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)


def send_message(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    return _take(telegram, call, text=shown_text(call.form), source=_source(call.form, "text"))


def send_photo(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    text, (key, file) = shown_caption(call.form), _file(telegram, call, "photo")
    return _take(telegram, call, text=text, source=_source(call.form, "caption"), file=file, media=_photo(key, file))


def send_document(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    text, (key, file) = shown_caption(call.form), _file(telegram, call, "document")
    told = {"file_id": key, "file_unique_id": key, "file_name": file.name, "file_size": len(file.body)}
    return _take(telegram, call, text=text, source=_source(call.form, "caption"), file=file, media={"document": told})


def edit_message_text(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    text, keyboard, source = shown_text(call.form), inline_keyboard(call.form), _source(call.form, "text")
    chat, one = _own(telegram, call)
    if one.media:
        raise bad("there is no text in the message to edit")
    return _change(telegram, chat, one, text, source, keyboard)


def edit_message_caption(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    text, keyboard, source = shown_caption(call.form), inline_keyboard(call.form), _source(call.form, "caption")
    chat, one = _own(telegram, call)
    if not one.media:
        raise bad("there is no caption in the message to edit")
    return _change(telegram, chat, one, text, source, keyboard)


def edit_message_media(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    """Only to another photo; this server's own words for the rest. What a message was sent with stays in `form`."""
    media, keyboard = json.loads(call.form["media"]), inline_keyboard(call.form)
    if media["type"] != "photo":
        raise bad("this server changes photos only")
    text, source = shown_caption(media), _source(media, "caption")
    key, file = _file(telegram, replace(call, form={"photo": media["media"]}), "photo")
    shown = _photo(key, file)
    chat, one = _own(telegram, call)
    if not one.media:
        raise bad("there is no media in the message to edit")
    if (one.media, one.source, one.keyboard) == (shown, source, keyboard):
        raise bad(UNCHANGED)
    one.source = ()  # what is the same above and below is not the same message
    answer = _change(telegram, chat, one, text, source, keyboard)
    one.media, one.file = shown, file
    return answer | shown


def edit_message_reply_markup(telegram: FakeTelegram, call: Call) -> dict[str, Any]:
    keyboard = inline_keyboard(call.form)
    chat, one = _own(telegram, call)
    if one.keyboard == keyboard:
        raise bad(UNCHANGED)
    _pace(telegram, chat)
    one.keyboard = keyboard
    return _edited(telegram, chat, one)


def delete_message(telegram: FakeTelegram, call: Call) -> bool:
    chat, number = _open(telegram, call), int(call.form["message_id"])
    if one := chat.message(number):
        one.deleted = True
    elif number in chat.heard:
        chat.heard.remove(number)
    else:
        raise bad("message to delete not found")
    return True


def send_chat_action(telegram: FakeTelegram, call: Call) -> bool:
    _open(telegram, call)
    if call.form.get("action") not in ACTIONS:
        raise bad("wrong parameter action in request")
    return True


def _open(telegram: FakeTelegram, call: Call) -> Chat:
    """The chat, if the bot may write there."""
    chat = telegram.find(call.form.get("chat_id", ""))
    if chat.refuses is not None:
        raise Refused(chat.refuses)
    if chat.bot not in INSIDE:
        raise Refused(refusal(403, f"Forbidden: bot is not a member of the {chat.kind} chat"))
    if chat.declared and chat.kind == "channel" and chat.bot != "administrator":
        raise bad("need administrator rights in the channel chat")
    topic = int(call.form.get("message_thread_id", 0))
    if chat.declared and topic and topic not in chat.topics:
        raise bad("message thread not found")
    return chat


def _own(telegram: FakeTelegram, call: Call) -> tuple[Chat, Accepted]:
    chat, number = _open(telegram, call), int(call.form.get("message_id", 0))
    if number in chat.heard:
        raise bad("message can't be edited")
    one = chat.message(number)
    if one is None:
        raise bad("message to edit not found")
    return chat, one


def _take(telegram: FakeTelegram, call: Call, **about: Any) -> dict[str, Any]:
    keyboard, chat = inline_keyboard(call.form), _open(telegram, call)
    _check_reply(chat, call.form)
    _pace(telegram, chat)
    number, date = telegram.number(), telegram.date()
    one = Accepted(
        number, chat.key, form=call.form, at=telegram.clock(), date=date, method=call.method, keyboard=keyboard, **about
    )
    chat.sent.append(one)
    telegram.accepted.append(one)
    telegram.bell.ring()
    return one.as_json(chat.as_json(), telegram.me)


def _change(
    telegram: FakeTelegram, chat: Chat, one: Accepted, text: str, source: tuple[str, ...], keyboard: Keyboard
) -> dict[str, Any]:
    if (one.source, one.keyboard) == (source, keyboard):
        raise bad(UNCHANGED)
    _pace(telegram, chat)
    one.history.append(one.text)
    one.text, one.source, one.keyboard = text, source, keyboard
    return _edited(telegram, chat, one)


def _edited(telegram: FakeTelegram, chat: Chat, one: Accepted) -> dict[str, Any]:
    chat.edits.append(one)
    telegram.bell.ring()
    return one.as_json(chat.as_json(), telegram.me) | {"edit_date": telegram.date()}


def _pace(telegram: FakeTelegram, chat: Chat) -> None:
    if not telegram.limits.take(chat.key, telegram.clock(), private=chat.kind == "private"):
        telegram.violations += 1
        raise Refused(flood(3))


def _check_reply(chat: Chat, form: dict[str, str]) -> None:
    wanted = json.loads(form.get("reply_parameters", "{}"))
    number = int(wanted.get("message_id", form.get("reply_to_message_id", 0)))
    lenient = wanted.get("allow_sending_without_reply") or form.get("allow_sending_without_reply") == "true"
    if number and not lenient and number not in chat.heard and chat.message(number) is None:
        raise bad("message to be replied not found")


def _source(form: dict[str, str], key: str) -> tuple[str, ...]:
    """What must be the same for a message to be the same."""
    return form.get(key, ""), form.get("parse_mode", ""), form.get("entities", "")


def _file(telegram: FakeTelegram, call: Call, field: str) -> tuple[str, File]:
    """A file that is sent along, or one that the server knows, by its number."""
    named = call.form.get(field, "")
    file = call.files.get(named.removeprefix("attach://") if named else field)
    if file is None:
        if named not in telegram.files:
            raise bad("wrong file identifier/HTTP URL specified")
        return named, telegram.files[named]
    if not file.body:
        raise bad("file must be non-empty")
    if len(file.body) > (LARGEST_PHOTO if field == "photo" else LARGEST_FILE):
        raise Refused(refusal(413, "Request Entity Too Large"))
    key = f"{field}-{len(telegram.files) + 1}"
    telegram.files[key] = file
    return key, file


def _photo(key: str, file: File) -> dict[str, Any]:
    width, height = _pixels(file)
    size = {"file_id": key, "file_unique_id": key, "width": width, "height": height, "file_size": len(file.body)}
    return {"photo": [size]}


def _pixels(file: File) -> tuple[int, int]:
    """Width and height; those of a JPEG are not looked up."""
    if not file.body.startswith((PNG, JPEG)):
        raise bad("IMAGE_PROCESS_FAILED")
    if file.body.startswith(JPEG):
        return 1, 1
    width, height = int.from_bytes(file.body[16:20], "big"), int.from_bytes(file.body[20:24], "big")
    if width + height > 10_000 or max(width, height) > 20 * min(width, height):
        raise bad("PHOTO_INVALID_DIMENSIONS")
    return width, height


SENDING = {
    "sendMessage": send_message,
    "sendPhoto": send_photo,
    "sendDocument": send_document,
    "editMessageText": edit_message_text,
    "editMessageCaption": edit_message_caption,
    "editMessageMedia": edit_message_media,
    "editMessageReplyMarkup": edit_message_reply_markup,
}
BESIDE = {"deleteMessage": delete_message, "sendChatAction": send_chat_action}  # without limits, and not scripted
