"""What is said when prices cannot be believed, and to whom?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from bot.baskets import BasketId
from bot.engine.incidents import IncidentKind, IncidentNotice, UnconfirmedNotice, UnevaluatedSessions
from bot.engine.schedule import EvaluationTiming
from bot.errors import NoData, SourceUnreachable
from bot.prices.bars import Bars, CorporateAction, Symbol
from bot.prices.quality_filter import QualityFilter
from bot.statistics.verdict import DrawdownState
from tests.unit.engine.small_world import DAYS, TECH, WARNED, rulebook, world
from tests.unit.engine.tape import SETTLE, Notebook, PowerFailure, Stage, Tape
from tests.virtual import VirtualClock
from tests.world import SEOUL, rule

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
QUIET = 100  # nothing happens on this session, nor in the weeks before
EVERY = (*TECH, "XX", "YY", "S.KS", "T.KS")
HEAVY = 8.0


@dataclass
class Ear:
    """What the operators heard."""

    heard: list[IncidentNotice | UnconfirmedNotice] = field(default_factory=list)

    async def __call__(self, told: Sequence[IncidentNotice | UnconfirmedNotice]) -> None:
        self.heard += told

    def unsure(self) -> list[tuple[date, tuple[str, ...]]]:
        return [(one.notification.session, one.depends_on) for one in self.heard if isinstance(one, UnconfirmedNotice)]

    def troubles(self, state: IncidentKind) -> list[tuple[str, bool]]:
        """About what, and whether it was the end."""
        notices = (one for one in self.heard if isinstance(one, IncidentNotice) and one.incident.kind is state)
        return [(one.incident.about, one.ended is not None) for one in notices]


def listening(stage: Stage) -> Ear:
    """What the operators hear of a watch that doubts."""
    ear = Ear()
    stage.engine.quality_filter, stage.engine.notify = QualityFilter(), ear
    return ear


@pytest.fixture
def ear(stage: Stage) -> Ear:
    return listening(stage)


def spoil(stage: Stage, symbol: str, at: int, factor: float, *, until: int | None = None, volume: float = 1.0) -> None:
    """All prices of a symbol from session `at` on, up to but without `until`, are told `factor` times too high."""
    rows = stage.tape.world.rows
    one = rows[Symbol(symbol)]
    told = (one.dates >= np.datetime64(DAYS[at])) & (one.dates < np.datetime64(DAYS[until or len(DAYS) - 1]))
    close, high, low = (np.where(told, factor, 1.0) * price for price in (one.close, one.high, one.low))
    shares = np.where(one.dates == np.datetime64(DAYS[at]), volume, 1.0) * 1e6
    rows[one.symbol] = replace(one, close=close, adjusted=close, high=high, low=low, volume=shares)


def timed(stage: Stage, symbols: Sequence[str], newest: datetime | None = None) -> None:
    """The source tells the times of these symbols' prices: now, or `newest`."""
    untold = stage.tape.bars

    def bars(symbol: Symbol) -> Bars:
        time = newest if symbol in symbols and newest is not None else stage.tape.clock.now()
        return replace(untold(symbol), as_of=time)

    stage.engine.source = type("Timed", (), {"bars": staticmethod(bars)})()


async def judge(stage: Stage, at: int, waits: Sequence[int] = (20, 25, 30)) -> list[list[tuple[date, str, str]]]:
    """What has been said at each of these minutes after the close of session `at`."""
    said = []
    for minutes in waits:
        await stage.look(stage.tape.close(DAYS[at]) + minutes * MINUTE)
        said.append([one for one in stage.journal.said() if one[0] == DAYS[at]])
    return said


TOLD = [(DAYS[WARNED], "tech", "warning"), (DAYS[WARNED], "tech/oil", "warning")]


# An error on a quiet day


@pytest.mark.parametrize("factor", [1 / 2, 1 / 10, 2 / 3])
async def test_a_split_that_nobody_told_of_makes_no_headline(stage: Stage, ear: Ear, factor: float) -> None:
    spoil(stage, "AA", QUIET, factor)
    await stage.after(DAYS[QUIET - 1])
    assert await judge(stage, QUIET) == [[], [], []]
    assert ear.unsure() == [(DAYS[QUIET], ("AA",)), (DAYS[QUIET], ("AA",))]
    assert ear.troubles(IncidentKind.SUSPECT) == [("AA", False)]
    assert stage.journal.judged("tech")[-1] == DAYS[QUIET]
    await stage.after(DAYS[QUIET + 1])
    await stage.after(DAYS[QUIET + 2])
    assert [one for one in stage.journal.said() if one[0] > DAYS[QUIET - 1]] == []
    assert len(ear.troubles(IncidentKind.SUSPECT)) == 1


