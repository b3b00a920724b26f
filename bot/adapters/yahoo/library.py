"""How is yfinance asked, and what do its answers and failures mean?

Imported at the first question only: it brings pandas along, half a second and 70 MB.
"""

from __future__ import annotations

import contextlib
import functools
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
LARGEST_ANSWER_BYTES = 20_000_000


def settle(cache_dir: Path) -> None:
    """Set what yfinance keeps for the whole process: failures are raised, its files lie in `cache_dir`."""
    yfinance.config.debug.hide_exceptions = False
    yfinance.config.network.retries = 0
    # A cookie lies there as a pickle, so nobody else may write. Where nobody can, yfinance does without.
    with contextlib.suppress(OSError):
        cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    yfinance.set_tz_cache_location(str(cache_dir))
    # Its own import turns these on again, some four a download.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="yfinance")


def bounded(session: Any, seconds: float, note: Callable[[str | None], None]) -> Any:
    """`session`, or a new one, no request of which takes longer or brings more than LARGEST_ANSWER_BYTES.

    yfinance would wait 30 s for a cookie, and curl would count the bytes before it unpacks them. `note` hears the Date
    of each answer.
    """
    session = session or requests.Session(impersonate="chrome")
    session.request = functools.partial(_request, session.request, seconds, note)
    return session


def _request(request: Any, seconds: float, note: Callable[[str | None], None], *arguments: Any, **options: Any) -> Any:
    body = bytearray()

    def take(unpacked: bytes) -> int:
        if len(body) + len(unpacked) > LARGEST_ANSWER_BYTES:
            return CURL_WRITEFUNC_ERROR
        body.extend(unpacked)
        return len(unpacked)

    answer = request(*arguments, **{**options, "timeout": seconds, "content_callback": take})
    answer.content = bytes(body)
    note(answer.headers.get("Date"))
    return answer


def history(symbol: Symbol, since: date | None, session: Any) -> tuple[RawBars, datetime | None]:
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
        _release()


def _release() -> None:
    """Let go of the last 64 answers, failures and megabytes among them, and of this thread's open files."""
    YfData.cache_get.cache_clear()
    for cache in (get_tz_cache(), get_cookie_cache()):
        if (database := cache.get_db()) is not None:
            database.close()


def _rows(frame: Any, metadata: Any, since: date | None) -> tuple[RawBars, datetime | None]:
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


def meaning(symbol: Symbol, error: Exception) -> NoData | SourceUnreachable:
    """What a failure says about the symbol: only Yahoo's own words that it has no such one say anything."""
    if "No data found" in str(getattr(error, "yahoo_reason", None)):
        return NoData(f"Yahoo knows no symbol {symbol}. Correct it, or give a member that is gone its last session.")
    if isinstance(error, YFInvalidPeriodError):
        return NoData(f"Yahoo has no history of {symbol}, only the price of the day. Leave it out of the basket.")
    if isinstance(error, YFRateLimitError):
        return SourceBackingOff(
            f"Yahoo refuses to tell about {symbol}: too many requests. It relents by itself, within minutes or a day."
        )
    # yfinance guesses "possibly delisted" where it got no usable answer, whatever the reason.
    said = str(error).replace("possibly delisted; ", "").partition(" See http")[0][:200]
    return SourceUnreachable(
        f"Yahoo gave no usable answer about {symbol} ({type(error).__name__}: {said}). Ask again in a few minutes; a"
        " running bot does."
    )
