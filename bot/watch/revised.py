"""Which published sentences does a corrected close make untrue?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from bot.alerts import Rule, Subject
from bot.baskets import BasketId
from bot.prices import Symbol
from bot.statistics import Board, Verdict

# Messages show per cents with one decimal.
DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Published:
    """What was said of: a rule's subject on a session."""

    rule: Rule
    subject: Subject
    session: date


@dataclass(frozen=True, slots=True)
class Correction:
    """Figures of something published as they were and as they are now; None = there is no reading any more."""

    published: Published
    old: Verdict
    new: Verdict | None


def corrections(before: Board, after: Board, published: Iterable[Published]) -> tuple[Correction, ...]:
    """What of `published` reads otherwise on `after` than on `before`.

    A sentence has the move, its rank and the session it is the worst since. `before` is the board of the same bars
    with the revisions `undone`.
    """
    found = []
    for one in published:
        old, new = _verdict(before, one), _verdict(after, one)
        if old is not None and (new is None or _said(old) != _said(new)):
            found.append(Correction(one, old, new))
    return tuple(found)


def _said(verdict: Verdict) -> tuple[object, ...]:
    rarity = (verdict.rank, verdict.worst_since, verdict.record, verdict.state)
    return (round(verdict.move, DECIMALS), *rarity)


def _verdict(board: Board, one: Published) -> Verdict | None:
    basket, window = one.subject.basket, one.rule.window
    if basket not in board.series:
        return None
    if one.subject.against:
        return board.spread_at(basket, BasketId(one.subject.against), window, one.session)
    position = board.position(basket, one.session)
    if position is None:
        return None
    if one.subject.member:
        return board.of_member(basket, Symbol(one.subject.member), window).at(position)
    return board.of_basket(basket, window).at(position)
