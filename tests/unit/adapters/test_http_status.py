"""The pages and metrics that show the bot to the outside, and the secrets that they do not."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.adapters import http_status
from bot.adapters.http_status import StatusServer, render_metrics, render_status_page
from bot.baskets import BasketId
from bot.engine.incidents import Incident, IncidentKind, IncidentNotice
from bot.engine.store import CheckSummary
from bot.errors import ConfigError
from bot.health import BasketStatus, DatabaseStatus, Health, HealthSignal, StatusReport
from bot.lease import Lease

NOW = datetime(2026, 7, 2, 20, 25, tzinfo=UTC)
REPORT = StatusReport(
    now=NOW,
    health=Health(active=True),
    since=NOW - timedelta(days=3),
    completed_at=NOW - timedelta(seconds=70),
    polls_chat=True,
    polled_at=NOW - timedelta(seconds=4),
    last_check=CheckSummary(
        0.0, seconds=41.25, due=["final"], symbols=28, missing=1, suspects=2, next=NOW + timedelta(hours=17)
    ),
    baskets=(
        BasketStatus(BasketId("memory"), "Memory <b>", date(2026, 7, 2)),
        BasketStatus(BasketId("sox"), "SOX", None),
    ),
    counts={"engine": {"turns": 12, "errors": 1}, "dispatcher": {"Sent": 5}, "chat": {"heard": 7}},
    database=DatabaseStatus(
        lease=Lease("a process", 3, 9),
        waiting=1234,
        oldest=NOW - timedelta(minutes=3),
        incidents=(
            IncidentNotice(
                Incident(IncidentKind.STALE, "XKRX"), NOW - timedelta(hours=5), "nothing fresh <since> 06:30"
            ),
        ),
    ),
)
BARE = StatusReport(now=NOW, health=Health(active=False), since=NOW)
UNWELL = replace(REPORT, health=Health(active=True, problems={HealthSignal.WORK: "the disk is full"}))


@dataclass
class Room:
    """A server, and the report that it shows."""

    seen: StatusReport | Exception = REPORT
    port: int = 0

    async def report(self) -> StatusReport:
        if isinstance(self.seen, Exception):
            raise self.seen
        return self.seen

    async def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        return await asyncio.to_thread(ask, self.port, path, method)


def ask(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    async with StatusServer("127.0.0.1", 0, room.report, lambda text: text.replace("canary", "[token]")) as opened:
        room.port = opened.port
        yield room


async def test_who_is_well_says_so(room: Room) -> None:
    assert await room.get("/livez") == (200, "the event loop answers\n")
    for path in ("/readyz", "/healthz", "/healthz?full=1"):
        assert await room.get(path) == (200, "works\n")
    assert await room.get("/readyz", "HEAD") == (200, "")


async def test_who_is_not_well_is_alive_and_not_ready(room: Room) -> None:
    room.seen = UNWELL
    assert (await room.get("/livez"))[0] == 200
    assert await room.get("/readyz") == (503, "work: the disk is full\n")
    assert await room.get("/healthz") == (503, "work: the disk is full\n")
    assert (await room.get("/metrics"))[0] == 200
    assert (await room.get("/"))[0] == 200


async def test_a_blocked_loop_is_answered_for(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_status, "LOOP_TIMEOUT_SECONDS", 0.05)
    # No thread in between: the loop cannot work while it waits for the answer.
    for path in ("/livez", "/readyz", "/metrics", "/"):
        assert ask(room.port, path) == (503, "the event loop does not answer\n")


async def test_what_is_not_there_and_what_may_not_be_done(room: Room) -> None:
    assert await room.get("/secrets") == (404, "there are: / /livez /readyz /healthz /metrics\n")
    assert (await room.get("/", "POST"))[0] == 501


async def test_our_own_mistakes_stay_in_the_log(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.seen = RuntimeError("canary")
    assert await room.get("/") == (500, "our bug: see the log\n")
    assert "a page could not be made" in caplog.text


async def test_no_page_shows_a_secret(room: Room) -> None:
    room.seen = replace(REPORT, health=Health(active=True, problems={HealthSignal.WORK: "at https://host/canary"}))
    for path in ("/", "/readyz", "/metrics"):
        assert "canary" not in (await room.get(path))[1]
    assert "[token]" in (await room.get("/readyz"))[1]


async def test_a_port_that_is_taken_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: operation.port: cannot be listened on: .*Choose"):
            StatusServer("127.0.0.1", port, Room().report, str)


@pytest.mark.parametrize("report", [REPORT, BARE, UNWELL])
def test_the_page_needs_nothing_from_elsewhere_and_shows_names_as_they_are(report: StatusReport) -> None:
    shown = render_status_page(report)
    for outside in ("http://", "https://", "<script", "src=", "<b>", "<since>"):
        assert outside not in shown
    assert str(report.health) in shown


def test_the_page_has_everything_that_is_asked_about_it() -> None:
    shown = render_status_page(REPORT)
    for part in (
        "70 s ago",
        "3 days ago",
        "1,234 messages wait",
        "oldest: 3 min ago",
        "epoch 3",
        "Memory &lt;b&gt;",
        "2026-07-02</td>",
        "not yet</td>",
        "stale XKRX: nothing fresh &lt;since&gt; 06:30",
        "<dt>doubts</dt><dd>2</dd>",
    ):
        assert part in shown
    assert "nobody listens" in render_status_page(BARE)
    assert "held by another process, or by nobody" in render_status_page(BARE)


def numbers(report: StatusReport) -> dict[tuple[str, str], float]:
    """Every sample, as Prometheus reads it, by name and label."""
    return {
        (one.name, ",".join(one.labels.values())): one.value
        for family in text_string_to_metric_families(render_metrics(report))
        for one in family.samples
    }


def test_metrics_are_what_the_report_says() -> None:
    found = numbers(UNWELL)
    wanted = {
        ("drawdown_ready", ""): 0,
        ("drawdown_leader", ""): 1,
        ("drawdown_unwell", "work"): 1,
        ("drawdown_unwell", "evaluation"): 0,
        ("drawdown_last_complete_look_timestamp_seconds", ""): NOW.timestamp() - 70,
        ("drawdown_last_heard_timestamp_seconds", ""): NOW.timestamp() - 4,
        ("drawdown_oldest_waiting_timestamp_seconds", ""): NOW.timestamp() - 180,
        ("drawdown_next_due_timestamp_seconds", ""): NOW.timestamp() + 17 * 3600,
        ("drawdown_waiting", ""): 1234,
        ("drawdown_lease_epoch", ""): 3,
        ("drawdown_look_seconds", ""): 41.25,
        ("drawdown_look_symbols", "got"): 27,
        ("drawdown_look_symbols", "missing"): 1,
        ("drawdown_troubles", "stale"): 1,
        ("drawdown_troubles", "outage"): 0,
        ("drawdown_watch_total", "turns"): 12,
        ("drawdown_deliveries_total", "Sent"): 5,
        ("drawdown_commands_total", "heard"): 7,
    }
    assert wanted.items() <= found.items()


def test_what_is_not_known_is_absent() -> None:
    found = numbers(BARE)
    assert found[("drawdown_ready", "")] == 1
    assert found[("drawdown_leader", "")] == 0
    assert not [name for name, _ in found if "last_" in name or "waiting" in name or "look" in name]


def test_two_scrapes_have_nothing_in_common() -> None:
    assert render_metrics(REPORT) == render_metrics(REPORT)
