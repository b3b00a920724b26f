"""What did a source say about one symbol, and which of its rows do we refuse?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NewType, Protocol

import numpy as np
import numpy.typing as npt

Symbol = NewType("Symbol", str)
Floats = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row or price that was not believed: where it stands, and why."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


@dataclass(frozen=True, slots=True)
class Action:
    """What a company did to its shares before `session` opened.

    `split` is how many shares one became (10.0, or 0.1), `dividend` what was paid for one share in its currency.
    """

    session: date
    split: float = 1.0
    dividend: float = 0.0


@dataclass(frozen=True, slots=True)
class Revision:
    """The close of a past session, adjusted for splits alone, reads otherwise than it did (NaN = there was none)."""

    symbol: Symbol
    session: date
    old: float
    new: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Daily prices of one symbol, ascending by the exchange's local date, one row a date.

    All arrays have shape (rows,); NaN = the source has no value. `close`, `high`, `low` are adjusted for splits,
    `adjusted` for splits and dividends. `where` names the source for error messages ("prices/MU.csv", "Yahoo").
    `as_of` is the time (UTC) of the last row's price where the source tells it. `volume` counts shares (None = the
    source does not tell), `actions` are those of the rows, `currency` is the source's word for it ("USD", "GBp"; "" =
    it does not tell), and `rescaled` by how much all of the closes that were judged on were multiplied since.
    """

    symbol: Symbol
    dates: Dates
    close: Floats
    adjusted: Floats
    high: Floats
    low: Floats
    where: str
    refused: tuple[Refusal, ...] = ()
    as_of: datetime | None = None
    volume: Floats | None = None
    actions: tuple[Action, ...] = ()
    currency: str = ""
    rescaled: float = 1.0


def no_bars(symbol: Symbol) -> Bars:
    """A symbol of which there is no price at all."""
    none = np.empty(0)
    return Bars(symbol, np.empty(0, dtype="datetime64[D]"), none, none, none, none, where="")


class PriceSource(Protocol):
    """Anything that has daily prices."""

    def bars(self, symbol: Symbol) -> Bars:
        """The whole history of `symbol`.

        Raises NoData if the source does not know the symbol or has no usable row, SourceUnreachable if it cannot
        be asked just now.
        """
        ...


class Upstream(PriceSource, Protocol):
    """A source that can also give the newest rows alone."""

    def bars_since(self, symbol: Symbol, day: date) -> Bars:
        """The rows from `day` on. Raises as `bars` does."""
        ...
