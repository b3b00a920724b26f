"""A Yahoo on this machine, for the real yfinance to ask: programmable, and it remembers every request.

`python -m tests.fake_yahoo PORT WORD...` is the command line of the bot in a process that has no other Yahoo.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from curl_cffi import CurlOpt
from curl_cffi import requests as curl

from bot.clock import SystemClock

HOSTS = ("fc", "guce", "consent", "finance", "query1.finance", "query2.finance")
CHART = "/v8/finance/chart/"
NEWS = "/xhr/ncp"
EPOCH = date(1970, 1, 1)


@dataclass
class Day:
    """One row; None is null. `adjusted` is the close where it is not given."""

    date: date
    close: float | None
    adjusted: float | None = None
    high: float | None = None
    low: float | None = None
    volume: int = 1_000

    def times(self, factor: float, names: Sequence[str]) -> None:
        for name in names:
            if (price := getattr(self, name)) is not None:
                setattr(self, name, price * factor)


@dataclass
class Listing:
    """A symbol with its rows as Yahoo tells them today.

    `asked` is the time of the newest price, None = the close of the last day. `splits` are those the feed tells of: how
    many shares one became; `dividends` what was paid for one.
    """

    days: list[Day]
    kind: str = "EQUITY"
    zone: str = "America/New_York"
    opens: time = time(9, 30)
    asked: datetime | None = None
    splits: dict[date, float] = field(default_factory=dict)
    dividends: dict[date, float] = field(default_factory=dict)
    currency: str = "USD"

    def __post_init__(self) -> None:
        for day in self.days:
            day.adjusted = day.close if day.adjusted is None else day.adjusted

    def split(self, ratio: float) -> None:
        """One share became `ratio` before the last day: the past reads as if it had always been so."""
        for day in self.days[:-1]:
            day.times(1 / ratio, ("close", "adjusted", "high", "low"))

    def pay(self, fraction: float) -> None:
        """A dividend of `fraction` of the price on the last day: the past is adjusted for it."""
        for day in self.days[:-1]:
            day.times(1 - fraction, ("adjusted",))

    def stamp(self, day: Day) -> int:
        return int(datetime.combine(day.date, self.opens, ZoneInfo(self.zone)).timestamp())

    @property
    def newest(self) -> datetime:
        """The time of the newest price."""
        return self.asked or datetime.fromtimestamp(self.stamp(self.days[-1]) + 23_400, UTC)

    def _events(self, days: Sequence[Day]) -> dict[str, Any]:
        """The splits and dividends of `days` in Yahoo's form."""
        told = [(self.stamp(day), self.splits[day.date]) for day in days if day.date in self.splits]
        splits = {
            str(at): {"date": at, "numerator": ratio, "denominator": 1, "splitRatio": f"{ratio:g}:1"}
            for at, ratio in told
        }
        paid = [(self.stamp(day), self.dividends[day.date]) for day in days if day.date in self.dividends]
        dividends = {str(at): {"date": at, "amount": amount} for at, amount in paid}
        events = {"splits": splits} if splits else {}
        return {"events": events | ({"dividends": dividends} if dividends else {})} if events or dividends else {}

    def chart(self, symbol: str, begin: float, end: float) -> dict[str, Any]:
        """Yahoo's answer with the rows stamped from `begin` to `end`."""
        since = EPOCH + timedelta(days=begin // 86_400 - 2)  # by the date alone most are passed over quickly
        days = [day for day in self.days if since <= day.date and begin <= self.stamp(day) <= end]
        last = self.stamp(self.days[-1])
        hours = {"timezone": "EST", "start": last, "end": last + 23_400, "gmtoffset": -18_000}
        quote = {name: [getattr(day, name) for day in days] for name in ("close", "high", "low")}
        quote |= {"open": quote["close"], "volume": [day.volume for day in days]}
        meta = {
            "currency": self.currency, "symbol": symbol, "exchangeName": "NMS", "instrumentType": self.kind,
            "firstTradeDate": self.stamp(self.days[0]), "regularMarketTime": int(self.newest.timestamp()),
            "gmtoffset": -18_000, "timezone": "EST", "exchangeTimezoneName": self.zone, "priceHint": 2,
            "regularMarketPrice": self.days[-1].close, "dataGranularity": "1d", "range": "",
            "currentTradingPeriod": {name: dict(hours) for name in ("pre", "regular", "post")},
            "validRanges": ["1d", "5d", "1mo", "max"],
        }  # fmt: skip
        indicators = {"quote": [quote], "adjclose": [{"adjclose": [day.adjusted for day in days]}]}
        result = {"meta": meta, "timestamp": [self.stamp(day) for day in days], "indicators": indicators}
        result |= self._events(days)
        return {"chart": {"result": [result], "error": None}}


@dataclass(frozen=True)
class Answer:
    """What the server does with a request: sends something, or hangs up, or hangs, or never ends.

    `packed` names how the body is compressed already.
    """

    status: int = 200
    body: bytes = b""
    then: str = "send"  # or "drop", "hang", "trickle" (a byte at a time), "flood" (the body again and again)
    packed: str = ""


def article(title: Any, when: Any = "2026-07-02T14:05:00Z", publisher: Any = "The Wire", **content: Any) -> Any:
    """One article of a symbol's news, in the form that Yahoo gives it; `content` overrides its fields."""
    told = {
        "id": "c0ffee", "contentType": "STORY", "title": title, "summary": "", "pubDate": when, "displayTime": when,
        "provider": {"displayName": publisher, "url": "https://wire.example.com/"},
        "canonicalUrl": {"url": "https://wire.example.com/a", "site": "finance", "region": "US", "lang": "en-US"},
        "clickThroughUrl": None, "metadata": {"editorsPick": False},
    }  # fmt: skip
    return {"id": "c0ffee", "content": told | content}


def refusal(status: int, code: str, description: str) -> Answer:
    """An error in Yahoo's own form."""
    error = {"code": code, "description": description}
    return Answer(status, json.dumps({"chart": {"result": None, "error": error}}).encode())


UNKNOWN = refusal(404, "Not Found", "No data found, symbol may be delisted")
FLOOD = Answer(429, b"Too Many Requests\r\n")
BROKEN = Answer(500, b"<html><body>Internal Server Error</body></html>")
OUTAGE = Answer(200, b"<html><body>Will be right back...</body></html>")
EMPTY = Answer(200, b'{"chart":{"result":[],"error":null}}')
NO_ROWS = Answer(200, b'{"chart":{"result":[{"meta":{},"indicators":{"quote":[{}]}}],"error":null}}')
GARBAGE = Answer(200, b'{"chart": {"resu')
DROP = Answer(then="drop")
HANG = Answer(then="hang")


@dataclass(frozen=True)
class Asked:
    """One request: "cookie", "crumb", "chart", "news" or its path, the symbol it is about, and the query."""

    what: str
    symbol: str
    query: dict[str, str]


class FakeYahoo:
    """`listings` and `news` (articles by symbol) are what it knows; `answers` overrides what it does, by symbol,
    "cookie", "crumb" or "news"."""

    def __init__(self) -> None:
        self.listings: dict[str, Listing] = {}
        self.news: dict[str, list[Any]] = {}
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.ahead = 0.0  # seconds by which the Date of its answers is
        self.over = threading.Event()
        handler = type("Handler", (_Handler,), {"yahoo": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def charts(self, symbol: str) -> list[dict[str, str]]:
        """The queries for the prices of `symbol`, oldest first."""
        return [asked.query for asked in self.asked if asked.what == "chart" and asked.symbol == symbol]

    def answer(self, asked: Asked) -> Answer:
        if asked.what == "cookie":
            return self.answers.get("cookie", Answer())
        if asked.what == "crumb":
            return self.answers.get("crumb", Answer(body=b"crumb"))
        if asked.what == "news":
            told = {"data": {"tickerStream": {"stream": self.news.get(asked.symbol, [])}}, "status": "OK"}
            return self.answers.get("news", Answer(body=json.dumps(told).encode()))
        if asked.symbol in self.answers:
            return self.answers[asked.symbol]
        if asked.symbol not in self.listings:
            return UNKNOWN
        begin, end = float(asked.query.get("period1", 0)), float(asked.query.get("period2", "inf"))
        return Answer(body=json.dumps(self.listings[asked.symbol].chart(asked.symbol, begin, end)).encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has given up is no news."""


class _Handler(BaseHTTPRequestHandler):
    yahoo: FakeYahoo

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        what = "cookie" if self.headers["Host"].startswith("fc.") else url.path
        what = {"/v1/test/getcrumb": "crumb"}.get(what, "chart" if what.startswith(CHART) else what)
        self._answer(Asked(what, unquote(url.path.removeprefix(CHART)) if what == "chart" else "", query))

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (symbol,) = body["serviceConfig"]["s"]
        self._answer(Asked("news" if url.path == NEWS else url.path, symbol, query))

    def _answer(self, asked: Asked) -> None:
        self.yahoo.asked.append(asked)
        answer = self.yahoo.answer(asked)
        if answer.then == "hang":
            self.yahoo.over.wait()
        if answer.then in {"drop", "hang"}:
            self.close_connection = True
            return
        self.send_response(answer.status)
        if answer.packed:
            self.send_header("Content-Encoding", answer.packed)
        if asked.what == "cookie":
            self.send_header("Set-Cookie", "A3=d; Domain=.yahoo.com; Path=/; Max-Age=31536000")
        if answer.then == "send":
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
        else:
            self.end_headers()
            self._go_on(answer)

    def _go_on(self, answer: Answer) -> None:
        """Send without an end, until the client has had enough."""
        pause = 0.05 if answer.then == "trickle" else 0.0
        while not self.yahoo.over.wait(pause):
            self.wfile.write(answer.body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or SystemClock().now().timestamp()) + self.yahoo.ahead)

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


class LocalSession(curl.Session[Any]):
    """yfinance's HTTP client, for which all of Yahoo is on this machine, without TLS. It refuses to go elsewhere."""

    def __init__(self, port: int, **_: object) -> None:
        self._port = port
        hosts = [f"{host}.yahoo.com" for host in HOSTS]
        super().__init__(
            impersonate="chrome", curl_options={CurlOpt.RESOLVE: [f"{host}:{port}:127.0.0.1" for host in hosts]}
        )

    def request(self, method: str, url: str, **options: Any) -> Any:
        parts = urlsplit(url)
        if (parts.hostname or "").removesuffix(".yahoo.com") not in HOSTS:
            raise RuntimeError(f"a test would leave this machine: {url}")
        local = parts._replace(scheme="http", netloc=f"{parts.hostname}:{self._port}", path=parts.path or "/")
        return super().request(method, local.geturl(), **options)


@contextmanager
def fake_yahoo() -> Iterator[tuple[FakeYahoo, LocalSession]]:
    """A server and a session to it; yfinance forgets what it keeps for the whole process."""
    import yfinance.base
    import yfinance.cache
    import yfinance.data

    yfinance.data.SingletonMeta._instances.clear()
    yfinance.data.YfData.cache_get.cache_clear()
    yfinance.base._tz_info_fetch_ctr = 0
    yfinance.cache._TzCacheManager._tz_cache = None
    yfinance.cache._CookieCacheManager._Cookie_cache = None
    yfinance.cache._ISINCacheManager._isin_cache = None
    server = FakeYahoo()
    session = LocalSession(server.port)
    try:
        yield server, session
    finally:
        server.close()
        session.close()


if __name__ == "__main__":
    from bot import cli

    curl.Session = functools.partial(LocalSession, int(sys.argv.pop(1)))  # type: ignore[misc, assignment]
    cli.main()
