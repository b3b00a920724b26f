"""Operational incidents: how they are detected, open and close, and the notices to the operators."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bot.baskets import BasketId
from bot.delivery.model import Notification
from bot.engine.fetching import Failures, is_outage, outage_detail
from bot.engine.schedule import Schedule, has_reading
from bot.errors import NoData
from bot.prices.bars import Symbol
from bot.prices.calendars import exchange_of
from bot.prices.quality import SuspectPrice, Suspicion
from bot.statistics.market_stats import MarketStats

MAX_NAMED = 10


class IncidentKind(StrEnum):
    """Ways in which prices are missing or suspect; none of them fires or resolves an alert.

    UNHEALTHY is about the bot itself: a health signal is missing.
    """

    OUTAGE = "outage"
    STALE = "stale"
    SUSPECT = "doubtful"
    INSUFFICIENT_DATA = "no reading"
    UNKNOWN_SYMBOL = "unknown symbol"
    UNHEALTHY = "not well"


@dataclass(frozen=True, slots=True, order=True)
class Incident:
    """An operational problem of the source (about ""), an exchange, a symbol, a basket or a health signal."""

    kind: IncidentKind
    about: str = ""


@dataclass(frozen=True, slots=True)
class IncidentNotice:
    """An incident that began at `since`, or ended at `ended`. `detail` is what was seen when it began."""

    incident: Incident
    since: datetime
    detail: str
    ended: datetime | None = None

    def __str__(self) -> str:
        what = f"{self.incident.kind} {self.incident.about}".strip()
        return f"{what} is over after {self.ended - self.since}" if self.ended else f"{what}: {self.detail}"


@dataclass(frozen=True, slots=True)
class UnconfirmedNotice:
    """An alert for the operators alone: whether it fires depends on suspect prices of these symbols."""

    notification: Notification
    depends_on: tuple[Symbol, ...]

    def __str__(self) -> str:
        return f"unconfirmed, depends on {', '.join(self.depends_on)}: {self.notification.messages[0].lines[0]}"


@dataclass(frozen=True, slots=True)
class UnevaluatedSessions:
    """Sessions that could not be evaluated because their prices never came."""

    sessions: tuple[tuple[BasketId, date], ...]

    def __str__(self) -> str:
        days = sorted({day for _, day in self.sessions}, reverse=True)
        named = [f"{day} ({', '.join(sorted(basket for basket, of in self.sessions if of == day))})" for day in days]
        more = [f"and {len(days) - MAX_NAMED} earlier sessions"] if len(days) > MAX_NAMED else []
        return f"could not be judged, too few prices: {'; '.join(named[:MAX_NAMED] + more)}"


OperatorNotice = IncidentNotice | UnconfirmedNotice | UnevaluatedSessions


@dataclass(frozen=True, slots=True)
class OpenIncidents:
    """The incidents that the operators were notified of, each with the notice of its beginning."""

    notices: Mapping[Incident, IncidentNotice] = field(default_factory=dict)

    def about_bot(self, about: bool) -> OpenIncidents:
        """Those of the bot itself, or those of prices."""
        unhealthy = IncidentKind.UNHEALTHY
        return OpenIncidents({key: of for key, of in self.notices.items() if (key.kind is unhealthy) is about})

    def updated(
        self, current: Mapping[Incident, str], now: datetime
    ) -> tuple[OpenIncidents, tuple[IncidentNotice, ...]]:
        """The open incidents once these are current (each with its detail), and the notices: ends, then beginnings."""
        before = self.notices
        ends = [IncidentNotice(key, of.since, of.detail, now) for key, of in before.items() if key not in current]
        begun = {key: IncidentNotice(key, now, detail) for key, detail in current.items() if key not in before}
        still_open = {key: of for key, of in before.items() if key in current}
        return OpenIncidents(still_open | begun), (*ends, *begun.values())


def find_incidents(
    schedule: Schedule,
    stats: MarketStats,
    failures: Failures,
    suspects: Collection[SuspectPrice],
    before: Collection[Incident],
) -> dict[Incident, str]:
    """All incidents of prices at a check, each with its detail; during an outage no symbol is newly unknown.

    `stats` are measured with the suspect prices.
    """
    watched = len(schedule.rulebook.symbols)
    incidents = {
        Incident(IncidentKind.UNKNOWN_SYMBOL, symbol): str(error)
        for symbol, error in failures.items()
        if isinstance(error, NoData)
    }
    if is_outage(failures, watched):
        incidents = {incident: detail for incident, detail in incidents.items() if incident in before}
        incidents[Incident(IncidentKind.OUTAGE)] = outage_detail(failures, watched)
    for suspect in suspects:
        stale = suspect.kind is Suspicion.STALE
        about = exchange_of(suspect.symbol) if stale else suspect.symbol
        incidents.setdefault(Incident(IncidentKind.STALE if stale else IncidentKind.SUSPECT, about), str(suspect))
    for basket in schedule.rulebook.baskets:
        day = schedule.final_session(basket.id)
        if day is not None and not (basket.id in stats.series and has_reading(stats, basket.id, day)):
            incidents[Incident(IncidentKind.INSUFFICIENT_DATA, basket.id)] = f"session {day}"
    return incidents
