"""How often do the rungs in force speak, and what did they say last?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bot.alerts import Question, Reason, Rule, Rung, Severity, questions
from bot.backtest.hearings import Hearing, hearings
from bot.backtest.tracks import tracks
from bot.backtest.tuning import days_reached
from bot.backtest.years import Rate, Years, sessions_of
from bot.baskets import BasketId
from bot.statistics import Board

LATEST = 10


@dataclass(frozen=True, slots=True)
class RungRate:
    """How often a rung, or a deeper one, was newly reached; the first years of the data do not count."""

    rung: Rung
    reached: Rate


@dataclass(frozen=True, slots=True)
class Said:
    """One alert as history would have had it. `rung` is what made it so loud; `size` is as in Hearing."""

    session: date
    rule: str
    basket: BasketId
    against: BasketId | None
    reason: Reason
    severity: Severity
    rung: Rung
    size: float
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """The rates of every rule about a basket, by the rule's name, and the latest alerts, the last one first."""

    rates: tuple[tuple[str, tuple[RungRate, ...]], ...]
    latest: tuple[Said, ...]


def review(board: Board, rules: tuple[Rule, ...], close_after: int, basket: BasketId, latest: int = LATEST) -> Review:
    """What the operator wants to know of one basket before turning a threshold; spreads with it count too.

    A rule whose data are too short for a rate has none. Raises KeyError if the board has no such basket.
    """
    _ = board.series[basket]
    rates: list[tuple[str, tuple[RungRate, ...]]] = []
    said: list[Said] = []
    for question in questions(board, rules):
        if basket not in question.baskets:
            continue
        subjects = tuple(tracks(board, question))
        heard = hearings(question.rule, subjects, close_after)
        said += [_said(question, one) for one in heard[-latest:]]
        years = Years.of(sessions_of(subjects))
        if years is not None:
            rates.append((question.rule.name, tuple(_rate(rung, heard, years) for rung in question.rule.rungs)))
    said.sort(key=lambda one: one.session, reverse=True)
    return Review(tuple(rates), tuple(said[:latest]))


def _rate(rung: Rung, heard: tuple[Hearing, ...], years: Years) -> RungRate:
    return RungRate(rung, Rate(int(years.counts(days_reached(heard, rung.severity)).sum()), years.whole))


def _said(question: Question, heard: Hearing) -> Said:
    rule = question.rule
    return Said(
        session=heard.session,
        rule=rule.name,
        basket=question.basket,
        against=rule.contrast[1] if rule.contrast else None,
        reason=heard.reason,
        severity=heard.severity,
        rung=next(rung for rung in rule.rungs if rung.severity == heard.severity),
        size=heard.size(rule),
        members=tuple(word.member for word in heard.words if word.member),
    )