async def test_what_people_ask_about_is_without_the_doubtful_price(stage: Stage, ear: Ear) -> None:
    spoil(stage, "AA", QUIET, 0.1)
    await stage.after(DAYS[QUIET])
    assert stage.engine.stats is not None  # /status and /chart show it
    verdict = stage.engine.stats.of_basket(BasketId("tech"), 2).at(QUIET)
    assert verdict is not None
    assert verdict.coverage == pytest.approx(0.8)
    assert abs(verdict.move) < 0.02


async def test_a_basket_waits_for_its_doubts_and_no_other_does(stage: Stage, ear: Ear) -> None:
    spoil(stage, "AA", QUIET, 0.5)
    await stage.after(DAYS[QUIET - 1])
    waited = []
    for minutes in (20, 25, 29, 30):
        await stage.look(stage.tape.close(DAYS[QUIET]) + minutes * MINUTE)
        waited.append((stage.journal.judged("tech")[-1], stage.journal.judged("oil")[-1]))
    before, now = DAYS[QUIET - 1], DAYS[QUIET]
    assert waited == [(before, now), (before, now), (before, now), (now, now)]


async def test_a_split_that_the_feed_tells_of_is_taken_out_at_once(stage: Stage, ear: Ear) -> None:
    spoil(stage, "AA", QUIET, 1 / 10)
    rows = stage.tape.world.rows
    rows[Symbol("AA")] = replace(rows[Symbol("AA")], actions=(CorporateAction(DAYS[QUIET], 10.0),))
    await stage.after(DAYS[QUIET - 1])
    assert await judge(stage, QUIET, [20]) == [[]]
    assert stage.journal.judged("tech")[-1] == DAYS[QUIET]
    assert ear.heard == []


async def test_a_doubtful_rise_does_not_hide_a_fall_that_depends_on_a_doubtful_one(stage: Stage, ear: Ear) -> None:
    """Without both too little is left to judge by, and with both the basket stands still."""
    spoil(stage, "AA", WARNED, 1.7)
    spoil(stage, "BB", WARNED, 0.75)
    await stage.after(DAYS[WARNED - 1])
    assert (await judge(stage, WARNED))[-1] == []
    assert (DAYS[WARNED], ("AA", "BB")) in ear.unsure()


def spin_off(stage: Stage, factor: float) -> None:
    """AA trades heavily at `factor` of its price, and the feed tells of a payment of a quarter of that."""
    spoil(stage, "AA", QUIET, factor, volume=HEAVY)
    rows = stage.tape.world.rows
    one = rows[Symbol("AA")]
    paid = CorporateAction(DAYS[QUIET], dividend=float(one.close[QUIET] / 4))
    rows[one.symbol] = replace(one, actions=(paid,))


async def test_a_spin_off_that_is_told_of_and_not_taken_out_is_none(stage: Stage, ear: Ear) -> None:
    spin_off(stage, 0.8)
    await stage.after(DAYS[QUIET - 1])
    assert await judge(stage, QUIET, [20]) == [[]]
    assert stage.journal.judged("tech")[-1] == DAYS[QUIET]
    assert ear.heard == []


async def test_of_a_spin_off_on_the_day_of_a_plunge_the_operators_hear(stage: Stage, ear: Ear) -> None:
    """The move is not that of the payment, and heavy trading does not say how much of it was one."""
    spin_off(stage, 0.6)
    await stage.after(DAYS[QUIET - 1])
    assert (await judge(stage, QUIET))[-1] == []
    assert (DAYS[QUIET], ("AA",)) in ear.unsure()


async def test_a_bad_tick_of_one_look_is_nothing(stage: Stage, ear: Ear) -> None:
    await stage.after(DAYS[QUIET - 1])
    good = stage.tape.world.rows[Symbol("AA")]
    spoil(stage, "AA", QUIET, 0.6, until=QUIET + 1)
    await judge(stage, QUIET, [20])
    stage.tape.world.rows[Symbol("AA")] = good
    assert await judge(stage, QUIET, [25]) == [[]]
    assert stage.journal.judged("tech")[-1] == DAYS[QUIET]
    assert ear.unsure() == []
    assert ear.troubles(IncidentKind.SUSPECT) == [("AA", False), ("AA", True)]


