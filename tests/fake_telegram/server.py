"""The server: it checks what comes, keeps what it takes, and fails as it is told."""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from typing import Any, Self

from aiohttp import web

from bot.clock import SystemClock
from tests.canary import TOKEN
from tests.fake_telegram.answers import Answer, Refused, bad, refusal
from tests.fake_telegram.asking import ASKING
from tests.fake_telegram.chats import Chat
from tests.fake_telegram.entities import commands_in
from tests.fake_telegram.ledger import Accepted, Call, File
from tests.fake_telegram.limits import Limits
from tests.fake_telegram.people import Person
from tests.fake_telegram.sending import BESIDE, SENDING
from tests.fake_telegram.updates import Bell, Updates

LARGEST_REQUEST = 60 * 2**20
ME = {"id": 7_000_000_001, "is_bot": True, "first_name": "fake", "username": "fake_bot"}
METHODS: dict[str, Callable[[FakeTelegram, Call], Any]] = {**SENDING, **BESIDE, **ASKING}


@dataclass
class FakeTelegram:
    """Use `async with`.

    `script(chat, ...)` holds the answers to come to what is sent or edited in a chat ("*" = any), `fail(method, ...)`
    those to a method, one request each.
    """

    clock: Callable[[], float] = SystemClock().monotonic  # by which the limits go
    now: Callable[[], datetime] = SystemClock().now  # by which messages are dated
    scripts: defaultdict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    failures: defaultdict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    accepted: list[Accepted] = field(default_factory=list)  # all messages of the bot, in the order of arrival
    requests: list[str] = field(default_factory=list)  # the chat of each request that sends or edits, taken or not
    calls: list[Call] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # methods that this server does not have
    violations: int = 0  # requests that came too fast
    chats: dict[str, Chat] = field(default_factory=dict)
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    queries: dict[str, str | None] = field(default_factory=dict)  # presses of buttons; None = not answered
    commands: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)  # by scope and language
    files: dict[str, File] = field(default_factory=dict)
    me: dict[str, Any] = field(default_factory=lambda: dict(ME))
    token: str = TOKEN  # any other is taken as well
    webhook: str = ""  # the address to which updates would go
    latency: float = 0.0  # seconds between the taking of a message and the answer
    ahead: float = 0.0  # seconds by which the Date of its answers is

    def __post_init__(self) -> None:
        self.bell = Bell()
        self.updates = Updates(self.bell)
        self.limits = Limits()
        self._messages = 0

    async def __aenter__(self) -> Self:
        self._over = asyncio.Event()
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        app.on_response_prepare.append(self._date_it)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()
        self.updates.close()
        await self._runner.cleanup()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bot"

    # What a test arranges and looks up

    def chat(self, key: str, kind: str, title: str = "", **about: Any) -> Chat:
        """A chat of one of Telegram's four kinds, known from now on."""
        standing = {"bot": "administrator" if kind == "channel" else "member"}
        chat = self.chats[key] = Chat(self, key, kind, title or f"chat {key}", **standing | about)
        if chat.username:
            self.chats[f"@{chat.username}"] = chat
        return chat

    def person(self, number: int = 1001, name: str = "Kim", language: str = "en") -> Person:
        """Somebody, in private with the bot, who has not written to it yet."""
        silent = refusal(403, "Forbidden: bot can't initiate conversation with a user")
        chat = self.chat(str(number), "private", name, refuses=silent, members={number: "member"})
        person = Person(chat, number, name, language)
        self.users[number] = person.as_json()
        return person

    def texts(self, chat: str) -> list[str]:
        """What can be read of the bot in a chat, in the order of arrival, as it reads now."""
        return self.find(chat).texts

    def script(self, chat: str, *answers: Answer) -> None:
        self.scripts[chat].extend(answers)

    def fail(self, method: str, *answers: Answer) -> None:
        self.failures[method].extend(answers)

    def hang_up(self) -> None:
        """End every request that hangs."""
        self._over.set()

    async def answered(self, query: str, seconds: float = 10.0) -> str:
        """What the person who pressed a button is shown, "" = nothing, once the bot has answered."""
        return await self.bell.until(lambda: self.queries[query], seconds)

    # What happens

    def find(self, key: str) -> Chat:
        if not key:
            raise bad("chat_id is empty")
        if key not in self.chats:
            kind = "private" if key.isdigit() else "channel" if key.startswith(("@", "-100")) else "group"
            self.chats[key] = Chat(self, key, kind, declared=False)
        return self.chats[key]

    def number(self) -> int:
        self._messages += 1
        return self._messages

    def date(self) -> int:
        """Seconds since 1970."""
        return int(self.now().timestamp())

    def hear(self, chat: Chat, by: Person | None, kind: str = "message", **about: Any) -> int:
        """Somebody wrote something: an update for the bot, if it may read it. The number of the message."""
        number = about.pop("message_id", 0) or self.number()
        message: dict[str, Any] = {"message_id": number, "date": self.date(), "chat": chat.as_json()}
        if by is not None:
            message["from"] = by.as_json()
        if found := commands_in(about.get("text", "")):
            message["entities"] = found
        chat.heard.add(number)
        if chat.bot_reads(about.get("text"), self.me["username"]):
            self.updates.put(kind, message | about)
        return number

    def press(self, by: Person, data: str, on: Accepted) -> str:
        query = str(len(self.queries) + 1)
        self.queries[query] = None
        shown = on.as_json(by.chat.as_json(), self.me)
        about = {"from": by.as_json(), "message": shown, "chat_instance": f"of {by.chat.key}", "data": data}
        self.updates.put("callback_query", {"id": query, **about})
        return query

    async def _date_it(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = formatdate(self.now().timestamp() + self.ahead, usegmt=True)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = await _read(request)
        self.calls.append(call)
        answer = self._scripted(call)
        if answer is not None and not answer.takes:
            return await self._fail(request, answer)
        try:
            result = await self._run(call)
        except Refused as refused:
            return _written(refused.answer)
        if self.latency and call.method in SENDING:
            await asyncio.sleep(self.latency)
        if answer is None or (answer.then == "answer" and answer.body is None):
            return web.json_response({"ok": True, "result": result})
        return await self._fail(request, answer)

    def _scripted(self, call: Call) -> Answer | None:
        to_come = self.failures[call.method]
        if call.method in SENDING:
            chat = call.form.get("chat_id", "")
            self.requests.append(chat)
            to_come = to_come or self.scripts[chat] or self.scripts["*"]
        return to_come.popleft() if to_come else None

    async def _run(self, call: Call) -> Any:
        if call.method not in METHODS:
            self.unknown.append(call.method)
            raise Refused(refusal(404, "Not Found: method not found"))
        result = METHODS[call.method](self, call)
        return await result if inspect.isawaitable(result) else result

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
        return _written(answer)


def _written(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body or b"", content_type="application/json")


async def _read(request: web.Request) -> Call:
    form: dict[str, str] = dict(request.query)
    files: dict[str, File] = {}
    for key, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files[key] = File(value.filename, value.file.read())
        else:
            form[key] = str(value)
    return Call(request.match_info["method"], form, files)
