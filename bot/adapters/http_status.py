"""HTTP server of /livez, /readyz, /metrics and the status page.

Uses the standard library's server in threads, and so answers while the event loop is blocked.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, NamedTuple, Self, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from bot.engine.incidents import IncidentKind
from bot.errors import ConfigError, ConfigProblem
from bot.health import HealthSignal, StatusReport

T = TypeVar("T")
LOOP_TIMEOUT_SECONDS = 8.0  # for an answer of the event loop
REQUEST_TIMEOUT_SECONDS = 10.0  # that a client may take for its request
PLAIN = "text/plain; charset=utf-8"
BLOCKED = "the event loop does not answer\n"
REFRESH_SECONDS = 30
UNITS = ((86400, "days"), (3600, "hours"), (60, "min"), (1, "s"))
LOOPS = {
    "engine": ("drawdown_watch", "What the watch counted: turns, errors, sessions judged, events stored."),
    "dispatcher": ("drawdown_deliveries", "Answers to messages, by outcome, and errors of the loop itself."),
    "chat": ("drawdown_commands", "What people asked, and how replies went."),
}

log = logging.getLogger(__name__)


class HttpResponse(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: str


class StatusServer:
    """Serves the StatusReport of `report`; to be opened and closed in the event loop that `report` works in.

    `clean` removes secrets from a body. Raises ConfigError where the address cannot be listened on.
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
            self._server = _Server(host, port, self.respond)
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

    def respond(self, path: str) -> HttpResponse:
        """The response to a GET of `path`; to be called in another thread than the event loop's."""
        route = self._routes.get(path.partition("?")[0])
        if route is None:
            return HttpResponse(HTTPStatus.NOT_FOUND, PLAIN, f"there are: {' '.join(self._routes)}\n")
        try:
            response = route()
        except TimeoutError:
            return HttpResponse(HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, BLOCKED)
        return response._replace(body=self._clean(response.body))

    def _live(self) -> HttpResponse:
        self._in_loop(asyncio.sleep(0))
        return HttpResponse(HTTPStatus.OK, PLAIN, "the event loop answers\n")

    def _ready(self) -> HttpResponse:
        health = self._in_loop(self._current()).health
        status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return HttpResponse(status, PLAIN, f"{health}\n")

    def _metrics(self) -> HttpResponse:
        return HttpResponse(HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, render_metrics(self._in_loop(self._current())))

    def _status(self) -> HttpResponse:
        body = render_status_page(self._in_loop(self._current()))
        return HttpResponse(HTTPStatus.OK, "text/html; charset=utf-8", body)

    async def _current(self) -> StatusReport:
        return await self._report()

    def _in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work` in the event loop; raises TimeoutError if that has not come in time."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(LOOP_TIMEOUT_SECONDS)
        except TimeoutError:
            future.cancel()
            raise


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a slow client does not delay the end

    def __init__(self, host: str, port: int, respond: Callable[[str], HttpResponse]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.respond = respond
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
    timeout = REQUEST_TIMEOUT_SECONDS

    def version_string(self) -> str:
        return "drawdown-bot"

    def do_GET(self) -> None:
        try:
            response = self.server.respond(self.path)
        except Exception:
            log.exception("a page could not be made")
            response = HttpResponse(HTTPStatus.INTERNAL_SERVER_ERROR, PLAIN, "our bug: see the log\n")
        body = response.body.encode()
        self.send_response(response.status)
        for name, value in (
            ("Content-Type", response.content_type),
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


def render_metrics(report: StatusReport) -> str:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_ReportCollector(report))
    return generate_latest(registry).decode()


@dataclass(frozen=True, eq=False)
class _ReportCollector(Collector):
    report: StatusReport

    def collect(self) -> Iterable[Metric]:
        report, health, database = self.report, self.report.health, self.report.database
        yield GaugeMetricFamily("drawdown_ready", "1 = it does its work, or stands by.", int(health.ready))
        yield GaugeMetricFamily("drawdown_leader", "1 = this process holds the lease and works.", int(health.active))
        signals = {signal.value: int(signal in health.problems) for signal in HealthSignal}
        yield _labelled("drawdown_unwell", "1 = this sign of life is missing.", "sign", signals)
        for name, words, moment in (
            ("working_since", "When this process began to work, or to stand by.", report.since),
            ("last_complete_look", "When a look was last complete.", report.completed_at),
            ("last_heard", "When Telegram last told what people wrote.", report.polled_at),
            ("oldest_waiting", "When the oldest message that waits was due.", database.oldest),
            (
                "next_due",
                "When the next session is final, or open.",
                report.last_check.next if report.last_check else None,
            ),
        ):
            # Without a sample where there is no time: an alert says absent().
            yield GaugeMetricFamily(f"drawdown_{name}_timestamp_seconds", words, moment.timestamp() if moment else None)
        if database.waiting is not None:
            yield GaugeMetricFamily("drawdown_waiting", "Messages that wait to be sent.", database.waiting)
        if database.lease is not None:
            yield GaugeMetricFamily(
                "drawdown_lease_epoch", "How often the lease was taken or given up.", database.lease.epoch
            )
        if (look := report.last_check) is not None:
            yield GaugeMetricFamily("drawdown_look_seconds", "How long the last look took.", look.seconds)
            symbols = {"got": look.symbols - look.missing, "missing": look.missing}
            yield _labelled("drawdown_look_symbols", "Symbols that the last look asked for.", "what", symbols)
            yield GaugeMetricFamily("drawdown_look_doubts", "Prices that the last look did not believe.", look.suspects)
        states = {
            state.value: sum(notice.incident.kind is state for notice in database.incidents) for state in IncidentKind
        }
        yield _labelled("drawdown_troubles", "What goes on of which the operators heard.", "state", states)
        for loop, counts in report.counts.items():
            name, words = LOOPS[loop]
            counters = CounterMetricFamily(name, words, labels=["what"])
            for what, count in counts.items():
                counters.add_metric([what], count)
            yield counters


def _labelled(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    """A gauge with a sample for each of `values`, whose keys are the values of `label`."""
    gauge = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        gauge.add_metric([key], value)
    return gauge


def render_status_page(report: StatusReport) -> str:
    """The status page as self-contained HTML that reloads every REFRESH_SECONDS."""
    style = files("bot.adapters").joinpath("http_status.css").read_text(encoding="utf-8")
    body = "".join((*_summary(report), *_troubles(report), *_baskets(report), *_last_look(report)))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}"><meta name="robots" content="noindex">'
        f"<title>Drawdown Bot: {'well' if report.health.ready else 'not well'}</title><style>{style}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def _summary(report: StatusReport) -> Iterator[str]:
    health, now, database = report.health, report.now, report.database
    yield f"<h1>Drawdown Bot <small>{_utc(now)}, loads itself anew every {REFRESH_SECONDS} s</small></h1>"
    yield f'<div class="state{"" if health.ready else " bad"}">{escape(str(health))}</div>'
    epoch = "" if database.lease is None else f"<small>epoch {database.lease.epoch:,}</small>"
    lease = "held by this process" if health.active else "held by another process, or by nobody"
    queue = "not known" if database.waiting is None else f"{database.waiting:,} messages wait"
    oldest = f"<small>the oldest: {_ago(database.oldest, now)}</small>" if database.oldest else ""
    yield _facts(
        ("Last complete look", _ago(report.completed_at, now)),
        ("Last getUpdates", _ago(report.polled_at, now) if report.polls_chat else "nobody listens"),
        ("Queue", f"{queue}{oldest}"),
        ("Lease", f"{lease}{epoch}"),
        ("Works since" if health.active else "Stands by since", _ago(report.since, now)),
    )


def _troubles(report: StatusReport) -> Iterator[str]:
    yield "<h2>Open troubles</h2>"
    rows = "".join(
        f"<li>{escape(str(notice))}<small>since {_utc(notice.since)}</small></li>"
        for notice in report.database.incidents
    )
    yield f"<ul>{rows}</ul>" if rows else "<p>none that the operators heard of</p>"


def _baskets(report: StatusReport) -> Iterator[str]:
    rows = "".join(
        f"<tr><td>{escape(basket.name)}<small>{escape(basket.basket)}</small></td>"
        f"<td>{basket.last_session or 'not yet'}</td></tr>"
        for basket in report.baskets
    )
    if rows:
        yield f"<h2>Baskets</h2><table><tr><th>basket</th><th>last session judged</th></tr>{rows}</table>"


def _last_look(report: StatusReport) -> Iterator[str]:
    if report.last_check is not None:
        yield "<h2>Last look</h2>"
        yield _facts(*((name, escape(str(value)) or "–") for name, value in report.last_check.facts().items()))


def _facts(*facts: tuple[str, str]) -> str:
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in facts)}</dl>"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _ago(moment: datetime | None, now: datetime) -> str:
    """The time since `moment`, and `moment` itself; "not yet" for None."""
    if moment is None:
        return "not yet"
    seconds = max(0, round((now - moment).total_seconds()))
    size, unit = next((size, unit) for size, unit in UNITS if seconds >= 2 * size or size == 1)
    return f"{seconds // size} {unit} ago <small>{_utc(moment)}</small>"
