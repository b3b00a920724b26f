"""Would Telegram take this text, and these buttons?"""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

from tests.fake_telegram.answers import Refused, bad

TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote", "tg-spoiler"}
BARE = re.compile(r"&(?!(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);)|<(?![a-z/])")
TAG = re.compile(r"<[^>]*>")
LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
MOST_ENTITIES = 100
MOST_BUTTONS = 100
OTHER_MARKUP = {"keyboard", "remove_keyboard", "force_reply"}
Keyboard = list[list[dict[str, Any]]]


def shown_text(form: dict[str, str]) -> str:
    """The text as it is read; an error if Telegram would not take it."""
    text = _shown(form, "text", "entities")
    if not text.strip():
        raise bad("message text is empty")
    if units(text) > LONGEST_TEXT:
        raise bad("message is too long")
    return text


def shown_caption(form: dict[str, str]) -> str:
    """The same of what stands below a picture or a file, which may be nothing."""
    text = _shown(form, "caption", "caption_entities")
    if units(text) > LONGEST_CAPTION:
        raise bad("message caption is too long")
    return text


def units(text: str) -> int:
    """Telegram counts in UTF-16."""
    return len(text.encode("utf-16-le")) // 2


def _shown(form: dict[str, str], key: str, entities: str) -> str:
    text, mode = form.get(key, ""), form.get("parse_mode", "")
    count = len(json.loads(form.get(entities, "[]")))
    if mode not in ("", "HTML"):
        raise bad("unsupported parse_mode (this server reads HTML only)")
    if mode == "HTML":
        parser = _checked(text)
        count += parser.count
        text = unescape(TAG.sub("", text))
    if count > MOST_ENTITIES:
        raise bad(f"{count} entities (this server's own words: Telegram shows the first {MOST_ENTITIES} only)")
    return text


class _Strict(HTMLParser):
    """Finds what Telegram would not parse."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.count = 0
        self.fault = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.count += 1
        if tag not in TAGS:
            self.fault = f'unsupported start tag "{tag}"'

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.fault = f'unexpected end tag "{tag}"'


def _checked(text: str) -> _Strict:
    if found := BARE.search(text):
        raise _unreadable(f"unescaped character at byte offset {found.start()}")
    parser = _Strict()
    parser.feed(text)
    parser.close()
    if parser.fault or parser.open:
        raise _unreadable(parser.fault or f'no end tag for "{parser.open[-1]}"')
    return parser


def _unreadable(fault: str) -> Refused:
    return bad(f"can't parse entities: {fault}")


def inline_keyboard(form: dict[str, str]) -> Keyboard:
    """The rows of buttons below a message; an error if one of them cannot be."""
    if not form.get("reply_markup"):
        return []
    try:
        markup = json.loads(form["reply_markup"])
    except ValueError:
        raise bad("can't parse reply keyboard markup JSON object") from None
    if not isinstance(markup, dict) or not markup.keys() & {"inline_keyboard", *OTHER_MARKUP}:
        raise bad("object expected as reply markup")
    rows: Keyboard = [row for row in markup.get("inline_keyboard", []) if row]
    buttons = [button for row in rows for button in row]
    if len(buttons) > MOST_BUTTONS:
        raise bad("REPLY_MARKUP_TOO_LONG")
    for button in buttons:
        _check_button(button)
    return rows


def _check_button(button: dict[str, Any]) -> None:
    if not str(button.get("text", "")).strip():
        raise bad("can't parse inline keyboard button: text buttons must be non-empty")
    if button.keys() - {"text", "style"} not in ({"callback_data"}, {"url"}):
        raise bad("can't parse inline keyboard button: exactly one of callback_data and url is expected")
    if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    if "url" in button and not re.match(r"(https|tg)://.", button["url"]):
        raise bad(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
