"""Which calendar codes may a basket name?"""

from __future__ import annotations

from typing import Literal

# The codes of exchange_calendars without its aliases. A test compares; to ask the library itself costs 0.3 s a start.
CalendarName = Literal[
    "24/5", "24/7", "AIXK", "ASEX", "BVMF", "CMES", "IEPA", "XAMS", "XASX", "XBDA", "XBEL", "XBKK", "XBOG", "XBOM",
    "XBRA", "XBRU", "XBSE", "XBUD", "XBUE", "XCBF", "XCSE", "XCYS", "XDUB", "XDUS", "XEEE", "XETR", "XEUR", "XFRA",
    "XHAM", "XHEL", "XHKG", "XICE", "XIDX", "XIST", "XJSE", "XKAR", "XKLS", "XKRX", "XLIM", "XLIS", "XLIT", "XLJU",
    "XLON", "XLUX", "XMAD", "XMEX", "XMIL", "XMOS", "XNYS", "XNZE", "XOSL", "XPAR", "XPHS", "XPRA", "XRIS", "XSAU",
    "XSES", "XSGO", "XSHG", "XSTO", "XSTU", "XSWX", "XTAE", "XTAI", "XTAL", "XTKS", "XTSE", "XWAR", "XWBO", "XZAG",
    "us_futures",
]  # fmt: skip