async def test_the_first_start_says_nothing_unconfirmed_of_the_past(stage: Stage, ear: Ear) -> None:
    spoil(stage, "AA", QUIET, 0.5)
    await judge(stage, QUIET + 3)
    assert stage.journal.judged("tech")[-1] == DAYS[QUIET + 3]
    assert ear.unsure() == []


# A true fall, and an error on top


@pytest.mark.parametrize("factor", [1 / 2, 1 / 10, 100, 1 / 100, 10])
async def test_a_true_fall_is_told_at_once_without_the_wrong_price(stage: Stage, ear: Ear, factor: float) -> None:
    spoil(stage, "AA", WARNED, factor)
    await stage.after(DAYS[WARNED - 1])
    assert await judge(stage, WARNED, [20]) == [TOLD]
    text = next(one for one in stage.journal.events.values() if one.baskets == ("tech",)).messages[0].plain
    assert "−7.3 % in two sessions" in text
    assert "4 of 5 prices" in text
    assert ear.unsure() == []


async def test_a_wrong_rise_hides_a_true_fall_from_all_but_the_operators(stage: Stage, ear: Ear) -> None:
    spoil(stage, "AA", WARNED, 1.6)
    await stage.after(DAYS[WARNED - 1])
    assert await judge(stage, WARNED) == [[], [], []]
    assert ear.unsure() == [(DAYS[WARNED], ("AA",))] * 2
    (unsure, *_) = (one for one in ear.heard if isinstance(one, UnconfirmedNotice))
    assert "−7.3 % in two sessions" in unsure.notification.messages[0].plain


async def test_members_are_heard_where_their_basket_cannot_tell_of_them(stage: Stage, ear: Ear) -> None:
    """A basket's fall mutes its members' news, but not while it is unconfirmed itself."""
    plunge = rule("plunge", "tech", members=True, levels={"notice": {"move": -0.05}})
    book = replace(stage.book, rules=(*stage.book.rules, plunge))
    stage.engine.config = replace(stage.engine.config, rulebook=book)
    spoil(stage, "AA", WARNED, 1.6)
    await stage.after(DAYS[WARNED - 1])
    await judge(stage, WARNED)
    (told,) = (one for one in stage.journal.events.values() if one.session == DAYS[WARNED])
    assert told.key.startswith("plunge/tech/")
    assert "BB,CC,DD,EE" in told.key


# One name alone


async def test_a_crash_of_one_name_in_heavy_trading_is_told_at_the_second_look(stage: Stage, ear: Ear) -> None:
    spoil(stage, "AA", QUIET, 0.6, volume=HEAVY)
    await stage.after(DAYS[QUIET - 1])
    first, second = await judge(stage, QUIET, [20, 25])
    assert first == []
    assert second[0] == (DAYS[QUIET], "tech", "warning")
    assert ear.unsure() == []


async def test_a_second_look_within_a_minute_settles_nothing(stage: Stage, ear: Ear) -> None:
    spoil(stage, "AA", QUIET, 0.6, volume=HEAVY)
    await stage.after(DAYS[QUIET - 1])
    for seconds in (0, 59):
        await stage.look(stage.tape.close(DAYS[QUIET]) + SETTLE + timedelta(seconds=seconds))
        assert [one for one in stage.journal.said() if one[0] == DAYS[QUIET]] == []


async def test_without_heavy_trading_it_goes_to_the_operators_after_ten_minutes(stage: Stage, ear: Ear) -> None:
    spoil(stage, "AA", QUIET, 0.6, volume=1.5)
    await stage.after(DAYS[QUIET - 1])
    assert await judge(stage, QUIET) == [[], [], []]
    assert (DAYS[QUIET], ("AA",)) in ear.unsure()


def crashes(stage: Stage, *, kept: bool) -> None:
    """At the next commit."""
    stage.journal.fails_at, stage.journal.kept = len(stage.journal.commits), kept


async def after_the_crash(stage: Stage, ear: Ear, looks: Sequence[datetime]) -> None:
    """A new process, whose operators are the same."""
    stage.restart()
    stage.engine.quality_filter, stage.engine.notify = QualityFilter(), ear
    for when in looks:
        await stage.look(when)


