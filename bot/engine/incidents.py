"""Operational incidents: how they are detected, open and close, and the notices to the operators."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from bot.baskets import BasketId
from bot.delivery.model import Notification
from bot.engine.fetching import Failures, is_outage, outage_detail
from bot.engine.schedule import Schedule, has_sufficient_data
from bot.errors import NoData
from bot.prices.bars import Symbol
from bot.prices.calendars import exchange_of
from bot.prices.quality import SuspectPrice, Suspicion
from bot.statistics.market_stats import MarketStats

MAX_NAMED = 10


class IncidentKind(StrEnum):
    """Missing or suspect prices, which neither fire nor resolve an alert; UNHEALTHY is a missing health signal."""

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
    """An incident that began at `since`, or ended at `ended`. `detail` is of its beginning."""

    incident: Incident
    since: datetime
    detail: str
    ended: datetime | None = None

    def __str__(self) -> str:
        subject = f"{self.incident.kind} {self.incident.about}".strip()
        return f"{subject} is over after {self.ended - self.since}" if self.ended else f"{subject}: {self.detail}"


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
        baskets: dict[date, list[str]] = {}
        for basket, day in sorted(self.sessions):
            baskets.setdefault(day, []).append(basket)
        days = [f"{day} ({', '.join(baskets[day])})" for day in sorted(baskets, reverse=True)]
        more = [f"and {len(days) - MAX_NAMED} earlier sessions"] if len(days) > MAX_NAMED else []
        return f"could not be judged, too few prices: {'; '.join(days[:MAX_NAMED] + more)}"


OpenIncidents = Mapping[Incident, IncidentNotice]  # each with the notice of its beginning
OperatorNotice = IncidentNotice | UnconfirmedNotice | UnevaluatedSessions


def update_incidents(
    before: OpenIncidents, current: Mapping[Incident, str], now: datetime
) -> tuple[OpenIncidents, list[IncidentNotice]]:
    """The incidents open once these are current (each with its detail), and the notices: ends, then beginnings."""
    still_open = {incident: notice for incident, notice in before.items() if incident in current}
    ended = [replace(notice, ended=now) for incident, notice in before.items() if incident not in current]
    begun = {key: IncidentNotice(key, now, detail) for key, detail in current.items() if key not in before}
    return still_open | begun, [*ended, *begun.values()]


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
        if day is not None and not has_sufficient_data(stats, basket.id, day):
            incidents[Incident(IncidentKind.INSUFFICIENT_DATA, basket.id)] = f"session {day}"
    return incidents
