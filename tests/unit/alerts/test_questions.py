"""Whom the rules ask about, and what a session shows of them."""

from __future__ import annotations

from datetime import date

import pytest

from bot.alerts.conditions import Evidence
from bot.alerts.episodes import Subject
from bot.alerts.rules import Rule
from bot.alerts.targets import contrast_verdict, rule_targets
from bot.baskets import Basket, BasketId, Member
from bot.prices.bars import Symbol
from bot.statistics.market_stats import MarketStats
from tests.world import NEW_YORK, SEOUL, World, basket, book, contrast, falling, rule, weekdays

DAYS = weekdays(60)
LAST = DAYS[-1]
LOW = {"warning": {"day_low": -0.1}}
PAIR, LONE, ABROAD = basket("pair", "A", "B"), basket("lone", "A"), basket("abroad", "C.KS", calendar=SEOUL)


def board(*rules: Rule, baskets: tuple[Basket, ...] = (PAIR, LONE, ABROAD), shut: tuple[date, ...] = ()) -> MarketStats:
    world = World(DAYS, {SEOUL: shut})
    for seed, symbol in enumerate(("A", "B", "C.KS")):
        count = len(world.sessions(SEOUL if symbol == "C.KS" else NEW_YORK)) - 1
        world.trade(symbol, falling(count, {-1: -0.05}, seed), lows={-1: -0.12 - seed / 100})
    return world.board(book(baskets, *rules))


def seen(of: MarketStats, asked: Rule, session: date = LAST) -> dict[Subject, Evidence]:
    """Everything the rule sees on a session."""
    found = [question.evidence(of, session, frozenset(), every=True) for question in rule_targets(of, (asked,))]
    return {subject: evidence for evidences in found for subject, evidence in evidences}


def test_a_rule_is_asked_of_each_of_its_baskets_that_can_be_valued() -> None:
    asked = rule("fall", "pair", "lone", "elsewhere")
    gap, half = contrast("gap", "pair", "lone", {}), contrast("half", "pair", "elsewhere", {})
    of = board(asked, gap, half)
    found = rule_targets(of, (asked, gap, half))
    assert [(one.rule.name, one.basket, one.baskets) for one in found] == [
        ("fall", "pair", ("pair",)),
        ("fall", "lone", ("lone",)),
        ("gap", "pair", ("pair", "lone")),
    ]


def test_a_rule_about_baskets_sees_the_basket() -> None:
    asked = rule("fall", "pair", window=3)
    of = board(asked)
    ((subject, evidence),) = seen(of, asked).items()
    assert subject == Subject("fall", BasketId("pair"))
    assert evidence.verdict == of.of_basket(BasketId("pair"), 3).at(59)
    assert evidence.day_low is None


def test_a_rule_about_members_sees_each_by_itself() -> None:
    asked = rule("plunge", "pair", levels=LOW, members=True)
    of = board(asked)
    found = seen(of, asked)
    assert [subject.member for subject in found] == ["A", "B"]
    assert [evidence.day_low for evidence in found.values()] == pytest.approx([-0.12, -0.13], abs=1e-12)
    assert [evidence.verdict for evidence in found.values()] == [
        of.of_member(BasketId("pair"), Symbol(symbol), 2).at(59) for symbol in "AB"
    ]


def test_a_rule_about_members_sees_a_lone_one_as_the_basket() -> None:
    asked = rule("plunge", "lone", levels=LOW, members=True)
    ((subject, evidence),) = seen(board(asked), asked).items()
    assert subject == Subject("plunge", BasketId("lone"))
    assert evidence.day_low == pytest.approx(-0.12, abs=1e-12)


def test_members_that_do_not_belong_are_not_asked_about() -> None:
    left = basket("pair", "A", Member(Symbol("B"), until=DAYS[40]))
    asked = rule("plunge", "pair", levels=LOW, members=True)
    of = board(asked, baskets=(left,))
    assert [subject.member for subject in seen(of, asked, DAYS[40])] == ["A", "B"]
    assert [subject.member for subject in seen(of, asked, DAYS[41])] == ["A"]


def test_a_contrast_sees_the_spread() -> None:
    asked = contrast("gap", "pair", "lone", {"warning": {"percentile": 1.0}})
    of = board(asked)
    ((subject, evidence),) = seen(of, asked).items()
    assert subject == Subject("gap", BasketId("pair"), against="lone")
    moves = [of.of_basket(BasketId(name), 2).at(59) for name in ("pair", "lone")]
    assert evidence.verdict is not None
    assert evidence.verdict.move == pytest.approx(moves[0].move - moves[1].move, abs=1e-15)  # type: ignore[union-attr]


def test_a_spread_that_opens_upwards_is_held_against_the_widest() -> None:
    upward = contrast("gap", "lone", "pair", {"warning": {"percentile": 99.0}})
    downward = contrast("gap", "pair", "lone", {"warning": {"percentile": 1.0}})
    of = board()
    for day in DAYS[2:]:
        up, down = contrast_verdict(of, upward, day), contrast_verdict(of, downward, day)
        assert up is not None
        assert down is not None
        assert up.move == -down.move
        assert (up.record, up.worst_since, up.sessions_since_worst, up.worst_in_years) == (
            down.record, down.worst_since, down.sessions_since_worst, down.worst_in_years
        )  # fmt: skip
        assert up.rank + down.rank == up.sample + 1  # there are no ties here


def test_a_contrast_sees_no_spread_on_a_session_that_is_not_common() -> None:
    asked = contrast("gap", "lone", "abroad", {"warning": {"percentile": 1.0}})
    of = board(asked, shut=(DAYS[30],))
    assert [evidence.verdict for evidence in seen(of, asked, DAYS[30]).values()] == [None]
    assert [evidence.verdict for evidence in seen(of, asked, DAYS[29]).values()] != [None]


def test_no_session_no_question() -> None:
    asked = rule("fall", "abroad")
    of = board(asked, shut=(DAYS[30],))
    assert seen(of, asked, DAYS[30]) == {}
    assert seen(of, asked, date(2015, 1, 3)) == {}