@pytest.mark.parametrize("kept", [False, True], ids=["before", "after"])
async def test_a_crash_beside_a_commit_keeps_no_unconfirmed_alert_from_the_operators(
    stage: Stage, ear: Ear, kept: bool
) -> None:
    close = stage.tape.close(DAYS[QUIET])
    spoil(stage, "AA", QUIET, 0.6)
    await stage.after(DAYS[QUIET - 1])
    await judge(stage, QUIET, [20])
    crashes(stage, kept=kept)
    with pytest.raises(PowerFailure):
        await judge(stage, QUIET, [30, 31])
    await after_the_crash(stage, ear, [close + wait * MINUTE for wait in (36, 47)])
    # What is told a second time has the same key, under which it is stored once.
    assert (
        len({one.notification.key for one in ear.heard if isinstance(one, UnconfirmedNotice)})
        == len({*ear.unsure()}) + 1
        == 2
    )


@pytest.mark.parametrize("kept", [False, True], ids=["before", "after"])
async def test_a_crash_beside_a_commit_keeps_no_unjudged_session_from_the_operators(
    stage: Stage, ear: Ear, kept: bool
) -> None:
    late = stage.tape.close(DAYS[QUIET]) + EvaluationTiming().max_wait + MINUTE
    stage.tape.late = {(symbol, DAYS[QUIET]): late + HOUR for symbol in TECH}
    await stage.after(DAYS[QUIET - 1])
    crashes(stage, kept=kept)
    with pytest.raises(PowerFailure):
        await stage.look(late)
    await after_the_crash(stage, ear, [late + MINUTE])
    told = {one for told in ear.heard if isinstance(told, UnevaluatedSessions) for one in told.sessions}
    assert (BasketId("tech"), DAYS[QUIET]) in told


# Members by themselves


PLUNGE = rule("plunge", "tech", members=True, levels={"warning": {"day_low": -0.10}})
BEAR = rule("bear", "tech", members=True, levels={"warning": {"enters": DrawdownState.BEAR}})


@pytest.fixture
def members(stage: Stage) -> Stage:
    """The rules of the shipped configuration that look at members alone."""
    stage.engine.config = replace(stage.engine.config, rulebook=replace(stage.book, rules=(PLUNGE, BEAR)))
    return stage


def lowest(stage: Stage, symbol: str, at: int, low: float, close: float | None = None) -> None:
    """The low of session `at` against the close before, and the close that the rest of time keeps to."""
    rows = stage.tape.world.rows
    one = rows[Symbol(symbol)]
    row = int(np.searchsorted(one.dates, np.datetime64(DAYS[at])))
    prices, lows = one.close.copy(), one.low.copy()
    if close is not None:
        factor = (1 + close) * prices[row - 1] / prices[row]
        prices[row:] *= factor
        lows[row:] *= factor
    lows[row] = (1 + low) * prices[row - 1]
    rows[one.symbol] = replace(one, close=prices, adjusted=prices, low=lows, high=np.fmax(prices, lows))


@pytest.mark.parametrize("low", [-0.11, -0.2, -0.6])
async def test_a_wrong_low_makes_no_plunge(members: Stage, ear: Ear, low: float) -> None:
    lowest(members, "AA", QUIET, low)
    await members.after(DAYS[QUIET - 1])
    assert await judge(members, QUIET) == [[], [], []]
    assert ear.unsure() == [(DAYS[QUIET], ("AA",))]
    assert ear.troubles(IncidentKind.SUSPECT) == [("AA", False)]
    assert members.journal.judged("tech", "plunge")[-1] == DAYS[QUIET]


async def test_without_the_gate_it_would(members: Stage) -> None:
    lowest(members, "AA", QUIET, -0.2)
    await members.after(DAYS[QUIET - 1])
    assert await judge(members, QUIET, [20]) == [[(DAYS[QUIET], "tech", "warning")]]


async def test_a_plunge_that_the_close_bears_out_is_told_at_once(members: Stage, ear: Ear) -> None:
    lowest(members, "AA", QUIET, -0.13, close=-0.09)
    await members.after(DAYS[QUIET - 1])
    assert await judge(members, QUIET, [20]) == [[(DAYS[QUIET], "tech", "warning")]]
    assert ear.heard == []


