"""HTTP server of /livez, /readyz, /metrics and the status page.

Uses the standard library's server in threads, and so answers while the event loop is blocked.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from socketserver import ThreadingTCPServer
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
PLAIN, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
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
        self, host: str, port: int, report: Callable[[], Coroutine[Any, Any, StatusReport]], clean: Callable[[str], str]
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
        health = self._in_loop(self._report()).health
        status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return HttpResponse(status, PLAIN, f"{health}\n")

    def _metrics(self) -> HttpResponse:
        return HttpResponse(HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, render_metrics(self._in_loop(self._report())))

    def _status(self) -> HttpResponse:
        return HttpResponse(HTTPStatus.OK, HTML, render_status_page(self._in_loop(self._report())))

    def _in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work` in the event loop; raises TimeoutError if that has not come in time."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(LOOP_TIMEOUT_SECONDS)
        except TimeoutError:
            future.cancel()
            raise


class _Server(ThreadingTCPServer):
    # Not http.server's: it looks up the host's name, which may take long.
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # a slow client does not delay the end

    def __init__(self, host: str, port: int, respond: Callable[[str], HttpResponse]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.respond = respond
        super().__init__((host, port), _Handler)

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


@dataclass(frozen=True, slots=True, eq=False)
class _ReportCollector(Collector):
    report: StatusReport

    def collect(self) -> Iterable[Metric]:
        report, health, database, check = self.report, self.report.health, self.report.database, self.report.last_check
        yield gauge("ready", "1 = it does its work, or stands by.", int(health.ready))
        yield gauge("leader", "1 = this process holds the lease and works.", int(health.active))
        signals = {signal.value: int(signal in health.problems) for signal in HealthSignal}
        yield labelled_gauge("unwell", "1 = this sign of life is missing.", "sign", signals)
        for name, text, time in (
            ("working_since", "When this process began to work, or to stand by.", report.since),
            ("last_complete_look", "When a look was last complete.", report.completed_at),
            ("last_heard", "When Telegram last told what people wrote.", report.polled_at),
            ("oldest_waiting", "When the oldest message that waits was due.", database.oldest),
            ("next_due", "When the next session is final, or open.", check.next if check else None),
        ):
            # Without a sample where there is no time: an alert says absent().
            yield gauge(f"{name}_timestamp_seconds", text, time.timestamp() if time else None)
        if database.waiting is not None:
            yield gauge("waiting", "Messages that wait to be sent.", database.waiting)
        if database.lease is not None:
            yield gauge("lease_epoch", "How often the lease was taken or given up.", database.lease.epoch)
        if check is not None:
            yield gauge("look_seconds", "How long the last look took.", check.seconds)
            symbols = {"got": check.symbols - check.missing, "missing": check.missing}
            yield labelled_gauge("look_symbols", "Symbols that the last look asked for.", "what", symbols)
            yield gauge("look_doubts", "Prices that the last look did not believe.", check.suspects)
        incidents = Counter(notice.incident.kind for notice in database.incidents)
        states = {kind.value: incidents[kind] for kind in IncidentKind}
        yield labelled_gauge("troubles", "What goes on of which the operators heard.", "state", states)
        for loop, counts in report.counts.items():
            counters = CounterMetricFamily(*LOOPS[loop], labels=["what"])
            for event, count in counts.items():
                counters.add_metric([event], count)
            yield counters


def render_metrics(report: StatusReport) -> str:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_ReportCollector(report))
    return generate_latest(registry).decode()


def gauge(name: str, text: str, value: float | None) -> Metric:
    return GaugeMetricFamily(f"drawdown_{name}", text, value)


def labelled_gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """A gauge with a sample for each of `values`, whose keys are the values of `label`."""
    family = GaugeMetricFamily(f"drawdown_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def render_status_page(report: StatusReport) -> str:
    """The status page as self-contained HTML that reloads every REFRESH_SECONDS."""
    style = files("bot.adapters").joinpath("http_status.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}"><meta name="robots" content="noindex">'
        f"<title>Drawdown Bot: {'well' if report.health.ready else 'not well'}</title><style>{style}</style></head>"
        f"<body>{''.join((*_summary(report), *_tables(report)))}</body></html>\n"
    )


def _summary(report: StatusReport) -> Iterator[str]:
    health, now, database = report.health, report.now, report.database
    yield f"<h1>Drawdown Bot <small>{utc(now)}, loads itself anew every {REFRESH_SECONDS} s</small></h1>"
    yield f'<div class="state{"" if health.ready else " bad"}">{escape(str(health))}</div>'
    epoch = "" if database.lease is None else f"<small>epoch {database.lease.epoch:,}</small>"
    lease = "held by this process" if health.active else "held by another process, or by nobody"
    queue = "not known" if database.waiting is None else f"{database.waiting:,} messages wait"
    oldest = f"<small>the oldest: {time_ago(database.oldest, now)}</small>" if database.oldest else ""
    yield description_list(
        ("Last complete look", time_ago(report.completed_at, now)),
        ("Last getUpdates", time_ago(report.polled_at, now) if report.polls_chat else "nobody listens"),
        ("Queue", f"{queue}{oldest}"),
        ("Lease", f"{lease}{epoch}"),
        ("Works since" if health.active else "Stands by since", time_ago(report.since, now)),
    )


def _tables(report: StatusReport) -> Iterator[str]:
    """The open incidents, the baskets and the last price check."""
    incidents = "".join(
        f"<li>{escape(str(notice))}<small>since {utc(notice.since)}</small></li>"
        for notice in report.database.incidents
    )
    yield "<h2>Open troubles</h2>"
    yield f"<ul>{incidents}</ul>" if incidents else "<p>none that the operators heard of</p>"
    baskets = "".join(
        f"<tr><td>{escape(basket.name)}<small>{escape(basket.basket)}</small></td>"
        f"<td>{basket.last_session or 'not yet'}</td></tr>"
        for basket in report.baskets
    )
    if baskets:
        yield f"<h2>Baskets</h2><table><tr><th>basket</th><th>last session judged</th></tr>{baskets}</table>"
    if report.last_check is not None:
        yield "<h2>Last look</h2>"
        yield description_list(*((key, escape(str(value)) or "–") for key, value in report.last_check.facts().items()))


def description_list(*facts: tuple[str, str]) -> str:
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in facts)}</dl>"


def utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def time_ago(time: datetime | None, now: datetime) -> str:
    """The time from `time` to `now`, and `time` itself; "not yet" for None."""
    if time is None:
        return "not yet"
    seconds = max(0, round((now - time).total_seconds()))
    size, unit = next((size, unit) for size, unit in UNITS if seconds >= 2 * size or size == 1)
    return f"{seconds // size} {unit} ago <small>{utc(time)}</small>"
