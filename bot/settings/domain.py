"""What do the files mean in the program's own terms? Percent become fractions here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import time
from typing import Any

from bot.alerts.conditions import CONDITIONS
from bot.alerts.rules import Level, NamedEvent, Rule, Severity
from bot.baskets import Basket, BasketId, Member
from bot.delivery.model import TOPIC, ChatKind, Destination
from bot.prices.bars import Symbol
from bot.prices.calendars import CalendarCode, UnscheduledClosure
from bot.settings.tables import (
    BasketTable,
    ChannelTable,
    ClosureTable,
    EventTable,
    MemberTable,
    RuleTable,
    RungTable,
    StatisticsTable,
)
from bot.statistics.verdict import DrawdownState, DrawdownThresholds


def baskets(tables: Mapping[str, BasketTable]) -> tuple[Basket, ...]:
    return tuple(
        Basket(
            id=BasketId(name),
            names=tuple(table.name.items()),
            members=tuple(_member(member, fixed=table.weights == "fixed") for member in table.members),
            calendar=CalendarCode(table.calendar),
            prices=table.prices,
            min_coverage=table.min_coverage,
            role=table.role,
        )
        for name, table in tables.items()
    )


def _member(table: MemberTable, *, fixed: bool) -> Member:
    weight = table.weight if fixed and table.weight is not None else 1.0
    return Member(Symbol(table.symbol), weight, table.since, table.until)


def rules(tables: Sequence[RuleTable], names: Iterable[str]) -> tuple[Rule, ...]:
    known = tuple(names)
    return tuple(
        Rule(
            name=table.name,
            baskets=_expanded(table.baskets or table.members_of or (), known),
            levels=_rungs(table),
            window=table.window,
            step=_fraction(table.step),
            members=table.members or table.members_of is not None,
            contrast=(BasketId(table.contrast[0]), BasketId(table.contrast[1])) if table.contrast else None,
        )
        for table in tables
    )


def _expanded(wanted: Sequence[str], known: Sequence[str]) -> tuple[BasketId, ...]:
    """ "*" is all baskets, in the order of the file."""
    return tuple(BasketId(name) for name in (known if "*" in wanted else dict.fromkeys(wanted)))


def _rungs(table: RuleTable) -> tuple[Level, ...]:
    if table.rungs is None:
        return (_rung(Severity[(table.severity or "warning").upper()], table),)
    written = {severity: getattr(table.rungs, severity.word) for severity in Severity}
    return tuple(_rung(severity, rung) for severity, rung in written.items() if rung is not None)


def _rung(severity: Severity, table: RungTable | RuleTable) -> Level:
    """The level of the conditions in the table: those of a rung, or of a rule without rungs."""
    written = [(condition, getattr(table, condition.key, None)) for condition in CONDITIONS.values()]
    values: dict[str, Any] = {one.field: MEANING[one.unit](value) for one, value in written if value is not None}
    return Level(severity, **values)


def _months(text: str) -> int:
    number, unit = text.split()
    return int(number) * (12 if unit.startswith("year") else 1)


def _fraction(percent: float) -> float:
    return percent / 100


# What a value of the files means, by its condition's unit.
MEANING: dict[str, Callable[[Any], Any]] = {
    "percentile": float,
    "months": _months,
    "flag": bool,
    "fraction": _fraction,
    "state": lambda word: DrawdownState[word.upper()],
}


def events(tables: Mapping[str, EventTable]) -> tuple[NamedEvent, ...]:
    return tuple(NamedEvent(name, tuple(table.name.items()), table.first, table.last) for name, table in tables.items())


def closures(tables: Sequence[ClosureTable]) -> tuple[UnscheduledClosure, ...]:
    return tuple(
        UnscheduledClosure(
            CalendarCode(table.calendar), table.day, time.fromisoformat(table.closes) if table.closes else None
        )
        for table in tables
    )


def lines(table: StatisticsTable) -> DrawdownThresholds:
    return DrawdownThresholds(
        pullback=_fraction(table.pullback),
        correction=_fraction(table.correction),
        bear=_fraction(table.bear),
        crash=_fraction(table.crash),
        lookback=table.drawdown_lookback_sessions or None,
    )


def destinations(channels: Sequence[ChannelTable]) -> tuple[Destination, ...]:
    """The chats that the operator named, and what they want to hear."""
    return tuple(
        Destination(
            transport="telegram",
            chat=channel.chat if channel.topic is None else f"{channel.chat}{TOPIC}{channel.topic}",
            kind=_chat_kind(channel.chat) if channel.topic is None else ChatKind.GROUP,
            language=channel.language,
            lowest=Severity[channel.lowest.upper()],
            baskets=None if "*" in channel.baskets else tuple(map(BasketId, channel.baskets)),
        )
        for channel in channels
    )


def _chat_kind(chat: str) -> ChatKind:
    """Telegram numbers people from 1 up, groups from -1 down, channels and large groups from -100 and ten digits on."""
    if chat.startswith(("@", "-100")):
        return ChatKind.CHANNEL
    return ChatKind.GROUP if chat.startswith("-") else ChatKind.PRIVATE