async def test_a_wrong_low_hides_no_plunge_of_another(members: Stage, ear: Ear) -> None:
    lowest(members, "AA", QUIET, -0.5)
    lowest(members, "BB", QUIET, -0.13, close=-0.09)
    await members.after(DAYS[QUIET - 1])
    await judge(members, QUIET)
    (told,) = (one for one in members.journal.events.values() if one.session == DAYS[QUIET])
    assert told.key.startswith("plunge/tech/")
    assert "BB" in told.key
    assert "AA" not in told.key
    assert ear.unsure() == [(DAYS[QUIET], ("AA",))]


@pytest.mark.parametrize("factor", [0.7, 0.5, 0.1])
async def test_a_wrong_close_makes_no_bear_market(members: Stage, ear: Ear, factor: float) -> None:
    spoil(members, "AA", QUIET, factor)
    await members.after(DAYS[QUIET - 1])
    assert await judge(members, QUIET) == [[], [], []]
    # Of the two rules each says so: the wrong price is a low as well.
    assert ear.unsure() == [(DAYS[QUIET], ("AA",))] * 2


# While the session is open


async def test_nothing_provisional_depends_on_a_doubtful_price(stage: Stage, ear: Ear) -> None:
    stage.engine.config = replace(stage.engine.config, timing=EvaluationTiming())
    await stage.after(DAYS[QUIET - 1])
    stage.tape.live = {("AA", DAYS[QUIET]): 0.5}
    noon = stage.tape.close(DAYS[QUIET]) - 3 * HOUR
    await stage.every(5 * MINUTE, noon, noon + HOUR)
    assert stage.journal.said() == []
    assert ear.unsure() == [(DAYS[QUIET], ("AA",))] * 2  # the basket and the spread, once each
    stage.tape.live = {(symbol, DAYS[QUIET]): 0.93 for symbol in TECH}
    await stage.every(5 * MINUTE, noon + HOUR, noon + HOUR + 5 * MINUTE)
    assert [one[1] for one in stage.journal.said()] == ["tech", "tech/oil"]


async def test_two_looks_at_the_same_price_count_once(stage: Stage, ear: Ear) -> None:
    stage.engine.config = replace(stage.engine.config, timing=EvaluationTiming())
    await stage.after(DAYS[QUIET - 1])
    stage.tape.live = {(symbol, DAYS[QUIET]): 0.93 for symbol in TECH}
    noon = stage.tape.close(DAYS[QUIET]) - 3 * HOUR
    timed(stage, EVERY, noon)
    await stage.look(noon + MINUTE)
    await stage.look(noon + 6 * MINUTE)
    assert stage.journal.said() == []
    timed(stage, EVERY, noon + 9 * MINUTE)
    await stage.look(noon + 11 * MINUTE)
    assert [one[1] for one in stage.journal.said()] == ["tech", "tech/oil"]


# What is wrong


async def test_an_outage_is_told_when_it_begins_and_when_it_ends(stage: Stage, ear: Ear) -> None:
    await stage.after(DAYS[WARNED - 1])
    for down, minutes in ((set(EVERY), 20), (set(EVERY), 25), ({"AA"}, 30), (set(), 35), (set(EVERY[:3]), 40)):
        stage.tape.down = down
        try:
            await stage.look(stage.tape.close(DAYS[WARNED]) + minutes * MINUTE)
        except SourceUnreachable:
            assert down == set(EVERY)
    assert ear.troubles(IncidentKind.OUTAGE) == [("", False), ("", True)]


async def test_many_unknown_symbols_are_an_outage_and_keep_their_past(stage: Stage, ear: Ear) -> None:
    await stage.after(DAYS[WARNED - 1])
    past, asked = stage.tape.world.until(DAYS[WARNED - 1]).rows, stage.tape.bars
    stage.engine.load_history = past.get

    def bars(symbol: Symbol) -> Bars:
        if symbol in {"AA", "BB"}:
            raise NoData(f"{symbol}: possibly delisted")
        return asked(symbol)

    stage.engine.source = type("Limited", (), {"bars": staticmethod(bars)})()
    await stage.after(DAYS[WARNED])
    assert ear.troubles(IncidentKind.OUTAGE) == [("", False)]
    assert stage.journal.said() == []  # three of five are too few: without their past, two would be no members
    stage.engine.source = stage.tape
    await stage.after(DAYS[WARNED], wait=2 * SETTLE)
    assert stage.journal.said() == TOLD


