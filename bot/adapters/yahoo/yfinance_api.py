"""Session, downloads and errors of yfinance, which brings pandas along: an import of half a second."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yfinance
from curl_cffi import CurlError, requests
from curl_cffi.curl import CURL_WRITEFUNC_ERROR
from peewee import PeeweeException
from yfinance.cache import get_cookie_cache, get_tz_cache
from yfinance.data import YfData
from yfinance.exceptions import YFException, YFInvalidPeriodError, YFRateLimitError

from bot.errors import NoData, SourceBackingOff, SourceUnreachable
from bot.prices.bars import CorporateAction, Dates, RawBars, Symbol
from bot.prices.table import Flags

# What yfinance lets through besides its own exceptions: those of its HTTP client and its SQLite files, and whatever
# Python raises where an answer is not shaped as it expects.
FAILURES = (
    YFException, CurlError, PeeweeException, ArithmeticError, AssertionError, AttributeError, LookupError, OSError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip
MAX_RESPONSE_BYTES = 20_000_000


def configure_yfinance(cache_dir: Path) -> None:
    """Configure yfinance for the whole process: failures are raised, its files lie in `cache_dir`."""
    yfinance.config.debug.hide_exceptions = False
    yfinance.config.network.retries = 0
    # A cookie lies there as a pickle, so nobody else may write. Where nobody can, yfinance does without.
    with contextlib.suppress(OSError):
        cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    yfinance.set_tz_cache_location(str(cache_dir))
    # Its own import turns these on again, some four a download.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="yfinance")


def limited_session(session: Any, seconds: float, note: Callable[[str | None], None]) -> Any:
    """`session` (None = a new one), every request limited to `seconds` and to MAX_RESPONSE_BYTES when unpacked.

    yfinance would wait 30 s for a cookie, and curl would count the bytes before it unpacks them. `note` is called with
    the Date header of each response (None = there is none).
    """
    session = session or requests.Session(impersonate="chrome")
    request = session.request

    def limited_request(*arguments: Any, **options: Any) -> Any:
        body = bytearray()

        def receive(chunk: bytes) -> int:
            if len(body) + len(chunk) > MAX_RESPONSE_BYTES:
                return CURL_WRITEFUNC_ERROR
            body.extend(chunk)
            return len(chunk)

        response = request(*arguments, **{**options, "timeout": seconds, "content_callback": receive})
        response.content = bytes(body)
        note(response.headers.get("Date"))
        return response

    session.request = limited_request
    return session


def download_history(symbol: Symbol, since: date | None, session: Any) -> tuple[RawBars, datetime | None]:
    """The rows from `since` on (None: all), and the time of the newest price. Raises FAILURES."""
    # The zone decides only where a day begins, and a day more is asked for below. Without one yfinance asks Yahoo, and
    # remembers a failure for as long as the process runs.
    ticker = yfinance.Ticker(symbol, session=session)
    zones = get_tz_cache()
    if zones.lookup(ticker.ticker) is None:
        zones.store(ticker.ticker, "UTC")
    try:
        frame = ticker.history(
            period="max" if since is None else None,
            start=None if since is None else (since - timedelta(days=1)).isoformat(),
            end=None,
            interval="1d",
            prepost=False,
            actions=True,
            auto_adjust=False,
            back_adjust=False,
            repair=False,
            keepna=True,
            rounding=False,
            timeout=10,
        )
        return _rows(frame, ticker.history_metadata, since)
    finally:
        # Otherwise yfinance keeps its last 64 responses, failures among them, and the files that this thread opened.
        YfData.cache_get.cache_clear()
        for cache in (get_tz_cache(), get_cookie_cache()):
            if (database := cache.get_db()) is not None:
                database.close()


def _rows(frame: Any, metadata: Any, since: date | None) -> tuple[RawBars, datetime | None]:
    """The rows of a DataFrame of yfinance from `since` on, and the time of the newest price (None = not given)."""
    dates: Dates = frame.index.tz_localize(None).to_numpy().astype("M8[D]")
    rows = dates >= np.datetime64(since or date.min, "D")
    names = {"close": "Close", "adjusted": "Adj Close", "high": "High", "low": "Low"}
    if metadata.get("instrumentType") == "INDEX":
        names["adjusted"] = "Close"  # an index pays no dividend, though Yahoo takes out one it made up
    columns = {name: frame[column].to_numpy(dtype=np.float64)[rows] for name, column in names.items()}
    newest = metadata.get("regularMarketTime")
    as_of = datetime.fromtimestamp(newest.timestamp(), UTC) if isinstance(newest, datetime) else None
    volume = frame["Volume"].to_numpy(dtype=np.float64)[rows]
    actions, currency = _actions(frame, dates, rows), str(metadata.get("currency") or "")
    return RawBars(dates[rows], **columns, volume=volume, actions=actions, currency=currency), as_of


def _actions(frame: Any, dates: Dates, rows: Flags) -> tuple[CorporateAction, ...]:
    """Splits and dividends of the `rows`; the columns are there only if there are any."""
    splits, dividends = (
        np.nan_to_num(frame[name].to_numpy(dtype=np.float64)) if name in frame else np.zeros(len(dates))
        for name in ("Stock Splits", "Dividends")
    )
    return tuple(
        CorporateAction(dates[row].item(), float(splits[row]) or 1.0, float(dividends[row]))
        for row in np.flatnonzero(rows & ((splits > 0) | (dividends > 0)))
    )


def translate_error(symbol: Symbol, error: Exception) -> NoData | SourceUnreachable:
    """The error to raise for a failure: NoData only where Yahoo itself says that it has no such symbol or history."""
    if "No data found" in str(getattr(error, "yahoo_reason", None)):
        return NoData(f"Yahoo knows no symbol {symbol}. Correct it, or give a member that is gone its last session.")
    if isinstance(error, YFInvalidPeriodError):
        return NoData(f"Yahoo has no history of {symbol}, only the price of the day. Leave it out of the basket.")
    if isinstance(error, YFRateLimitError):
        return SourceBackingOff(
            f"Yahoo refuses to tell about {symbol}: too many requests. It relents by itself, within minutes or a day."
        )
    # yfinance guesses "possibly delisted" where it got no usable answer, whatever the reason.
    reason = str(error).replace("possibly delisted; ", "").partition(" See http")[0][:200]
    return SourceUnreachable(
        f"Yahoo gave no usable answer about {symbol} ({type(error).__name__}: {reason}). Ask again in a few minutes; a"
        " running bot does."
    )
