"""How is Yahoo asked without the bot ever hanging on it?"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bot.clock import server_clock_offset
from bot.errors import SourceUnreachable
from bot.prices.bars import Bars, Symbol, validate_rows

# The first question fetches a cookie and a crumb before the prices: one of the three may hang.
REQUESTS_A_DOWNLOAD = 3


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Whoever would import `module` meanwhile does without, unless it is there already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


class Yahoo:
    """Yahoo's daily prices, one download at a time, each given up after `deadline_seconds`.

    yfinance keeps its session, cookies and settings for the whole process: have one Yahoo in it. `cache_dir` holds its
    cookies. `session` is a curl_cffi session, of which the Yahoo limits every request; None = a new one.

    `ahead` is how far Yahoo's clock was ahead of this machine's at its last answer.
    """

    def __init__(self, cache_dir: Path, deadline_seconds: float, session: Any = None) -> None:
        self._cache_dir = cache_dir
        self._deadline_seconds = deadline_seconds
        self._given_session = session
        self._session: Any = None
        self.ahead: timedelta | None = None
        self._turn = threading.Lock()
        self._worker = ThreadPoolExecutor(1, "yahoo")

    def bars(self, symbol: Symbol) -> Bars:
        """The whole history; the last row of an open session holds the latest price.

        Raises NoData if Yahoo says that it has no such symbol; for every other failure SourceUnreachable.
        """
        return self._ask(symbol, None)

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        """The rows from `day` on, `day` included. Raises as `bars` does."""
        return self._ask(symbol, day)

    def close(self) -> None:
        """Stop the worker thread; a download that hangs is left to its end."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _ask(self, symbol: Symbol, since: date | None) -> Bars:
        with self._turn:
            self._start()
            answer = self._worker.submit(self._download, symbol, since)
            try:
                return answer.result(self._deadline_seconds)
            except TimeoutError:
                self.close()
                self._worker = ThreadPoolExecutor(1, "yahoo")
                raise SourceUnreachable(
                    f"Yahoo gave no answer about {symbol} within {self._deadline_seconds:g} s. Ask again in a few"
                    " minutes; if it stays so, look at the network."
                ) from None

    def _start(self) -> None:
        if self._session is None:
            with _hidden("psycopg"):  # for cookies yfinance would bring it along, and it takes 9 MB
                from bot.adapters.yahoo import library  # noqa: PLC0415  # half a second and 70 MB

            library.settle(self._cache_dir)
            self._session = library.bounded(
                self._given_session, self._deadline_seconds / REQUESTS_A_DOWNLOAD, self._note
            )

    def _note(self, date_of_answer: str | None) -> None:
        self.ahead = server_clock_offset(date_of_answer) or self.ahead

    def _download(self, symbol: Symbol, since: date | None) -> Bars:
        from bot.adapters.yahoo import library  # noqa: PLC0415  # as above

        try:
            raw, as_of = library.history(symbol, since, self._session)
        except library.FAILURES as error:
            raise library.meaning(symbol, error) from error
        bars = validate_rows(symbol, "Yahoo", raw, as_of)
        if np.isnan(bars.close).all() and np.isnan(bars.adjusted).all():
            raise SourceUnreachable(f"Yahoo sent no price of {symbol}. Ask again in a few minutes.")
        return bars