async def test_a_feed_that_stands_still_is_stale_and_nobody_is_judged_by_it(stage: Stage, ear: Ear) -> None:
    stage.engine.config = replace(stage.engine.config, timing=EvaluationTiming())
    await stage.after(DAYS[WARNED - 1])
    close = stage.tape.close(DAYS[WARNED])
    stage.tape.live = {(symbol, DAYS[WARNED]): 0.9 for symbol in TECH}
    timed(stage, [one for one in EVERY if not one.endswith(".KS")], close - 3 * HOUR)
    await stage.every(5 * MINUTE, close - 2 * HOUR, close + HOUR)
    assert stage.journal.said() == []
    assert ear.troubles(IncidentKind.STALE) == [("XNYS", False)]
    assert stage.journal.judged("tech")[-1] == DAYS[WARNED - 1]
    timed(stage, ())
    await stage.look(close + 2 * HOUR)
    assert stage.journal.said() == TOLD
    assert ear.troubles(IncidentKind.STALE) == [("XNYS", False), ("XNYS", True)]


async def test_one_old_price_among_fresh_ones_decides_nothing_alone(stage: Stage, ear: Ear) -> None:
    await stage.after(DAYS[WARNED - 1])
    timed(stage, ["AA"], stage.tape.close(DAYS[WARNED]) - 4 * HOUR)
    assert await judge(stage, WARNED, [20]) == [TOLD]
    assert ear.troubles(IncidentKind.SUSPECT) == [("AA", False)]
    text = next(one for one in stage.journal.events.values() if one.baskets == ("tech",)).messages[0].plain
    assert "4 of 5 prices" in text


async def test_prices_from_the_future_are_no_prices(stage: Stage, ear: Ear) -> None:
    await stage.after(DAYS[WARNED - 1])
    timed(stage, EVERY, stage.tape.close(DAYS[WARNED]) + 2 * HOUR)
    assert await judge(stage, WARNED, [20]) == [[]]
    assert stage.journal.judged("tech")[-1] == DAYS[WARNED - 1]


async def test_a_basket_without_a_reading_is_told_once_and_again_when_it_has_one(stage: Stage, ear: Ear) -> None:
    close = stage.tape.close(DAYS[WARNED])
    stage.tape.late = {(symbol, DAYS[WARNED]): close + HOUR for symbol in ("AA", "BB")}
    await stage.after(DAYS[WARNED - 1])
    ear.heard.clear()
    await stage.every(5 * MINUTE, close, close + 2 * HOUR)
    assert ear.troubles(IncidentKind.INSUFFICIENT_DATA) == [("tech", False), ("tech", True)]


async def test_an_outage_ends_no_other_trouble(stage: Stage, ear: Ear) -> None:
    close = stage.tape.close(DAYS[WARNED])
    stage.tape.late = {(symbol, DAYS[WARNED]): close + HOUR for symbol in ("AA", "BB")}
    await stage.after(DAYS[WARNED - 1])
    ear.heard.clear()
    await stage.after(DAYS[WARNED])
    stage.tape.down = set(EVERY)
    with pytest.raises(SourceUnreachable):
        await stage.look(close + 2 * SETTLE)
    assert ear.troubles(IncidentKind.INSUFFICIENT_DATA) == [("tech", False)]
    stage.tape.down = set()
    await stage.look(close + 2 * HOUR)
    assert ear.troubles(IncidentKind.OUTAGE) == [("", False), ("", True)]
    assert ear.troubles(IncidentKind.INSUFFICIENT_DATA) == [("tech", False), ("tech", True)]


async def test_seoul_cannot_move_by_more_than_it_allows(clock: VirtualClock) -> None:
    stage = Stage(Tape(world({"T.KS": {QUIET: -0.04}}), clock), rulebook(), Notebook(clock))
    ear = Ear()
    stage.engine.quality_filter, stage.engine.notify = QualityFilter(), ear
    spoil(stage, "S.KS", QUIET, 0.65)
    await stage.after(DAYS[QUIET - 1], SEOUL)
    close = stage.tape.close(DAYS[QUIET], SEOUL)
    await stage.every(5 * MINUTE, close, close + HOUR)
    assert [one for one in stage.journal.said() if one[1] == "korea"] == []
    assert ear.unsure() == []  # an impossible price holds nobody up
    assert ear.troubles(IncidentKind.SUSPECT) == [("S.KS", False)]
