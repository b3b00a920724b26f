"""Which headlines are about the losers, in time, and worth one of two places."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.baskets import BasketId
from bot.context.headlines import Headline, largest_losers, select_headlines
from bot.prices.bars import Symbol
from tests.golden.scenes import SCENES
from tests.unit.engine.small_world import DAYS, WARNED, rulebook, world
from tests.world import spoken

SINCE = datetime(2026, 7, 1, 20, tzinfo=UTC)
UNTIL = datetime(2026, 7, 2, 20, 20, tzinfo=UTC)
NOON = datetime(2026, 7, 2, 12, tzinfo=UTC)
MU, SNDK, ARM = Symbol("MU"), Symbol("SNDK"), Symbol("ARM")
NAMES = {MU: "Micron", SNDK: "SK hynix", ARM: "Arm"}


def said(title: str, at: datetime = NOON, symbols: tuple[Symbol, ...] = (), publisher: str = "The Wire") -> Headline:
    return Headline(title, publisher, "https://example.org/a", at, symbols)


def chosen(*found: Headline, about: tuple[Symbol, ...] = (MU, SNDK, ARM)) -> list[str]:
    return [one.title for one in select_headlines(found, about, NAMES, SINCE, UNTIL)]


@pytest.mark.parametrize(
    ("title", "counts"),
    [
        ("Micron plunges", True),
        ("MICRON PLUNGES", True),
        ("Why micron-sized dust matters", False),
        ("Micronesia votes", False),
        ("Shares of (MU) fall", True),
        ("$MU falls", True),
        ("mu, the letter", False),
        ("MUFG falls", False),
        ("SK Hynix slumps", True),
        ("Arm falls", True),
        ("A shot in the arm for Arma", False),
        ("Oil rises", False),
    ],
)
def test_a_title_is_about_a_company_that_it_has_as_a_word(title: str, counts: bool) -> None:
    assert chosen(said(title)) == ([title] if counts else [])


def test_a_ticker_of_one_letter_is_a_word_like_others() -> None:
    assert chosen(said("A Fall"), about=(Symbol("A"),)) == []
    assert chosen(said("A Fall", symbols=(Symbol("A"),)), about=(Symbol("A"),)) == ["A Fall"]


def test_an_exchange_is_no_part_of_a_ticker() -> None:
    assert chosen(said("Samsung (005930) falls"), about=(Symbol("005930.KS"),)) == ["Samsung (005930) falls"]
    assert chosen(said("The SOX falls"), about=(Symbol("^SOX"),)) == ["The SOX falls"]


def test_a_name_in_the_title_counts_more_than_where_it_is_filed_and_the_larger_loser_more_than_the_newer() -> None:
    filed = said("Stocks to watch", NOON + timedelta(hours=2), (MU,))
    second = said("SK hynix falls", NOON + timedelta(hours=1))
    first, older = said("Micron falls"), said("Micron is falling", NOON - timedelta(hours=1))
    assert chosen(filed, second) == ["SK hynix falls", "Stocks to watch"]
    ranked = ["Micron falls", "Micron is falling", "SK hynix falls", "Stocks to watch"]
    assert chosen(filed, second, older, first) == ranked


def test_one_title_of_several_publishers_counts_once() -> None:
    again = said("MICRON  falls", NOON - timedelta(hours=1), publisher="The Copy")
    assert chosen(again, said("Micron falls"), again) == ["Micron falls"]


@pytest.mark.parametrize(
    ("at", "counts"),
    [(SINCE, False), (SINCE + timedelta(seconds=1), True), (UNTIL, True), (UNTIL + timedelta(seconds=1), False)],
)
def test_what_is_not_of_the_window_does_not_count(at: datetime, counts: bool) -> None:
    assert bool(chosen(said("Micron falls", at))) is counts


def test_what_cannot_be_quoted_whole_takes_no_place() -> None:
    assert chosen(said("Micron " + "x" * 10_000), said("Micron falls", publisher="x" * 61)) == []
    assert chosen(said("\u200b", symbols=(MU,)), said("Micron falls", publisher="\u202e")) == []


@given(
    st.lists(
        st.builds(
            Headline,
            st.text(max_size=20) | st.sampled_from(["Micron falls", "MU", "SK hynix"]),
            st.just("The Wire"),
            st.text(max_size=9),
            st.datetimes(datetime(2026, 6, 30), datetime(2026, 7, 4), timezones=st.just(UTC)),  # noqa: DTZ001
            st.lists(st.sampled_from([MU, SNDK, ARM, Symbol("X")]), max_size=2).map(tuple),
        ),
        max_size=12,
    )
)
def test_whatever_comes_few_are_chosen_and_none_against_the_rules(found: list[Headline]) -> None:
    got = select_headlines(found, (MU, SNDK), NAMES, SINCE, UNTIL)
    assert len(got) <= 5
    assert set(got) <= set(found)
    assert all(SINCE < one.at <= UNTIL for one in got)
    assert len({" ".join(one.title.casefold().split()) for one in got}) == len(got)
    filed = [one for one in found if SINCE < one.at <= UNTIL and MU in one.symbols and any(map(str.isalnum, one.title))]
    assert bool(got) >= bool(filed)


def test_the_press_is_asked_about_the_members_that_dragged_the_basket_down() -> None:
    deeper = {"CC": {WARNED: -0.12}, "AA": {WARNED: -0.10}, "DD": {WARNED: -0.08}, "BB": {WARNED: -0.04}}
    board, found = world(deeper | {"EE": {WARNED: 0.05}, "XX": {WARNED: -0.02}}).alerts(rulebook())
    (fall,) = [one for one in spoken(found, "fall") if one.session == DAYS[WARNED] and one.subject.basket == "tech"]
    assert largest_losers(board, fall) == ("CC", "AA", "DD")


@pytest.mark.parametrize("scene", ["a_gap_that_opens_upwards", "a_gap_that_opens_downwards"])
def test_of_two_baskets_the_one_that_is_behind_is_asked_about(scene: str) -> None:
    made = SCENES[scene]()
    board, found = made.world.alerts(made.rulebook)
    (alert,) = [one for one in found if one.session == made.world.days[-1] and one.subject.against]
    verdict = alert.decisions[0].evidence.verdict
    assert verdict is not None
    behind = alert.subject.against if verdict.move > 0 else alert.subject.basket
    asked = largest_losers(board, alert)
    assert asked
    assert set(asked) <= set(board.series[BasketId(behind)].basket.symbols)


def test_an_alert_about_members_asks_about_these() -> None:
    made = SCENES["three_members_enter_a_bear_market"]()
    board, found = made.world.alerts(made.rulebook)
    alert = [one for one in spoken(found, made.speaking) if one.session == made.world.days[-1]][-1]
    moves = {
        Symbol(one.subject.member): one.evidence.verdict.move
        for one in alert.decisions
        if one.evidence.verdict is not None
    }
    assert len(moves) == 3
    assert largest_losers(board, alert) == tuple(sorted(moves, key=moves.__getitem__))
