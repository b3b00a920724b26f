"""At which address is the bot seen, and what does each page answer?

The standard library's server, in threads of its own: a blocked event loop is answered for, and no library is needed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self, TypeVar

from bot.adapters.http import metrics, page
from bot.errors import ConfigError, ConfigProblem
from bot.health import StatusReport

T = TypeVar("T")
PATIENCE = 8.0  # seconds that the event loop is given for an answer
SLOWEST = 10.0  # seconds that a reader may take for its request
PLAIN = "text/plain; charset=utf-8"
BLOCKED = "the event loop does not answer\n"

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    status: HTTPStatus
    kind: str
    body: str


class Window:
    """Shows what `report` says; to be opened and closed in the event loop that `report` works in.

    `clean` takes out of a page what nobody may read. Raises ConfigError where the address cannot be listened on.
    """

    def __init__(
        self, host: str, port: int, report: Callable[[], Awaitable[StatusReport]], clean: Callable[[str], str]
    ) -> None:
        self._report = report
        self._clean = clean
        self._loop = asyncio.get_running_loop()
        self._routes = {
            "/": self._status,
            "/livez": self._live,
            "/readyz": self._ready,
            "/healthz": self._ready,
            "/metrics": self._metrics,
        }
        try:
            self._server = _Server(host, port, self.answer)
        except OSError as error:
            remedy = "Choose another port or host, or 0 for none; two processes on one machine need a port each."
            what = f"cannot be listened on: {error.strerror or error}"
            raise ConfigError((ConfigProblem(f"{host}:{port}", "operation.port", what, remedy),)) from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._server.shutdown)
        self._server.server_close()

    def answer(self, path: str) -> Answer:
        """What stands at `path`, asked for from another thread than the event loop's."""
        route = self._routes.get(path.partition("?")[0])
        if route is None:
            return Answer(HTTPStatus.NOT_FOUND, PLAIN, f"there are: {' '.join(self._routes)}\n")
        try:
            answer = route()
        except TimeoutError:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, BLOCKED)
        return answer._replace(body=self._clean(answer.body))

    def _live(self) -> Answer:
        self._ask(_alive())
        return Answer(HTTPStatus.OK, PLAIN, "the event loop answers\n")

    def _ready(self) -> Answer:
        health = self._ask(_of(self._report)).health
        status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status, PLAIN, f"{health}\n")

    def _metrics(self) -> Answer:
        return Answer(HTTPStatus.OK, metrics.KIND, metrics.render(self._ask(_of(self._report))))

    def _status(self) -> Answer:
        return Answer(HTTPStatus.OK, "text/html; charset=utf-8", page.render(self._ask(_of(self._report))))

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work` in the event loop; raises TimeoutError if that has not come in time."""
        answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return answer.result(PATIENCE)
        except TimeoutError:
            answer.cancel()
            raise


async def _alive() -> None:
    """Whoever can wait for this lives."""


async def _of(report: Callable[[], Awaitable[StatusReport]]) -> StatusReport:
    return await report()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # nobody at the end waits for a slow reader

    def __init__(self, host: str, port: int, answer: Callable[[str], Answer]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer = answer
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Without looking up the host's name, which may take long."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver calls it so
        log.debug("a reader went away")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SLOWEST

    def version_string(self) -> str:
        return "drawdown-bot"

    def do_GET(self) -> None:
        try:
            answer = self.server.answer(self.path)
        except Exception:
            log.exception("a page could not be made")
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, PLAIN, "our bug: see the log\n")
        body = answer.body.encode()
        self.send_response(answer.status)
        for name, value in (
            ("Content-Type", answer.kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, form: str, *values: object) -> None:
        log.debug(form, *values)
