"""When was an exchange open?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType, Protocol

import numpy as np
import numpy.typing as npt

from bot.prices.bars import Dates, Symbol

CalendarCode = NewType("CalendarCode", str)
Seconds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The sessions of one exchange: labels (local dates, datetime64[D]), opens and closes (seconds since 1970, UTC).

    All arrays have shape (sessions,), ascending.
    """

    code: CalendarCode
    zone: str
    sessions: Dates
    opens: Seconds
    closes: Seconds


class Calendars(Protocol):
    """Where calendars come from."""

    def get(self, code: CalendarCode) -> Calendar:
        """The calendar of `code`, from its first known session to at least a year ahead."""
        ...


# Yahoo's suffix of a symbol -> the exchange whose sessions the symbol has. A symbol without one trades in New York.
EXCHANGE_OF_SUFFIX: dict[str, CalendarCode] = {
    suffix: CalendarCode(code)
    for suffix, code in {
        "AS": "XAMS", "AX": "XASX", "BK": "XBKK", "BO": "XBOM", "BR": "XBRU", "CO": "XCSE", "DE": "XETR",
        "F": "XFRA", "HE": "XHEL", "HK": "XHKG", "IR": "XDUB", "IS": "XIST", "JK": "XIDX", "JO": "XJSE",
        "KL": "XKLS", "KQ": "XKRX", "KS": "XKRX", "L": "XLON", "LS": "XLIS", "MC": "XMAD", "MI": "XMIL",
        "MX": "XMEX", "NS": "XBOM", "NZ": "XNZE", "OL": "XOSL", "PA": "XPAR", "SA": "BVMF", "SI": "XSES",
        "SN": "XSGO", "SS": "XSHG", "ST": "XSTO", "SW": "XSWX", "SZ": "XSHG", "T": "XTKS", "TA": "XTAE",
        "TO": "XTSE", "TW": "XTAI", "TWO": "XTAI", "VI": "XWBO", "WA": "XWAR",
    }.items()
}  # fmt: skip
EXCHANGE_OF_INDEX: dict[str, CalendarCode] = {
    index: CalendarCode(code)
    for index, code in {
        "^KS11": "XKRX", "^KQ11": "XKRX", "^N225": "XTKS", "^HSI": "XHKG", "^TWII": "XTAI", "^FTSE": "XLON",
        "^GDAXI": "XETR", "^FCHI": "XPAR", "^AEX": "XAMS", "^STOXX50E": "XETR", "^AXJO": "XASX", "^GSPTSE": "XTSE",
        "^BVSP": "BVMF", "^SSMI": "XSWX", "^BSESN": "XBOM", "^NSEI": "XBOM",
    }.items()
}  # fmt: skip


def exchange_of(symbol: Symbol) -> CalendarCode:
    """The calendar whose sessions `symbol` has, from Yahoo's suffix ("000660.KS" trades in Seoul)."""
    if symbol in EXCHANGE_OF_INDEX:
        return EXCHANGE_OF_INDEX[symbol]
    _, dot, suffix = symbol.rpartition(".")
    return EXCHANGE_OF_SUFFIX.get(suffix, CalendarCode("XNYS")) if dot else CalendarCode("XNYS")
