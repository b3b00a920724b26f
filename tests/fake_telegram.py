"""A strict stand-in for Telegram's Bot API on loopback: it checks texts and limits, and fails as it is told."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any, Self

from aiohttp import web

from bot.clock import SystemClock

TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote", "tg-spoiler"}
LONGEST = 4096
BARE = re.compile(r"&(?!(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);)|<(?![a-z/])")


@dataclass(frozen=True)
class Accepted:
    """A message that stands in a chat."""

    id: int
    chat: str
    text: str
    form: dict[str, str]
    at: float


@dataclass(frozen=True)
class Answer:
    """What the server does with one request: takes the message or not, and then answers, or hangs up, or hangs."""

    status: int = 200
    body: bytes | None = None  # None = what Telegram would say
    takes: bool = False
    then: str = "answer"  # or "hang", "reset", "half"


def refusal(code: int, description: str, **parameters: object) -> Answer:
    """An error in Telegram's own form."""
    body: dict[str, object] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return Answer(code, json.dumps(body).encode())


def flood(retry_after: object) -> Answer:
    return refusal(429, "Too Many Requests: retry later", retry_after=retry_after)


HANG = Answer(takes=True, then="hang")
RESET = Answer(takes=True, then="reset")
HALF = Answer(takes=True, then="half")


@dataclass
class FakeTelegram:
    """Use `async with`; `scripts[chat]` ("*" = any chat) holds the answers to come, one request each."""

    clock: Callable[[], float] = SystemClock().monotonic
    scripts: defaultdict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    accepted: list[Accepted] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    violations: int = 0

    async def __aenter__(self) -> Self:
        self._over = asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/bot{token}/getMe", self._get_me)
        app.router.add_post("/bot{token}/sendMessage", self._send_message)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()
        await self._runner.cleanup()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bot"

    def texts(self, chat: str) -> list[str]:
        """What can be read in a chat, in the order of arrival."""
        return [one.text for one in self.accepted if one.chat == chat]

    def script(self, chat: str, *answers: Answer) -> None:
        self.scripts[chat].extend(answers)

    def hang_up(self) -> None:
        """End every request that hangs."""
        self._over.set()

    async def _get_me(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True, "result": {"id": 1, "is_bot": True, "first_name": "fake"}})

    async def _send_message(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, {key: str(value) for key, value in (await request.post()).items()})

    async def _answer(self, request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        chat = form["chat_id"]
        self.requests.append(chat)
        scripted = self.scripts[chat] or self.scripts["*"]
        answer = scripted.popleft() if scripted else None
        if answer is None or answer.takes:
            wrong = self._wrong(form) or self._too_fast(chat)
            if wrong is not None:
                return web.Response(status=wrong.status, body=wrong.body, content_type="application/json")
            message = self._take(form)
            if answer is None or (answer.then == "answer" and answer.body is None):
                return web.json_response({"ok": True, "result": message})
        return await self._fail(request, answer)

    async def _fail(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer.then == "hang":
            await self._over.wait()
        if answer.then in ("hang", "reset"):
            assert request.transport is not None
            request.transport.abort()
        if answer.then == "half":
            half = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
            await half.prepare(request)
            await half.write(b'{"ok": true, "res')
            assert request.transport is not None
            request.transport.close()
            return half
        return web.Response(status=answer.status, body=answer.body or b"", content_type="application/json")

    def _take(self, form: dict[str, str]) -> dict[str, Any]:
        text = form["text"]
        if form.get("parse_mode"):
            text = unescape(re.sub(r"<[^>]*>", "", text))
        one = Accepted(len(self.accepted) + 1, form["chat_id"], text, form, self.clock())
        self.accepted.append(one)
        kind = "private" if one.chat.isdigit() else "channel"
        number = int(one.chat) if one.chat.lstrip("-").isdigit() else -1
        return {"message_id": one.id, "date": 1, "chat": {"id": number, "type": kind}, "text": text}

    def _wrong(self, form: dict[str, str]) -> Answer | None:
        text = form.get("text", "")
        if form.get("parse_mode") == "HTML":
            fault = _html_fault(text)
            if fault:
                return refusal(400, f"Bad Request: can't parse entities: {fault}")
            text = unescape(re.sub(r"<[^>]*>", "", text))
        if not text.strip():
            return refusal(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > LONGEST:
            return refusal(400, "Bad Request: message is too long")
        return None

    def _too_fast(self, chat: str) -> Answer | None:
        """The limits as Telegram describes them, with no tolerance at all."""
        now = self.clock()
        own = [one.at for one in self.accepted if one.chat == chat]
        private = chat.isdigit()
        if (
            sum(one.at > now - 1 for one in self.accepted) >= 30
            or (private and own and own[-1] > now - 1)
            or (not private and sum(at > now - 60 for at in own) >= 20)
        ):
            self.violations += 1
            return flood(3)
        return None


class _Strict(HTMLParser):
    """Finds what Telegram would not parse."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.fault = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag not in TAGS:
            self.fault = f'unsupported start tag "{tag}"'

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.fault = f'unexpected end tag "{tag}"'


def _html_fault(text: str) -> str:
    if found := BARE.search(text):
        return f"unescaped character at byte offset {found.start()}"
    parser = _Strict()
    parser.feed(text)
    parser.close()
    return parser.fault or (f'no end tag for "{parser.open[-1]}"' if parser.open else "")
